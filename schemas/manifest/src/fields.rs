//! What a field is, for people who ask by its path.

use crate::schema::{self, quantity_name};
use model::Kind;
use serde_json::{Map, Value, json};

/// One field of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub kind: String,
    /// Such as `spec.primary.roots[].path`; empty for the object itself.
    pub path: String,
    pub required: bool,
    pub schema: Value,
}

/// What came of looking for a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// At least one field.
    Found(Vec<Field>),
    /// None, and what may have been meant.
    Unknown { known: Vec<String> },
}

/// Most suggestions.
const SUGGESTED_MAX: usize = 5;

/// Every field of every kind, in the order of the schemas; each kind begins with the object itself.
pub fn all() -> Vec<Field> {
    let kinds = Kind::ALL.iter().rev().map(|kind| (kind.as_str(), schema::schema_of(*kind)));
    let mut found = Vec::new();
    for (kind, schema) in kinds.chain([("Project", schema::project_schema())]) {
        found.push(Field { kind: kind.to_owned(), path: String::new(), required: false, schema: schema.clone() });
        below(kind, "", schema, &mut found);
    }
    found
}

fn below(kind: &str, path: &str, schema: &Value, found: &mut Vec<Field>) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let required = required.iter().any(|required| required == name);
        found.push(Field { kind: kind.to_owned(), path: here.clone(), required, schema: field.clone() });
        match field.get("items") {
            Some(items) => below(kind, &format!("{here}[]"), items, found),
            None => below(kind, &here, field, found),
        }
    }
}

/// Finds `scenario.spec.primary.spool`, `Host.spec`, `spec.replicas[dublin].host`, or with parts left out
/// `scenario.spool.maxSize`. What stands in brackets does not matter.
pub fn find(path: &str) -> Lookup {
    let all = all();
    let wanted = words(path);
    let kinds: Vec<&str> = all.iter().filter(|field| field.path.is_empty()).map(|field| field.kind.as_str()).collect();
    let kind = wanted.first().and_then(|first| kinds.iter().find(|kind| kind.eq_ignore_ascii_case(first)));
    let rest = if kind.is_some() { &wanted[1..] } else { &wanted[..] };
    let mine = || all.iter().filter(|field| kind.is_none_or(|kind| field.kind == *kind));
    let exact: Vec<Field> = mine().filter(|field| words(&field.path) == rest).cloned().collect();
    if !exact.is_empty() && !wanted.is_empty() {
        return Lookup::Found(exact);
    }
    let partly: Vec<Field> = mine().filter(|field| leads_to(&words(&field.path), rest)).cloned().collect();
    match partly.is_empty() || rest.is_empty() {
        false => Lookup::Found(partly),
        true => Lookup::Unknown { known: near(&all, kind.copied(), rest) },
    }
}

/// The fields below one, itself included.
pub fn recursive(field: &Field) -> Vec<Field> {
    let own = words(&field.path);
    all().into_iter().filter(|other| other.kind == field.kind && words(&other.path).starts_with(&own)).collect()
}

fn words(path: &str) -> Vec<String> {
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain.split('.').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether `asked` is `path` with parts left out, but not the last one.
fn leads_to(path: &[String], asked: &[String]) -> bool {
    let mut left = asked.iter().peekable();
    for word in path {
        if left.peek().is_some_and(|wanted| *wanted == word) {
            left.next();
        }
    }
    left.peek().is_none() && path.last() == asked.last()
}

/// Paths that are spelt nearly so: first those whose last word is near, then those under the longest known beginning.
fn near(all: &[Field], kind: Option<&str>, asked: &[String]) -> Vec<String> {
    let shown = |field: &Field| field.shown();
    let mine = || all.iter().filter(|field| kind.is_none_or(|kind| field.kind == kind));
    let last = asked.last().map(String::as_str).unwrap_or_default();
    let names: Vec<String> = mine().filter_map(|field| words(&field.path).pop()).collect();
    let meant = crate::suggest::closest(last, names.iter().map(String::as_str));
    let mut known: Vec<String> = mine()
        .filter(|field| meant.is_some_and(|meant| words(&field.path).last().is_some_and(|last| last == meant)))
        .map(shown)
        .collect();
    if known.is_empty() {
        let full: Vec<String> = mine().map(shown).collect();
        let text = asked.join(".");
        known.extend(crate::suggest::closest(&text, full.iter().map(String::as_str)).map(str::to_owned));
    }
    if known.is_empty() {
        known.extend(all.iter().filter(|field| field.path.is_empty()).map(shown));
    }
    known.truncate(SUGGESTED_MAX);
    known
}

impl Field {
    /// The path as it is asked for, such as `scenario.spec.primary`.
    pub fn shown(&self) -> String {
        let kind = self.kind.to_ascii_lowercase();
        if self.path.is_empty() { kind } else { format!("{kind}.{}", self.path) }
    }

    pub fn description(&self) -> &str {
        self.schema.get("description").and_then(Value::as_str).unwrap_or_default()
    }

    /// What it holds, in words.
    pub fn holds(&self) -> String {
        type_of(&self.schema)
    }

    pub fn unit(&self) -> Option<&str> {
        self.schema.get("x-unit").and_then(Value::as_str)
    }

    pub fn default(&self) -> Option<&Value> {
        self.schema.get("default")
    }

    pub fn example(&self) -> Option<&Value> {
        self.schema.pointer("/examples/0")
    }

    /// The words that are allowed, each with what it means.
    pub fn words(&self) -> Vec<(String, String)> {
        let list = |key: &str| self.schema.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let (words, meanings) = (list("enum"), list("markdownEnumDescriptions"));
        let meaning = |at: usize| meanings.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        words.iter().enumerate().map(|(at, word)| (plain(word), meaning(at))).collect()
    }

    /// The same for machines.
    pub fn json(&self) -> Value {
        let words: Vec<Value> =
            self.words().into_iter().map(|(word, meaning)| json!({"word": word, "meaning": meaning})).collect();
        let mut fields = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            value.map(|value| fields.insert(name.to_owned(), value));
        };
        say("path", Some(json!(self.shown())));
        say("type", Some(json!(self.holds())));
        say("required", Some(json!(self.required)));
        say("description", Some(json!(self.description())));
        say("default", self.default().cloned());
        say("unit", self.unit().map(|unit| json!(unit)));
        say("allowed", (!words.is_empty()).then(|| Value::Array(words)));
        say("pattern", self.schema.get("pattern").cloned());
        say("minimum", self.schema.get("minimum").cloned());
        say("maximum", self.schema.get("maximum").cloned());
        say("example", self.example().cloned());
        Value::Object(fields)
    }
}

/// What a field holds, in words.
pub fn type_of(field: &Value) -> String {
    if let Some(quantity) = quantity_name(field) {
        return quantity.to_owned();
    }
    match field.get("type").and_then(Value::as_str).unwrap_or_default() {
        _ if field.get("enum").is_some() => "word".to_owned(),
        "array" => match field.get("items").and_then(|items| items.get("type")).and_then(Value::as_str) {
            Some("object") => "list of objects".to_owned(),
            _ => "list of text".to_owned(),
        },
        "string" => "text".to_owned(),
        "integer" => "number".to_owned(),
        "" => "text or `{fromParameter: NAME}`".to_owned(),
        "object" if field.get("properties").is_none() => "map of text".to_owned(),
        other => other.to_owned(),
    }
}

/// A value as it stands in running text.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
