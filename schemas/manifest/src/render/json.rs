//! Findings for tools: `standin.diag/v1`.

use super::place::{file, position};
use crate::finding::{Finding, Fix, Span};
use serde_json::{Value, json};

/// One object for each finding.
pub fn json<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)]) -> Vec<Value> {
    findings.iter().map(|finding| one(finding, files)).collect()
}

/// One object a line.
pub fn json_lines<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)]) -> String {
    json(findings, files).iter().map(|value| format!("{value}\n")).collect()
}

fn one<P: AsRef<str>, T: AsRef<str>>(finding: &Finding, files: &[(P, T)]) -> Value {
    let (path, text) = file(files, finding.file);
    let object = finding.object.as_ref().map(|(kind, name)| json!({"kind": kind, "name": name}));
    let context = finding.context.iter().map(|context| {
        let (path, text) = file(files, context.file);
        json!({"file": path, "range": range(text, &context.span), "label": context.label})
    });
    let context: Vec<Value> = context.collect();
    let mut value = json!({
        "schema": "standin.diag/v1",
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "message": finding.message,
        "label": finding.label,
        "file": path,
        "range": range(text, &finding.span),
        "object": object,
        "path": finding.path,
        "context": context,
        "notes": finding.notes,
        "help": finding.helps.join("; "),
        "url": format!("https://standin.invalid/d/{}", finding.code),
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

fn range(text: &str, span: &Span) -> Value {
    let place = |offset: usize| {
        let at = position(text, offset);
        json!({"line": at.line, "column": at.column, "offset": offset})
    };
    json!({"start": place(span.start), "end": place(span.end)})
}
