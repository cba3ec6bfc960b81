//! The reference of all fields, for the guide.

use crate::{
    codes,
    fields::{plain, type_of},
    schema::{project, schema},
};
use model::Kind;
use serde_json::Value;
use std::fmt::Write as _;

/// Every field of every kind as Markdown tables, and the list of codes. Made from the schema, so it cannot differ from it.
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "# Manifest reference\n\nMade from the schema by `manifest::reference_markdown`; a test keeps it true. \
         A field in **bold** must be written.\n",
    );
    for (kind, schema) in [
        ("Scenario", schema(Kind::Scenario)),
        ("Host", schema(Kind::Host)),
        ("RecoveryPlan", schema(Kind::RecoveryPlan)),
        ("Project", project()),
    ] {
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(
            text,
            "\n## {kind}\n\n{about}\n\n| field | type | default | meaning | example |\n| --- | --- | --- | --- | --- |\n"
        );
        object(&mut text, "", &schema);
    }
    text.push_str(
        "\n## Codes\n\n`standin explain DRnnnn` shows the page of a code.\n\n| code | about |\n| --- | --- |\n",
    );
    for (code, title, _) in codes::ALL {
        let _ = writeln!(text, "| {code} | {title} |");
    }
    text
}

fn object(text: &mut String, path: &str, schema: &Value) {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        row(text, &here, field, required.contains(&name.as_str()));
        let (below, below_path) = match field.get("items") {
            Some(items) => (items, format!("{here}[]")),
            None => (field, here),
        };
        if !below.get("type").is_some_and(Value::is_array) {
            object(text, &below_path, below);
        }
    }
}

fn row(text: &mut String, path: &str, field: &Value, required: bool) {
    let cell = |text: String| text.replace('|', "\\|");
    let name = if required { format!("**`{path}`**") } else { format!("`{path}`") };
    let meaning = field.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let default = field.get("default").filter(|value| is_short(value)).map(|value| format!("`{}`", plain(value)));
    let example =
        field.pointer("/examples/0").filter(|value| is_short(value)).map(|value| format!("`{}`", plain(value)));
    let cells =
        [name, type_of(field), default.unwrap_or_default(), meaning + &words(field), example.unwrap_or_default()];
    let _ = writeln!(text, "| {} |", cells.map(cell).join(" | "));
}

fn is_short(value: &Value) -> bool {
    !value.is_object()
        && value.to_string().len() <= 60
        && value.as_array().is_none_or(|a| a.iter().all(|v| !v.is_object()))
}

/// The words of an enumeration with what each means.
fn words(field: &Value) -> String {
    let list = |key: &str| field.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (words, meanings) = (list("enum"), list("markdownEnumDescriptions"));
    let meaning = |n: usize| meanings.get(n).and_then(Value::as_str).filter(|m| !m.is_empty());
    let each = words.iter().enumerate().map(|(n, word)| match meaning(n) {
        Some(meaning) => format!(" `{}`: {meaning}", plain(word)),
        None => format!(" `{}`", plain(word)),
    });
    each.collect()
}
