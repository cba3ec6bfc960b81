//! Fields of manifests, as `explain` tells about them.

use crate::output::{Style, Table};
use manifest::{
    fields::{Field, plain},
    write_value,
};
use serde_json::Value;

/// A page for each field; those that say the same share one.
pub fn pages(found: &[Field]) -> Vec<String> {
    let mut groups: Vec<(Vec<&Field>, Vec<String>)> = Vec::new();
    for field in found {
        let page = page(field);
        match groups.iter_mut().find(|(_, known)| *known == page) {
            Some((fields, _)) => fields.push(field),
            None => groups.push((vec![field], page)),
        }
    }
    let mut lines = Vec::new();
    for (fields, page) in groups {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(fields.iter().map(|field| field.shown()));
        lines.extend(page.into_iter().map(|line| if line.is_empty() { line } else { format!("  {line}") }));
    }
    lines
}

fn page(field: &Field) -> Vec<String> {
    let mut lines = vec![field.description().to_owned(), String::new()];
    let mut say = |what: &str, text: String| lines.push(format!("{what:<9}{text}"));
    say("type", field.holds());
    field.unit().into_iter().for_each(|unit| say("unit", unit.to_owned()));
    match (field.default(), field.required) {
        (Some(default), false) if !default.is_object() => say("default", plain(default)),
        (_, true) => say("default", "none, it must be written".to_owned()),
        _ => {}
    }
    for (at, (word, meaning)) in field.words().into_iter().enumerate() {
        let text = if meaning.is_empty() { word } else { format!("{word}: {meaning}") };
        say(if at == 0 { "allowed" } else { "" }, text);
    }
    field.schema.get("minimum").into_iter().for_each(|least| say("at least", least.to_string()));
    field.example().into_iter().for_each(|example| say("example", example_of(field, example)));
    lines.extend(below(field));
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// `maxSize: 40GiB`, as it would be written.
fn example_of(field: &Field, example: &Value) -> String {
    match field.path.rsplit('.').next().filter(|name| !name.is_empty()) {
        Some(name) => format!("{name}: {}", write_value(example)),
        None => write_value(example),
    }
}

/// The fields of an object, or of the objects in a list.
fn below(field: &Field) -> Vec<String> {
    let own = field.schema.get("items").unwrap_or(&field.schema);
    let Some(fields) = own.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    let about = |field: &Value| field.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut lines = vec![String::new(), "fields".to_owned()];
    lines.extend(fields.iter().map(|(name, field)| format!("  {name:<width$}  {}", about(field))));
    lines
}

/// A line for each field.
pub fn lines_of_many(found: &[Field]) -> Vec<String> {
    let mut table = Table::new(&["FIELD", "TYPE", "DEFAULT", "MEANING"]);
    for field in found {
        let default = field.default().filter(|value| !value.is_object()).map(plain).unwrap_or_default();
        let default = if field.required { "(required)".to_owned() } else { default };
        table.row(vec![field.shown().into(), field.holds().into(), default.into(), field.description().into()]);
    }
    table.render(Style::default())
}
