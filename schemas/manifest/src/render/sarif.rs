//! SARIF 2.1.0, for code scanning.
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use super::{
    fingerprint::fingerprints,
    report::{Format, Report, sentence},
};
use crate::{
    codes,
    escape::escape,
    finding::{Edit, Finding, Span},
    lint_settings::AcceptedFinding,
};
use serde_json::{Value, json};

pub const FORMAT: Format = Format { name: "sarif", about: "SARIF 2.1.0 for code scanning", for_people: false, write };

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

fn write(report: &Report<'_>) -> String {
    let results = report.set.findings.iter().zip(fingerprints(report));
    let results = results.map(|(finding, fingerprint)| result(report, finding, Some(fingerprint)));
    let accepted = report.set.accepted.iter().map(|accepted| suppressed(report, accepted));
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "standin",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://standin.invalid/",
                "rules": codes::ALL.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The directory in which standin was started."}}},
            "results": results.chain(accepted).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn rule(&(code, title, page): &(&str, &str, &str)) -> Value {
    let text = page.lines().skip(1).collect::<Vec<_>>().join("\n").trim().to_owned();
    let first = text.split("\n\n").next().unwrap_or_default().to_owned();
    json!({
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": first},
        "help": {"text": text, "markdown": page},
        "helpUri": url(code),
        "properties": {"tags": [codes::area(code)]},
    })
}

/// The page of a code on the web; `standin explain` has it without one.
pub(super) fn url(code: &str) -> String {
    format!("https://standin.invalid/d/{code}")
}

fn result(report: &Report<'_>, finding: &Finding, fingerprint: Option<String>) -> Value {
    let mut location = json!({"physicalLocation": physical(report, finding.file, &finding.span)});
    if let Some((kind, name)) = &finding.object {
        let object = escape(&format!("{kind}/{name}")).into_owned();
        let path = if finding.readable.is_empty() { &finding.path } else { &finding.readable };
        let whole = if path.is_empty() { object.clone() } else { format!("{object}: {}", escape(path)) };
        location["logicalLocations"] = json!([{"name": object, "fullyQualifiedName": whole, "kind": "object"}]);
    }
    let mut value = json!({
        "ruleId": finding.code,
        "ruleIndex": codes::ALL.iter().position(|(code, ..)| *code == finding.code),
        "level": finding.severity.as_str(),
        "message": {"text": message(finding)},
        "locations": [location],
    });
    if let Some(fingerprint) = fingerprint {
        value["partialFingerprints"] = json!({"standin/v1": fingerprint});
    }
    if !finding.context.is_empty() {
        let related = finding.context.iter().enumerate().map(|(id, context)| {
            let place = physical(report, context.file, &context.span);
            json!({"id": id, "physicalLocation": place, "message": {"text": escape(&context.label)}})
        });
        value["relatedLocations"] = related.collect();
    }
    if let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safe) {
        let replacements: Vec<Value> = fix.edits.iter().map(|edit| replacement(report, finding.file, edit)).collect();
        value["fixes"] = json!([{
            "description": {"text": "as standin validate --fix does it"},
            "artifactChanges": [{"artifactLocation": artifact(report, finding.file), "replacements": replacements}],
        }]);
    }
    value
}

/// Notes and helps are sentences of one message: viewers show nothing else.
fn message(finding: &Finding) -> String {
    let more = finding.notes.iter().chain(&finding.helps);
    let parts = std::iter::once(sentence(finding)).chain(more.cloned());
    parts.map(|part| escape(&part).into_owned()).collect::<Vec<_>>().join("\n")
}

/// What is accepted is in the log too, so that a scanner closes it and does not forget it.
fn suppressed(report: &Report<'_>, accepted: &AcceptedFinding) -> Value {
    let mut value = result(report, &accepted.finding, None);
    value["suppressions"] = json!([{"kind": "external", "justification": escape(&accepted.reason)}]);
    value
}

fn physical(report: &Report<'_>, file: usize, span: &Span) -> Value {
    json!({"artifactLocation": artifact(report, file), "region": region(report, file, span)})
}

fn region(report: &Report<'_>, file: usize, span: &Span) -> Value {
    let (start, end) = report.places.range(file, span);
    json!({
        "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
    })
}

fn replacement(report: &Report<'_>, file: usize, edit: &Edit) -> Value {
    json!({"deletedRegion": region(report, file, &edit.span), "insertedContent": {"text": edit.text}})
}

/// A path below the directory standin was started in is relative to it; another one is absolute.
fn artifact(report: &Report<'_>, file: usize) -> Value {
    let path = report.places.path(file);
    match path.starts_with('/') {
        true => json!({"uri": format!("file://{}", uri(path))}),
        false => json!({"uri": uri(path), "uriBaseId": "SRCROOT"}),
    }
}

/// A path as a URI: what is not plain in one is written in percent.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'~');
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("a b/ü#1.yaml"), "a%20b/%C3%BC%231.yaml");
    }
}
