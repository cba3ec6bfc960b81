//! Markdown for comments on pull requests and summaries of jobs.

use super::{
    report::{Format, Report, sentence},
    summary::headline,
};
use crate::{escape::escape, finding::Finding};
use std::fmt::Write as _;

pub const FORMAT: Format =
    Format { name: "md", about: "Markdown for a comment or the summary of a job", for_people: false, write };

/// Most rows of the table: a comment has room for about as many.
const SHOWN_MAX: usize = 50;

fn write(report: &Report<'_>) -> String {
    let findings = &report.set.findings;
    let mut text = format!("### standin validate\n\n{}\n", headline(report.set));
    if findings.is_empty() {
        return text;
    }
    text.push_str("\n| | where | what |\n| --- | --- | --- |\n");
    for finding in findings.iter().take(SHOWN_MAX) {
        text.push_str(&row(report, finding));
    }
    if let Some(more @ 1..) = findings.len().checked_sub(SHOWN_MAX) {
        let _ = writeln!(text, "\n... and {more} more");
    }
    text
}

fn row(report: &Report<'_>, finding: &Finding) -> String {
    let at = report.start(finding);
    let place = format!("{}:{}:{}", report.path(finding), at.line, at.column);
    let what = finding
        .notes
        .iter()
        .chain(&finding.helps)
        .fold(prose(&sentence(finding)), |text, more| text + "<br>" + &prose(more));
    format!("| {} {} | <code>{}</code> | {what} |\n", finding.severity.as_str(), finding.code, plain(&place))
}

/// A message, with what it quotes as code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return plain(text); // a backtick of its own
    }
    let part =
        |(n, part): (usize, &&str)| if n % 2 == 1 { format!("<code>{}</code>", plain(part)) } else { plain(part) };
    parts.iter().enumerate().map(part).collect()
}

/// A text that means nothing in Markdown or HTML.
fn plain(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' | '|' | '*' | '_' | '[' | ']' | '#' | '@' | '`' | '\\' | '~' | '!' | '$' => {
                let _ = write!(written, "&#{};", u32::from(c));
            }
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_is_markup() {
        assert_eq!(prose("`a|b` is *not*"), "<code>a&#124;b</code> is &#42;not&#42;");
        assert_eq!(prose("one ` <b>"), "one &#96; &#60;b&#62;");
        assert_eq!(plain("@anna\nx"), "&#64;anna&#92;nx");
    }
}
