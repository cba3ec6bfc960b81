//! What the schema says about a document, as findings with places.

use super::{quantity::Quantity, scalars, shape};
use crate::{
    escape::{escape, quoted},
    finding::{FINDINGS_MAX, Finding},
    suggest,
    tree::{self, Entry, Node, Shape, child, readable},
};
use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use model::{Kind, recovery_plan::Action};
use serde_json::Value;
use std::{collections::BTreeSet, sync::OnceLock};

/// What came of checking one document.
#[derive(Default)]
pub struct Checked {
    pub findings: Vec<Finding>,
    /// Pointers of values that are wrong or missing.
    pub bad: BTreeSet<String>,
}

/// The schema of a kind, made once.
pub fn schema_of(kind: Kind) -> &'static Value {
    &compiled(kind).schema
}

/// The schema of `standin.yaml`, made once.
pub fn project_schema() -> &'static Value {
    &compiled_project().schema
}

struct Compiled {
    schema: Value,
    validator: Option<Validator>,
}

impl Compiled {
    fn new(schema: Value) -> Self {
        let validator = jsonschema::validator_for(&schema).ok();
        Self { schema, validator }
    }
}

fn compiled(kind: Kind) -> &'static Compiled {
    static COMPILED: OnceLock<Vec<Compiled>> = OnceLock::new();
    let make = |kind: &Kind| Compiled::new(super::schema(*kind));
    &COMPILED.get_or_init(|| Kind::ALL.iter().map(make).collect())[kind as usize]
}

fn compiled_project() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| Compiled::new(super::project()))
}

/// Checks a document against the schema of its kind.
pub fn check(file: usize, kind: Kind, root: &Node) -> Checked {
    check_against(compiled(kind), file, root)
}

/// Checks a document against the schema of projects.
pub fn check_project(file: usize, root: &Node) -> Checked {
    check_against(compiled_project(), file, root)
}

fn check_against(compiled: &Compiled, file: usize, root: &Node) -> Checked {
    let Compiled { schema, validator } = compiled;
    let mut checker = Checker { file, schema, root, out: Checked::default(), warnings: Vec::new() };
    checker.quantities(root, schema, &mut String::new());
    checker.exactly_one(root);
    let value = root.value();
    for error in validator.iter().flat_map(|validator| validator.iter_errors(&value)) {
        checker.error(&error);
    }
    checker.out.findings.append(&mut checker.warnings);
    checker.out
}

struct Checker<'a> {
    file: usize,
    schema: &'a Value,
    root: &'a Node,
    /// Only errors, until all is checked: warnings keep none of them out.
    out: Checked,
    warnings: Vec<Finding>,
}

impl Checker<'_> {
    fn report(&mut self, pointer: String, finding: Finding) {
        if self.out.findings.len() < FINDINGS_MAX {
            self.out.findings.push(finding.at(pointer.clone()));
        }
        self.out.bad.insert(pointer);
    }

    /// Sizes and lengths of time, by the model's parser; whole numbers; texts that others read otherwise.
    fn quantities(&mut self, node: &Node, schema: &Value, pointer: &mut String) {
        let end = pointer.len();
        match &node.shape {
            Shape::Map(entries) => {
                let properties = schema.get("properties");
                let values = schema.get("additionalProperties").filter(|s| s.is_object());
                for entry in entries {
                    if let Some(below) = properties.and_then(|p| p.get(&entry.key)).or(values) {
                        tree::push(pointer, &entry.key);
                        self.quantities(&entry.node, below, pointer);
                        pointer.truncate(end);
                    }
                }
            }
            Shape::List(items) => {
                let below = schema.get("items").unwrap_or(&Value::Null);
                for (index, item) in items.iter().enumerate() {
                    tree::push(pointer, index);
                    self.quantities(item, below, pointer);
                    pointer.truncate(end);
                }
            }
            Shape::Scalar { .. } if node.spoilt => {}
            Shape::Scalar { text, value, .. } => {
                if let Some(quantity) = Quantity::of(schema) {
                    if let Some(finding) = quantity.check(self.file, &node.span, text) {
                        self.report(pointer.clone(), finding);
                    }
                } else if let Some(finding) = scalars::not_whole(self.file, node, value, schema) {
                    self.report(pointer.clone(), finding);
                } else if let Some(finding) = scalars::disputed(self.file, node, schema)
                    && self.warnings.len() < FINDINGS_MAX
                {
                    self.warnings.push(finding.at(pointer.as_str())); // the value is as it is read here
                }
            }
        }
    }

    fn error(&mut self, error: &ValidationError<'_>) {
        let pointer = error.instance_path().as_str().to_owned();
        let Some((node, entry)) = self.root.find(&pointer) else { return };
        if self.out.findings.len() >= FINDINGS_MAX {
            self.out.bad.insert(pointer);
            return;
        }
        let schema = shape::subschema(self.schema, &pointer).unwrap_or(&Value::Null);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for key in unexpected {
                    self.unknown_field(&pointer, node, schema, key);
                }
            }
            ValidationErrorKind::Required { property } => {
                self.missing_field(&pointer, node, property.as_str().unwrap_or_default());
            }
            // Said already, and better.
            _ if node.spoilt || self.out.bad.contains(&pointer) => {}
            _ if pointer == "/apiVersion" || pointer == "/kind" => {}
            _ => {
                let finding = self.wrong(&pointer, node, entry, schema, error);
                self.report(pointer, finding);
            }
        }
    }

    fn unknown_field(&mut self, pointer: &str, node: &Node, schema: &Value, key: &str) {
        let Some(entry) = node.entry(key) else { return };
        let known = shape::fields(schema);
        let meant = suggest::closest(key, known.iter().copied());
        let finding =
            Finding::error("DR0101", self.file, entry.key_span.clone(), format!("unknown field {}", quoted(key)));
        let finding = match meant {
            Some(meant) => {
                // Only the case is wrong, and the field is not there twice afterwards: it is the one that was meant.
                let certain = meant.eq_ignore_ascii_case(key) && node.entry(meant).is_none();
                finding.label(format!("did you mean `{meant}`?")).fix(certain, entry.key_span.clone(), meant)
            }
            None => finding.label("not a field of this object"),
        };
        let place = match readable(self.root, pointer) {
            place if place.is_empty() => "at the top".to_owned(),
            place => format!("at {place}"),
        };
        let note = format!("{}; known fields: {}", escape(&place), known.join(", "));
        self.report(child(pointer, key), finding.note(note));
    }

    fn missing_field(&mut self, pointer: &str, node: &Node, field: &str) {
        self.out.bad.insert(child(pointer, field));
        let misspelt = |entry: &Entry| suggest::closest(&entry.key, [field]).is_some();
        let schema = shape::subschema(self.schema, pointer).unwrap_or(&Value::Null);
        let unknown = |entry: &&Entry| !shape::fields(schema).contains(&entry.key.as_str());
        if node.map().iter().filter(unknown).any(misspelt) {
            return; // the unknown field says it
        }
        let span = self.root.spot(pointer).filter(|_| !pointer.is_empty());
        let span = span.or_else(|| node.map().first().map(|e| e.key_span.clone())).unwrap_or(node.span.clone());
        let below = shape::subschema(schema, &child("", field)).unwrap_or(&Value::Null);
        let about = below.get("description").and_then(Value::as_str).unwrap_or_default();
        let place = readable(self.root, pointer);
        let of = if place.is_empty() { String::new() } else { format!(" in {}", quoted(&place)) };
        let mut finding = Finding::error("DR0102", self.file, span, format!("`{field}` is missing{of}"))
            .label(format!("needs `{field}`"))
            .at(child(pointer, field));
        if !about.is_empty() {
            finding = finding.note(format!("{field}: {about}"));
        }
        if let Some(example) = below.pointer("/examples/0").filter(|example| !example.is_object()) {
            finding = finding.help(format!("for example `{field}: {example}`"));
        }
        self.out.findings.push(finding);
    }

    fn wrong(
        &self,
        pointer: &str,
        node: &Node,
        entry: Option<&Entry>,
        schema: &Value,
        error: &ValidationError<'_>,
    ) -> Finding {
        let span = self.root.spot(pointer).unwrap_or_else(|| node.span.clone());
        let text = quoted(node.text().unwrap_or_default());
        let name = readable(self.root, pointer);
        let name = quoted(entry.map_or(name.as_str(), |entry| entry.key.as_str()));
        let finding = |code, message: String| Finding::error(code, self.file, span.clone(), message);
        match error.kind() {
            ValidationErrorKind::Type { .. } => self.wrong_type(node, schema, &name, span),
            ValidationErrorKind::Enum { options } => {
                let words: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let found = finding("DR0105", format!("{text} is not a value of {name}"));
                match suggest::closest(node.text().unwrap_or_default(), words.iter().copied()) {
                    Some(meant) => {
                        let certain = node.text().is_some_and(|text| text.eq_ignore_ascii_case(meant));
                        found.label(format!("did you mean `{meant}`?")).fix(certain, span.clone(), meant)
                    }
                    None => found.label("not one of the words"),
                }
                .note(format!("{name} is {}", suggest::list(&words, "or")))
            }
            ValidationErrorKind::Pattern { pattern } if pattern == shape::NAME_PATTERN => {
                bad_name(self.file, node, span)
            }
            ValidationErrorKind::MinItems { .. } => {
                finding("DR0102", format!("{name} is empty")).label("needs at least one entry")
            }
            ValidationErrorKind::MaxItems { limit } => {
                finding("DR0105", format!("{name} has too many entries")).label(format!("at most {limit}"))
            }
            ValidationErrorKind::Minimum { limit } => {
                finding("DR0105", format!("{text} is too small for {name}")).label(format!("at least {limit}"))
            }
            ValidationErrorKind::Maximum { limit } => {
                finding("DR0105", format!("{text} is too large for {name}")).label(format!("at most {limit}"))
            }
            _ => finding("DR0105", format!("{name} has a wrong value")).label(escape(&error.to_string())),
        }
    }

    fn wrong_type(&self, node: &Node, schema: &Value, name: &str, span: crate::finding::Span) -> Finding {
        let wanted = schema.get("type").and_then(Value::as_str).unwrap_or("string");
        let or_parameter = schema.get("type").is_some_and(Value::is_array);
        let finding = |message: String| Finding::error("DR0105", self.file, span.clone(), message);
        let label = format!("this is {}", node.what());
        if let Some(quantity) = Quantity::of(schema) {
            let finding = finding(format!("{name} must be {}", quantity.what())).label(label);
            return match node.text() {
                // The only number without a unit that is one.
                Some("0") => finding.help("write \"0\", in quotes").fix(true, span.clone(), "\"0\""),
                _ => finding,
            };
        }
        match (wanted, node.is_scalar()) {
            ("string", true) => {
                let text = node.text().unwrap_or_default();
                finding(format!("{name} must be text"))
                    .label(label)
                    .help(format!("write it in quotes: {}", tree::quoted(text)))
                    .fix(true, span.clone(), tree::quoted(text))
            }
            ("boolean", true) => {
                scalars::truth(node, finding(format!("{name} must be `true` or `false`")).label(label))
            }
            ("boolean", _) => finding(format!("{name} must be `true` or `false`")).label(label),
            ("integer" | "number", true) => {
                scalars::whole(node, finding(format!("{name} must be a whole number")).label(label))
            }
            ("integer" | "number", _) => finding(format!("{name} must be a whole number")).label(label),
            ("array", _) => finding(format!("{name} must be a list")).label(label),
            ("object", _) => finding(format!("{name} must be an object with fields")).label(label),
            (_, _) if or_parameter => finding(format!("{name} must be text, or {{fromParameter: NAME}}")).label(label),
            (_, _) => finding(format!("{name} must be text")).label(label),
        }
    }

    /// Checks have exactly one probe, redirection points exactly one method.
    fn exactly_one(&mut self, root: &Node) {
        const CHOICES: [(&str, &str, &[&str]); 3] = [
            ("/spec/monitoring/checks", "check", &["exec", "tcp"]),
            ("/spec/redirection", "redirection", &["script"]),
            ("/spec/steps", "step", &Action::KEYS),
        ];
        for (list, what, keys) in CHOICES {
            let items = root.find(list).map(|(node, _)| node.list()).unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                let pointer = child(list, index);
                if let Some(finding) = self.one_of(item, &pointer, what, keys) {
                    self.report(pointer, finding);
                }
            }
        }
    }

    /// Whether an item says what to do in words that the schema does not know: they have a finding of their own.
    fn tells_another(&self, item: &Node, pointer: &str, keys: &[&str]) -> bool {
        let known = shape::subschema(self.schema, pointer).map(shape::fields).unwrap_or_default();
        let means_one = |entry: &Entry| suggest::closest(&entry.key, keys.iter().copied()).is_some();
        let mut unknown = item.map().iter().filter(|entry| !known.contains(&entry.key.as_str()));
        unknown.any(|entry| matches!(entry.node.shape, Shape::Map(_)) || means_one(entry))
    }

    fn one_of(&self, item: &Node, pointer: &str, what: &str, keys: &[&str]) -> Option<Finding> {
        if !matches!(item.shape, Shape::Map(_)) {
            return None;
        }
        let present: Vec<&Entry> = item.map().iter().filter(|e| keys.contains(&e.key.as_str())).collect();
        match present.as_slice() {
            [_] => None,
            [] if self.tells_another(item, pointer, keys) => None,
            [] => {
                let span = self.root.spot(pointer)?;
                let message = format!("this {what} does not say what to do");
                let label = format!("needs {}", suggest::list(keys, "or"));
                Some(Finding::error("DR0110", self.file, span, message).label(label))
            }
            [first, second, ..] => {
                let message = format!("this {what} has `{}` and `{}`", first.key, second.key);
                let finding = Finding::error("DR0110", self.file, second.key_span.clone(), message)
                    .label("and again here")
                    .context(self.file, first.key_span.clone(), "one here")
                    .help(format!("keep exactly one of {}; two need two entries", suggest::list(keys, "and")));
                Some(finding)
            }
        }
    }
}

fn bad_name(file: usize, node: &Node, span: crate::finding::Span) -> Finding {
    let text = node.text().unwrap_or_default();
    let mut better: String = text
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(63)
        .collect();
    better = better.trim_matches('-').to_owned();
    let finding = Finding::error("DR0107", file, span.clone(), format!("{} is not a name", quoted(text)))
        .label("lower-case letters, digits and `-`, at most 63, no `-` at the ends");
    match model::names::is_name(&better) {
        true => finding.help(format!("for example `{better}`")).fix(false, span, better),
        false => finding,
    }
}
