//! One line for each finding.

use super::{
    place::Places,
    report::{Format, Report, sentence},
};
use crate::{escape::escape, finding::Finding};

pub const FORMAT: Format = Format { name: "concise", about: "a line each", for_people: true, write };

fn write(report: &Report<'_>) -> String {
    lines(&report.set.findings, &report.places)
}

/// `scenarios/mail.yaml:28:16: error[DR0103] ...`, one line for each finding.
pub fn concise<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)]) -> String {
    lines(findings, &Places::new(files))
}

fn lines(findings: &[Finding], places: &Places<'_>) -> String {
    let line = |finding: &Finding| {
        let at = places.position(finding.file, finding.span.start);
        let (path, severity, code) = (places.path(finding.file), finding.severity.as_str(), finding.code);
        format!("{}:{}:{}: {severity}[{code}] {}\n", escape(path), at.line, at.column, escape(&sentence(finding)))
    };
    findings.iter().map(line).collect()
}
