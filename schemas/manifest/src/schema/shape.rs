//! Turns what schemars makes into what people and editors read best.

use super::quantity::Quantity;
use serde_json::{Map, Value, json};

/// The shape of every name, as `model::names::is_name` has it.
pub const NAME_PATTERN: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

/// Closes objects, folds enumerations, removes nulls and formats, in this schema and all below it.
pub fn shape(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    fold_optional(object);
    fold_words(object);
    object.remove("title");
    object.remove("format");
    one_line_descriptions(object);
    remove_null(object);
    unit(object);
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        if let Some(name) = properties.get_mut("name").and_then(Value::as_object_mut) {
            name.entry("pattern").or_insert_with(|| json!(NAME_PATTERN));
        }
        properties.values_mut().for_each(shape);
        object.insert("additionalProperties".to_owned(), json!(false));
    }
    for key in ["items", "additionalProperties"] {
        object.get_mut(key).into_iter().for_each(shape);
    }
}

/// `anyOf: [X, null]`, which schemars makes of an optional struct, is X.
fn fold_optional(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.remove("anyOf") else { return };
    let some = branches.into_iter().find(|branch| branch.get("type") != Some(&json!("null")));
    for (key, value) in some.as_ref().and_then(Value::as_object).into_iter().flatten() {
        object.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// `oneOf: [{const, description}]`, which schemars makes of a documented enumeration, is `enum` with descriptions
/// beside it where editors look for them.
fn fold_words(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.remove("oneOf") else { return };
    let (mut words, mut descriptions) = (Vec::new(), Vec::new());
    for branch in &branches {
        let several = branch.get("enum").and_then(Value::as_array).into_iter().flatten();
        for word in branch.get("const").into_iter().chain(several) {
            words.push(word.clone());
            descriptions.push(branch.get("description").cloned().unwrap_or_else(|| json!("")));
        }
    }
    object.insert("type".to_owned(), json!("string"));
    object.insert("enum".to_owned(), Value::Array(words));
    object.insert("markdownEnumDescriptions".to_owned(), Value::Array(descriptions));
}

fn one_line_descriptions(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// Editors show it; what is written without a unit is refused by the pattern.
fn unit(object: &mut Map<String, Value>) {
    let unit = Quantity::of(&Value::Object(object.clone())).map(Quantity::units);
    if let Some(unit) = unit {
        object.insert("x-unit".to_owned(), json!(unit));
    }
}

/// Absent means default, and `null` is an error.
fn remove_null(object: &mut Map<String, Value>) {
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get("type") {
        let mut kept: Vec<Value> = types.iter().filter(|t| **t != json!("null")).cloned().collect();
        let only = if kept.len() == 1 { kept.remove(0) } else { Value::Array(kept) };
        object.insert("type".to_owned(), only);
    }
}

/// The schema of the value at a JSON pointer of a document.
pub fn subschema<'a>(schema: &'a Value, pointer: &str) -> Option<&'a Value> {
    crate::tree::tokens(pointer).try_fold(schema, |schema, token| {
        let property = schema.get("properties").and_then(|p| p.get(&token));
        property
            .or_else(|| schema.get("items"))
            .or_else(|| schema.get("additionalProperties").filter(|s| s.is_object()))
    })
}

/// The fields an object of this schema may have.
pub fn fields(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}
