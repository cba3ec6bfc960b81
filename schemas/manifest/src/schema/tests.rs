use super::*;
use model::Kind;
use serde_json::Value;
use std::path::PathBuf;

fn published() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../v1alpha1")
}

/// Every schema in a schema, with its path.
fn all<'a>(path: String, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        all(format!("{path}.{name}"), field, found);
    }
    if let Some(items) = schema.get("items") {
        all(format!("{path}[]"), items, found);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|s| s.is_object()) {
        all(format!("{path}.*"), values, found);
    }
    found.push((path, schema));
}

/// The schema of every kind, with its name.
fn schemas() -> Vec<(&'static str, Value)> {
    let kinds = Kind::ALL.iter().map(|kind| (kind.as_str(), schema(*kind)));
    kinds.chain([("Project", project())]).collect()
}

#[test]
fn the_published_schemas_are_those_of_this_build() {
    for (name, text) in files() {
        let checked_in = std::fs::read_to_string(published().join(&name)).unwrap_or_default();
        assert!(checked_in == text, "schemas/v1alpha1/{name} differs: run `cargo xtask schemas`");
    }
}

/// Writes the published files; run it by name after a change of the model.
#[test]
#[ignore = "writes into the source tree; run by hand after a change of the model"]
fn write_the_published_files() {
    write_schemas(&published()).unwrap();
    let guide = published().join("../../docs/guide/manifest-reference.md");
    std::fs::write(guide, crate::reference_markdown()).unwrap();
}

#[test]
fn the_reference_in_the_guide_is_that_of_this_build() {
    let guide = published().join("../../docs/guide/manifest-reference.md");
    let checked_in = std::fs::read_to_string(guide).unwrap_or_default();
    assert!(checked_in == crate::reference_markdown(), "docs/guide/manifest-reference.md differs from the schema");
}

#[test]
fn objects_are_closed_and_messages_can_be_exact() {
    for (kind, schema) in schemas() {
        let text = schema.to_string();
        for word in ["anyOf", "oneOf", "null", "\"format\"", "$ref"] {
            assert!(!text.contains(word), "{kind}: {word}");
        }
        let mut found = Vec::new();
        all(kind.to_string(), &schema, &mut found);
        assert!(found.len() > 5);
        for (path, schema) in found {
            if schema.get("properties").is_some() {
                assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)), "{path}");
            }
            let literal_or_parameter = schema.get("type") == Some(&serde_json::json!(["string", "object"]));
            assert!(schema.get("type").is_some_and(Value::is_string) || literal_or_parameter, "{path} has no type");
        }
    }
}

#[test]
fn every_field_says_what_it_is() {
    for (kind, schema) in schemas() {
        let mut found = Vec::new();
        all(kind.to_string(), &schema, &mut found);
        for (path, field) in found.iter().filter(|(path, _)| path.contains('.') && !path.ends_with(['*', ']'])) {
            let text = field.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(text.len() > 5 && text.ends_with('.'), "{path}: description {text:?}");
            assert!(field.pointer("/examples/0").is_some(), "{path} has no example");
            let counts = field.get("type").is_some_and(|t| t == "integer" || t == "number");
            let has_unit = field.get("x-unit").and_then(Value::as_str).is_some_and(|unit| !unit.is_empty());
            assert_eq!(has_unit, counts || quantity_name(field).is_some(), "{path}: unit");
        }
    }
}

#[test]
fn every_field_is_required_or_has_a_default_or_means_nothing_when_absent() {
    const ABSENT_IN_PLANS: [&str; 9] =
        ["plan", "default", "host", "replica", "timeout", "retries", "onFailure", "undo", "pointOfNoReturn"];
    const ABSENT: [&str; 8] =
        ["labels", "annotations", "resourceVersion", "description", "directory", "expect", "until", "window"];
    fn walk(path: &str, schema: &Value) {
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{path}.{name}");
            let optional_choice = ["exec", "tcp", "script"].contains(&name.as_str())
                || model::recovery_plan::Action::KEYS.contains(&name.as_str());
            let fine = required.iter().any(|r| r == name)
                || field.get("default").is_some()
                || optional_choice
                || ABSENT.contains(&name.as_str())
                || ABSENT_IN_PLANS.contains(&name.as_str())
                || field.get("type").is_some_and(|t| t == "array");
            assert!(fine, "{path} is neither required nor has a default");
            walk(&path, field);
            walk(&path, field.get("items").unwrap_or(&Value::Null));
        }
    }
    schemas().iter().for_each(|(kind, schema)| walk(kind, schema));
}

#[test]
fn every_example_is_valid() {
    for (kind, schema) in schemas() {
        let mut found = Vec::new();
        all(kind.to_string(), &schema, &mut found);
        for (path, field) in found {
            let validator = jsonschema::validator_for(field).unwrap();
            for example in field.get("examples").and_then(Value::as_array).into_iter().flatten() {
                let errors: Vec<_> = validator.iter_errors(example).map(|e| e.to_string()).collect();
                assert!(errors.is_empty(), "{path}: {example}: {errors:?}");
            }
        }
    }
}

#[test]
fn the_published_schemas_are_draft_07() {
    for (name, text) in files() {
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{name}");
        let outcome = jsonschema::draft7::meta::validate(&schema).map_err(|error| error.to_string());
        assert_eq!(outcome, Ok(()), "{name}");
    }
}

#[test]
fn the_combined_schema_takes_the_branch_of_the_kind() {
    let validator = jsonschema::validator_for(&combined()).unwrap();
    let host = serde_json::json!({"apiVersion": "standin/v1alpha1", "kind": "Host", "metadata": {"name": "a"},
        "spec": {"replicationAddress": "a", "more": 1}});
    let errors: Vec<_> = validator.iter_errors(&host).map(|e| (e.instance_path().to_string(), e.to_string())).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].0, "/spec");
    assert!(errors[0].1.contains("more"), "{errors:?}");
}
