//! Compares objects as plain values, field by field; lists of objects by `name`.

use super::{FieldChange, secret};
use crate::credential::{HIDDEN, name_of_the_next};
use model::{Object, recovery_plan::Action};
use serde_json::{Map, Value, json};

/// What of an object is compared: what people write, with defaults filled in.
pub fn of(object: &Object) -> Map<String, Value> {
    let metadata = object.metadata();
    let spec = match object {
        Object::Host(_, spec) => serde_json::to_value(spec),
        Object::Scenario(_, spec) => serde_json::to_value(spec),
        Object::RecoveryPlan(_, spec) => serde_json::to_value(spec).map(with_plain_actions),
    };
    let mut fields = Map::new();
    fields.insert("metadata".to_owned(), json!({"labels": metadata.labels, "annotations": metadata.annotations}));
    fields.insert("spec".to_owned(), spec.unwrap_or(Value::Null));
    fields
}

/// An action without choices is an empty object, which would compare as nothing.
fn with_plain_actions(mut spec: Value) -> Value {
    let steps = spec.get_mut("steps").and_then(Value::as_array_mut);
    for (key, value) in steps.into_iter().flatten().filter_map(Value::as_object_mut).flatten() {
        if value.as_object().is_some_and(Map::is_empty) && Action::KEYS.contains(&key.as_str()) {
            *value = json!("{}");
        }
    }
    spec
}

/// All changes between two objects. With `created`, `before` only holds defaults and no data is concerned.
/// What each leads to is not said here.
pub fn compare(before: &Map<String, Value>, after: &Map<String, Value>, created: bool) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let mut walk = Walk { changes: &mut changes, created };
    walk.object("", before, after);
    changes
}

struct Walk<'a> {
    changes: &'a mut Vec<FieldChange>,
    created: bool,
}

impl Walk<'_> {
    fn object(&mut self, path: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let removed = before.keys().filter(|key| !after.contains_key(*key));
        for key in after.keys().chain(removed) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.value(&path, key, before.get(key), after.get(key));
        }
    }

    /// `key` is the last part of `path` that is written as a key, and not the name of an item.
    fn value(&mut self, path: &str, key: &str, before: Option<&Value>, after: Option<&Value>) {
        let empty = Map::new();
        match (before, after) {
            (a, b) if a == b || is_nothing(a) && is_nothing(b) => {}
            (Some(Value::Object(a)), Some(Value::Object(b))) => self.object(path, a, b),
            (None, Some(Value::Object(b))) => self.object(path, &empty, b),
            (Some(Value::Object(a)), None) => self.object(path, a, &empty),
            (a, b) if named(a) || named(b) => self.items(path, key, list(a), list(b)),
            (a, b) => self.change(path, key, a, b),
        }
    }

    /// Items are matched by name: one that only moved has not changed.
    fn items(&mut self, path: &str, key: &str, before: &[Value], after: &[Value]) {
        for item in after {
            match before.iter().find(|other| name(other) == name(item)) {
                Some(other) => self.value(&format!("{path}[{}]", name(item)), key, Some(other), Some(item)),
                None => self.change(&format!("{path}[+{}]", name(item)), key, None, Some(item)),
            }
        }
        for item in before.iter().filter(|item| !after.iter().any(|other| name(other) == name(item))) {
            self.change(&format!("{path}[-{}]", name(item)), key, Some(item), None);
        }
        if order_matters(path) {
            self.order(path, before, after);
        }
    }

    /// Services and redirection points are carried out in the order in which they are written.
    fn order(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let kept = |of: &[Value], other: &[Value]| -> Vec<String> {
            of.iter().map(name).filter(|n| other.iter().any(|o| name(o) == *n)).map(str::to_owned).collect()
        };
        let (was, is) = (kept(before, after), kept(after, before));
        if was != is {
            self.push(format!("{path}[order]"), Some(was.join(", ")), Some(is.join(", ")));
        }
    }

    fn change(&mut self, path: &str, key: &str, before: Option<&Value>, after: Option<&Value>) {
        let show = |value: Option<&Value>| value.and_then(|value| shown_at(key, value));
        let (before_text, after_text) = (show(before), show(after));
        // Two values that look the same are still two: a secret, say, that was replaced.
        let replaced = before_text.is_some() && before_text == after_text;
        let after_text = if replaced { after_text.map(|text| format!("{text}, changed")) } else { after_text };
        self.push(path.to_owned(), before_text, after_text);
    }

    fn push(&mut self, path: String, before: Option<String>, after: Option<String>) {
        let before = before.filter(|_| !self.created);
        self.changes.push(FieldChange { path, before, after, ..FieldChange::default() });
    }
}

fn order_matters(path: &str) -> bool {
    path == "spec.services.commands" || path == "spec.redirection" || path == "spec.steps"
}

fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn named(value: Option<&Value>) -> bool {
    list(value).first().is_some_and(|item| item.get("name").is_some())
}

fn name(item: &Value) -> &str {
    item.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// A value in one line, unless it may be a secret.
fn shown_at(key: &str, value: &Value) -> Option<String> {
    let text = shown(Some(key), value)?;
    Some(if secret::is_secret(key) { HIDDEN.to_owned() } else { text })
}

/// A value in one line. An object in a list is shown by what it is about.
fn shown(key: Option<&str>, value: &Value) -> Option<String> {
    if let Some(name) = secret::reference(value) {
        return Some(format!("(secret {name})"));
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(secret::shown(key, text)),
        Value::Array(items) => Some(format!("[{}]", shown_items(items).join(", "))),
        // A limit without its window says too little.
        Value::Object(fields) if fields.contains_key("limit") => Some(crate::write::flow(value)),
        Value::Object(fields) if Action::KEYS.iter().any(|key| fields.contains_key(*key)) => step(fields),
        Value::Object(fields) => {
            let place =
                ["path", "host"].iter().find_map(|key| shown_at(key, fields.get(*key).filter(|v| v.is_string())?));
            place.or_else(|| {
                let mut others = fields.iter().filter(|(key, _)| *key != "name");
                others.find_map(|(key, value)| Some(format!("{key} {}", shown_at(key, value)?)))
            })
        }
        other => Some(other.to_string()),
    }
}

/// Of a command, each word is shown under the name that the one before gives it.
fn shown_items(items: &[Value]) -> Vec<String> {
    let before = std::iter::once(None).chain(items.iter().map(Value::as_str));
    let named = before.map(|word| word.and_then(name_of_the_next));
    items.iter().zip(named).filter_map(|(item, name)| shown(name, item)).collect()
}

/// A step of a plan is shown by what it does and where.
fn step(fields: &Map<String, Value>) -> Option<String> {
    let (key, action) = Action::KEYS.iter().find_map(|key| Some((key, fields.get(*key)?)))?;
    let at = fields.get("host").and_then(|host| shown(None, host)).map_or(String::new(), |host| format!(" on {host}"));
    let what = shown(None, action).filter(|what| what != "{}").map_or(String::new(), |what| format!(" {what}"));
    Some(format!("{key}{what}{at}"))
}
