//! Which kind a document is, and the typed object it stands for.

use crate::{
    escape::quoted,
    finding::{Finding, Severity},
    schema, suggest,
    tree::{Node, Shape, child, tokens},
};
use model::{HostSpec, Kind, Metadata, Object, RecoveryPlanSpec, ScenarioSpec, object::API_VERSION};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A document whose kind is known.
pub struct Envelope {
    pub kind: Kind,
    pub name: String,
    pub tree: Node,
}

/// Fields that the controller sets and shows; written in a manifest they are ignored.
const SET_BY_CONTROLLER: [(&str, &[&str]); 2] =
    [("", &["status", "ledger"]), ("/metadata", &["generation", "uid", "createdAt", "appliedFrom"])];

/// Kinds that only the controller writes.
const WRITTEN_BY_CONTROLLER: [&str; 4] = ["Run", "Event", "Report", "RewindPoint"];

/// Tells the kind of a document, or makes the finding why it has none.
pub fn envelope(file: usize, mut tree: Node, findings: &mut Vec<Finding>) -> Option<Envelope> {
    if !matches!(tree.shape, Shape::Map(_)) {
        findings.push(
            Finding::error("DR0105", file, first_line_of(&tree), "a manifest must be an object with fields")
                .label(format!("this is {}", tree.what())),
        );
        return None;
    }
    let name = tree.find("/metadata/name").and_then(|(node, _)| node.text()).unwrap_or_default().to_owned();
    let kind = kind(file, &tree, &name, findings);
    version(file, &tree, kind.map(Kind::as_str), &name, findings);
    let kind = kind?;
    for (parent, fields) in SET_BY_CONTROLLER {
        ignore(file, &mut tree, parent, fields, |finding| findings.push(finding.of(kind, &name)));
    }
    Some(Envelope { kind, name, tree })
}

fn first_line_of(tree: &Node) -> std::ops::Range<usize> {
    tree.list().first().map_or(tree.span.clone(), |first| first.span.clone())
}

fn kind(file: usize, tree: &Node, name: &str, findings: &mut Vec<Finding>) -> Option<Kind> {
    let Some(entry) = tree.entry("kind") else {
        let span = tree.map().first().map_or(tree.span.clone(), |entry| entry.key_span.clone());
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        findings.push(
            Finding::error("DR0102", file, span, "`kind` is missing")
                .label("this object does not say what it is")
                .note(format!("kinds: {}", known.join(", "))),
        );
        return None;
    };
    let written = entry.node.text().unwrap_or_default();
    let known = Kind::ALL.iter().copied().find(|kind| Some(kind.as_str()) == entry.node.string());
    if known.is_some() || entry.node.spoilt {
        return known;
    }
    let span = if entry.node.is_scalar() { entry.node.span.clone() } else { entry.key_span.clone() };
    let mut finding =
        Finding::error("DR0106", file, span.clone(), format!("unknown kind {}", quoted(written))).at("/kind");
    finding = match suggest::closest(written, Kind::ALL.iter().map(|kind| kind.as_str())) {
        Some(meant) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
        None if WRITTEN_BY_CONTROLLER.contains(&written) => finding.label("only the controller writes this kind"),
        None => finding.label("not a kind of this version"),
    };
    finding = finding.note(format!("kinds: {}", Kind::ALL.map(Kind::as_str).join(", ")));
    finding.object = Some((written.to_owned(), name.to_owned()));
    findings.push(finding);
    None
}

fn version(file: usize, tree: &Node, kind: Option<&str>, name: &str, findings: &mut Vec<Finding>) {
    let Some(entry) = tree.entry("apiVersion") else {
        return; // the schema says so when the kind is known; an object without either has its finding
    };
    if entry.node.string() == Some(API_VERSION) || entry.node.spoilt {
        return;
    }
    let span = if entry.node.is_scalar() { entry.node.span.clone() } else { entry.key_span.clone() };
    let written = quoted(entry.node.text().unwrap_or_default());
    let mut finding = Finding::error("DR0106", file, span.clone(), format!("unknown apiVersion {written}"))
        .label(format!("this build reads `{API_VERSION}`"))
        .at("/apiVersion")
        .fix(false, span, API_VERSION);
    finding.object = kind.map(|kind| (kind.to_owned(), name.to_owned()));
    findings.push(finding);
}

/// Takes fields out that a manifest may carry but does not decide.
fn ignore(file: usize, tree: &mut Node, parent: &str, fields: &[&str], mut report: impl FnMut(Finding)) {
    let parent_node = match parent {
        "" => Some(tree),
        _ => match &mut tree.shape {
            Shape::Map(entries) => entries.iter_mut().find(|e| parent[1..] == e.key).map(|e| &mut e.node),
            _ => None,
        },
    };
    let Some(Shape::Map(entries)) = parent_node.map(|node| &mut node.shape) else { return };
    entries.retain(|entry| {
        let ignored = fields.contains(&entry.key.as_str());
        if ignored {
            report(
                Finding::error("DR0108", file, entry.key_span.clone(), format!("`{}` is ignored", entry.key))
                    .severity(Severity::Note)
                    .label("the controller sets this")
                    .at(child(parent, &entry.key)),
            );
        }
        !ignored
    });
}

/// The typed object; what is wrong or missing is replaced by something harmless, so that the rest can be looked at.
pub fn decode(kind: Kind, tree: &Node, bad: &BTreeSet<String>) -> Option<Object> {
    let mut value = mended(tree, schema::schema_of(kind), bad);
    let object = value.as_object_mut()?;
    let metadata: Metadata = serde_json::from_value(object.remove("metadata")?).ok()?;
    let spec = object.remove("spec")?;
    match kind {
        Kind::Host => serde_json::from_value::<HostSpec>(spec).ok().map(|spec| Object::Host(metadata, spec)),
        Kind::Scenario => {
            serde_json::from_value::<ScenarioSpec>(spec).ok().map(|spec| Object::Scenario(metadata, spec))
        }
        Kind::RecoveryPlan => {
            serde_json::from_value::<RecoveryPlanSpec>(spec).ok().map(|spec| Object::RecoveryPlan(metadata, spec))
        }
    }
}

/// The plain value of a document, with something harmless where it is wrong.
pub fn mended(tree: &Node, schema: &Value, bad: &BTreeSet<String>) -> Value {
    let mut value = tree.value();
    let mut bad: Vec<&String> = bad.iter().collect();
    bad.sort_by_key(|pointer| pointer.matches('/').count());
    for pointer in bad {
        mend(&mut value, schema, pointer);
    }
    value
}

fn mend(value: &mut Value, schema: &Value, pointer: &str) {
    let Some((parent, _)) = pointer.rsplit_once('/') else { return };
    let Some(key) = tokens(pointer).last() else { return };
    let own = schema::subschema(schema, pointer);
    let required = schema::subschema(schema, parent)
        .and_then(|parent| parent.get("required")?.as_array())
        .is_some_and(|required| required.iter().any(|name| *name == json!(key)));
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) if required => {
            fields.insert(key, own.map_or(Value::Null, placeholder));
        }
        Some(Value::Object(fields)) => {
            fields.shift_remove(&key);
        }
        Some(Value::Array(items)) => {
            let item = key.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            let usable = |item: &Value| item.is_object() && own.is_some_and(|s| s.get("properties").is_some());
            if let Some(item) = item.filter(|item| !usable(item)) {
                *item = own.map_or(Value::Null, placeholder);
            }
        }
        _ => {}
    }
}

/// The least value of a schema.
fn placeholder(schema: &Value) -> Value {
    if let Some(word) = schema.pointer("/enum/0") {
        return word.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let fields = required.filter_map(Value::as_str).map(|name| {
                let below = schema.pointer(&format!("/properties/{name}")).unwrap_or(&Value::Null);
                (name.to_owned(), placeholder(below))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => json!([]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
        Some("boolean") => json!(false),
        _ => json!(""),
    }
}
