//! Findings for tools: `standin.diag/v1`.

use super::{
    place::{Places, Position},
    report::{Format, Report},
    sarif::url,
};
use crate::finding::{Finding, Fix, Span};
use serde_json::{Value, json};

pub const FORMAT: Format = Format { name: "json", about: "an object each, standin.diag/v1", for_people: false, write };

fn write(report: &Report<'_>) -> String {
    lines(&report.set.findings, &report.places)
}

/// One object for each finding.
pub fn json<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)]) -> Vec<Value> {
    let places = Places::new(files);
    findings.iter().map(|finding| one(finding, &places)).collect()
}

/// One object a line.
pub fn json_lines<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)]) -> String {
    lines(findings, &Places::new(files))
}

fn lines(findings: &[Finding], places: &Places<'_>) -> String {
    findings.iter().map(|finding| format!("{}\n", one(finding, places))).collect()
}

fn one(finding: &Finding, places: &Places<'_>) -> Value {
    let object = finding.object.as_ref().map(|(kind, name)| json!({"kind": kind, "name": name}));
    let context = finding.context.iter().map(|context| {
        let (file, span) = (context.file, &context.span);
        json!({"file": places.path(file), "range": range(places, file, span), "label": context.label})
    });
    let context: Vec<Value> = context.collect();
    let mut value = json!({
        "schema": "standin.diag/v1",
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "message": finding.message,
        "label": finding.label,
        "file": places.path(finding.file),
        "range": range(places, finding.file, &finding.span),
        "object": object,
        "path": finding.path,
        "context": context,
        "notes": finding.notes,
        "help": finding.helps.join("; "),
        "url": url(finding.code),
        "fix": finding.fix.as_ref().map(fix),
    });
    // Absent, not null: the same rule as in manifests.
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

fn fix(fix: &Fix) -> Value {
    let edits = fix.edits.iter().map(|edit| json!({"start": edit.span.start, "end": edit.span.end, "text": edit.text}));
    json!({"safe": fix.safe, "edits": edits.collect::<Vec<_>>()})
}

fn range(places: &Places<'_>, file: usize, span: &Span) -> Value {
    let place = |at: Position, offset: usize| json!({"line": at.line, "column": at.column, "offset": offset});
    let (start, end) = places.range(file, span);
    json!({"start": place(start, span.start), "end": place(end, span.end)})
}
