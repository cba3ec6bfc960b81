//! GitLab's Code Quality report.

use super::{
    fingerprint::fingerprints,
    report::{Format, Report, sentence},
};
use crate::{
    escape::escape,
    finding::{Finding, Severity},
};
use serde_json::{Value, json};

pub const FORMAT: Format = Format { name: "gitlab", about: "GitLab's Code Quality report", for_people: false, write };

fn write(report: &Report<'_>) -> String {
    let issues = report.set.findings.iter().zip(fingerprints(report));
    let issues: Vec<Value> = issues.map(|(finding, fingerprint)| issue(report, finding, fingerprint)).collect();
    format!("{:#}\n", Value::Array(issues))
}

fn issue(report: &Report<'_>, finding: &Finding, fingerprint: String) -> Value {
    let (start, end) = report.places.range(finding.file, &finding.span);
    json!({
        "type": "issue",
        "check_name": finding.code,
        "description": escape(&sentence(finding)),
        "content": {"body": finding.notes.iter().chain(&finding.helps).map(|t| escape(t)).collect::<Vec<_>>().join("; ")},
        "categories": ["Bug Risk"],
        "severity": severity(finding.severity),
        "fingerprint": fingerprint,
        "location": {"path": report.path(finding), "lines": {"begin": start.line, "end": end.line}},
    })
}

/// GitLab's words: info, minor, major, critical, blocker.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "critical",
        Severity::Warning => "minor",
        Severity::Note => "info",
    }
}
