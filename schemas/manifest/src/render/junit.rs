//! JUnit's XML: a suite for each file, a case for each object and area of rules.

use super::report::{Format, Report, sentence, words};
use crate::{codes, escape::escape, finding::Finding};
use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

pub const FORMAT: Format =
    Format { name: "junit", about: "JUnit's XML for Jenkins and others", for_people: false, write };

/// What is said about one object in one area.
#[derive(Default)]
struct Case<'a> {
    failures: Vec<&'a Finding>,
    others: Vec<&'a Finding>,
}

type Suite<'a> = BTreeMap<(String, &'static str), Case<'a>>;

fn write(report: &Report<'_>) -> String {
    let suites: Vec<Suite<'_>> = suites(report);
    let failed = |suite: &Suite<'_>| suite.values().filter(|case| !case.failures.is_empty()).count();
    let tests: usize = suites.iter().map(Suite::len).sum();
    let failures: usize = suites.iter().map(failed).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"standin validate\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n"
    );
    for (file, suite) in suites.iter().enumerate() {
        let path = xml(report.places.path(file));
        let _ = writeln!(
            text,
            "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\" errors=\"0\" file=\"{path}\">",
            suite.len(),
            failed(suite)
        );
        for ((subject, area), case) in suite {
            write_case(&mut text, report, subject, area, case);
        }
        text.push_str("  </testsuite>\n");
    }
    text + "</testsuites>\n"
}

/// Every case of every file, also those about which nothing is said: they are what was checked.
fn suites<'a>(report: &Report<'a>) -> Vec<Suite<'a>> {
    let mut suites: Vec<Suite<'_>> = report.files.iter().map(|_| Suite::new()).collect();
    for subject in &report.set.subjects {
        let Some(suite) = suites.get_mut(subject.file) else { continue };
        for (area, name) in codes::AREAS {
            // What YAML allows is a matter of the file.
            if *area != "DR00" {
                suite.entry((format!("{}/{}", subject.kind, subject.name), name)).or_default();
            }
        }
    }
    for suite in &mut suites {
        suite.entry(("file".to_owned(), codes::area("DR0001"))).or_default();
    }
    for finding in &report.set.findings {
        let Some(suite) = suites.get_mut(finding.file) else { continue };
        let subject =
            finding.object.as_ref().map_or_else(|| "file".to_owned(), |(kind, name)| format!("{kind}/{name}"));
        let case = suite.entry((subject, codes::area(finding.code))).or_default();
        if report.fails(finding) { case.failures.push(finding) } else { case.others.push(finding) }
    }
    suites
}

fn write_case(text: &mut String, report: &Report<'_>, subject: &str, area: &str, case: &Case<'_>) {
    let head = format!("    <testcase classname=\"{}\" name=\"{area}\"", xml(subject));
    if case.failures.is_empty() && case.others.is_empty() {
        let _ = writeln!(text, "{head}/>");
        return;
    }
    let _ = writeln!(text, "{head}>");
    if let Some(first) = case.failures.first() {
        let kinds: HashSet<&str> = case.failures.iter().map(|finding| finding.code).collect();
        let more = match case.failures.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = xml(&(sentence(first) + &more));
        let kind = if kinds.len() == 1 { first.code } else { area };
        let body = lines(report, &case.failures);
        let _ = writeln!(text, "      <failure type=\"{kind}\" message=\"{message}\">{body}</failure>");
    }
    if !case.others.is_empty() {
        let _ = writeln!(text, "      <system-out>{}</system-out>", lines(report, &case.others));
    }
    text.push_str("    </testcase>\n");
}

fn lines(report: &Report<'_>, findings: &[&Finding]) -> String {
    let one = |finding: &&Finding| {
        let at = report.start(finding);
        let place = format!("{}:{}:{}", escape(report.path(finding)), at.line, at.column);
        let said: Vec<String> = words(finding).split('\n').map(xml).collect();
        format!("{}: {}[{}] {}", xml(&place), finding.severity.as_str(), finding.code, said.join("\n  "))
    };
    findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// A text as it may stand in an element or an attribute. XML has no way to write most control characters.
fn xml(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 8);
    for c in escape(text).chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&apos;"),
            '\u{FFFE}' | '\u{FFFF}' => written.push('\u{FFFD}'),
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_text_can_stand_in_xml() {
        assert_eq!(super::xml("a<b>&\"'\u{0}\n\u{FFFF}"), "a&lt;b&gt;&amp;&quot;&apos;\\u{0}\\n\u{FFFD}");
    }
}
