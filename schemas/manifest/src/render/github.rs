//! Workflow commands, which GitHub shows as annotations of a pull request.

use super::report::{Format, Report, words};
use crate::{
    escape::escape,
    finding::{Finding, Severity},
};
use std::fmt::Write as _;

pub const FORMAT: Format =
    Format { name: "github", about: "annotations of a GitHub workflow", for_people: false, write };

/// GitHub shows about ten for each step and drops the others in silence: the tenth says how many there are.
const SHOWN_MAX: usize = 9;

fn write(report: &Report<'_>) -> String {
    let findings = &report.set.findings;
    // Errors first: what is left out must not be the worst.
    let mut order: Vec<&Finding> = findings.iter().collect();
    order.sort_by_key(|finding| finding.severity);
    let mut text: String = order.iter().take(SHOWN_MAX).map(|finding| command(report, finding)).collect();
    if let Some(worst) = order.get(SHOWN_MAX) {
        let more = order.len() - SHOWN_MAX;
        let verb = if more == 1 { "1 more finding is" } else { &format!("{more} more findings are") };
        let _ = writeln!(text, "::{}::{verb} not shown here; all are in the summary of the job", word(worst));
    }
    text
}

fn word(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    }
}

fn command(report: &Report<'_>, finding: &Finding) -> String {
    let (start, end) = report.places.range(finding.file, &finding.span);
    let mut place = format!("file={},line={},endLine={}", property(report.path(finding)), start.line, end.line);
    if start.line == end.line {
        let _ = write!(place, ",col={},endColumn={}", start.column, end.column);
    }
    let title = property(&format!("{}: {}", finding.code, finding.message));
    format!("::{} {place},title={title}::{}\n", word(finding), data(&words(finding)))
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(escape).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which `,` and `:` would end.
fn property(text: &str) -> String {
    data(&escape(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_ends_it() {
        assert_eq!(property("a,b:c%d\ne"), "a%2Cb%3Ac%25d\\ne");
        assert_eq!(data("50%: a,b\nc\r\u{1b}"), "50%25: a,b%0Ac\\r\\u{1b}");
    }
}
