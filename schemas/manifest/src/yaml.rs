//! Objects as YAML.

use model::{Object, object::API_VERSION};
use serde::Serialize;

/// Writes an object as a manifest that reads back to the same object.
pub fn to_yaml(object: &Object) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a, S> {
        api_version: &'a str,
        kind: &'a str,
        metadata: &'a model::Metadata,
        spec: &'a S,
    }
    fn write<S: Serialize>(object: &Object, spec: &S) -> String {
        let document =
            Document { api_version: API_VERSION, kind: object.kind().as_str(), metadata: object.metadata(), spec };
        // Writing plain data to memory has no way to fail.
        serde_yaml::to_string(&document).unwrap_or_default()
    }
    match object {
        Object::Host(_, spec) => write(object, spec),
        Object::Scenario(_, spec) => write(object, spec),
        Object::RecoveryPlan(_, spec) => write(object, spec),
    }
}
