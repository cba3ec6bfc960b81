//! Makes the schemas out of the model's types: doc comments become descriptions.

use super::shape;
use crate::project::ProjectSpec;
use model::{HostSpec, Kind, Metadata, RecoveryPlanSpec, ScenarioSpec, object::API_VERSION};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use std::{io, path::Path};

const PROJECT: &str = "Project";
const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of one kind.
pub fn schema(kind: Kind) -> Value {
    let mut schema = json!({"$schema": DRAFT, "title": format!("Standin {kind}")});
    merge(&mut schema, body(kind));
    schema
}

/// The schema of `standin.yaml`.
pub fn project() -> Value {
    let mut schema = json!({"$schema": DRAFT, "title": "Standin Project"});
    merge(&mut schema, project_body());
    schema
}

/// One schema for files that hold any kind: `if kind is X then X's schema`.
pub fn combined() -> Value {
    let branch = |kind: &&str| {
        json!({
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": format!("#/definitions/{kind}")},
        })
    };
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).chain([PROJECT]).collect();
    let mut definitions: Map<String, Value> = Kind::ALL.iter().map(|kind| (kind.to_string(), body(*kind))).collect();
    definitions.insert(PROJECT.to_owned(), project_body());
    json!({
        "$schema": DRAFT,
        "title": "Standin manifest",
        "type": "object",
        "properties": {"apiVersion": api_version(), "kind": kind_field(&kinds)},
        "required": ["apiVersion", "kind"],
        "allOf": kinds.iter().map(branch).collect::<Vec<_>>(),
        "definitions": definitions,
    })
}

/// File names and texts of everything that is published.
pub fn files() -> Vec<(String, String)> {
    let text = |value: &Value| format!("{value:#}\n");
    let mut files: Vec<(String, String)> = Kind::ALL
        .iter()
        .map(|kind| (format!("{}.json", kind.as_str().to_ascii_lowercase()), text(&schema(*kind))))
        .collect();
    files.push(("project.json".to_owned(), text(&project())));
    files.push(("manifest.json".to_owned(), text(&combined())));
    files
}

/// Writes the published schemas into a directory, which is made if it is missing.
pub fn write_schemas(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    files().into_iter().try_for_each(|(name, text)| std::fs::write(directory.join(name), text))
}

fn body(kind: Kind) -> Value {
    let roots = json!([{"name": "mailboxes", "path": "/srv/vmail"}]);
    let (mut spec, about, example) = match kind {
        Kind::Host => (of::<HostSpec>(), "One server with an agent.", json!({"replicationAddress": "10.20.0.10"})),
        Kind::Scenario => (
            of::<ScenarioSpec>(),
            "What is protected, from where to where, and how clients follow.",
            json!({
                "primary": {"host": "mx1", "roots": roots},
                "replicas": [{"name": "dublin", "host": "mx2", "roots": roots}],
            }),
        ),
        Kind::RecoveryPlan => (
            of::<RecoveryPlanSpec>(),
            "Ordered steps of a switchover or switchback; optional, there is a built-in plan for each.",
            json!({
                "scenario": "mail",
                "purpose": "switchover",
                "steps": [{"name": "drain", "waitForDrain": {}}, {"name": "make-active", "setActive": {}}],
            }),
        ),
    };
    merge(&mut spec, json!({"examples": [example]}));
    json!({
        "description": about,
        "type": "object",
        "properties": {
            "apiVersion": api_version(),
            "kind": kind_field(&[kind.as_str()]),
            "metadata": metadata(),
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
    })
}

fn project_body() -> Value {
    let mut spec = of::<ProjectSpec>();
    merge(&mut spec, json!({"examples": [{"include": ["hosts/*.yaml", "scenarios/*.yaml"]}]}));
    json!({
        "description": "Which files belong together, their overlays, and how strictly they are checked: `standin.yaml`.",
        "type": "object",
        "properties": {"apiVersion": api_version(), "kind": kind_field(&[PROJECT]), "spec": spec},
        "required": ["apiVersion", "kind", "spec"],
        "additionalProperties": false,
    })
}

fn api_version() -> Value {
    json!({
        "description": "Version of the manifest format.", "type": "string",
        "enum": [API_VERSION], "examples": [API_VERSION],
    })
}

fn kind_field(words: &[&str]) -> Value {
    json!({"description": "What the object is.", "type": "string", "enum": words, "examples": [words.first()]})
}

fn metadata() -> Value {
    let mut schema = of::<Metadata>();
    if let Some(object) = schema.as_object_mut() {
        object.insert("required".to_owned(), json!(["name"]));
        object.insert("examples".to_owned(), json!([{"name": "mail"}]));
    }
    if let Some(name) = schema.pointer_mut("/properties/name").and_then(Value::as_object_mut) {
        name.remove("default");
    }
    schema
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    shape::shape(&mut schema);
    if let Some(object) = schema.as_object_mut() {
        object.remove("title");
    }
    schema
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
