//! What `standin.yaml` says.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which files belong together, their overlays, and how strictly they are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectSpec {
    /// Globs of the manifests, relative to this file, in the order in which they are read; only *.yaml and *.yml are.
    #[schemars(example = serde_json::json!(["hosts/*.yaml", "scenarios/*.yaml"]))]
    pub include: Vec<String>,
    /// Directories of partial objects, by the name that `--overlay` takes.
    #[schemars(example = serde_json::json!({"production": "overlays/production"}))]
    pub overlays: BTreeMap<String, String>,
    /// Which controller belongs to an overlay: a context of the command line, by the name of the overlay.
    #[schemars(example = serde_json::json!({"production": "ctl-prod"}))]
    pub context: BTreeMap<String, String>,
    /// How strictly the manifests are checked.
    #[schemars(example = serde_json::json!({"failOn": "warning"}))]
    pub lint: ProjectLint,
}

impl Default for ProjectSpec {
    fn default() -> Self {
        Self {
            include: vec!["**/*.yaml".to_owned(), "**/*.yml".to_owned()],
            overlays: BTreeMap::new(),
            context: BTreeMap::new(),
            lint: ProjectLint::default(),
        }
    }
}

/// How strictly the manifests of a project are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectLint {
    /// The least severity that fails.
    #[schemars(example = &"warning")]
    pub fail_on: FailOn,
    /// Findings that are accepted, each with its reason.
    #[schemars(example = serde_json::json!([{"code": "DR0010", "reason": "filled by a tool at night"}]))]
    pub ignore: Vec<Accepted>,
}

/// The least severity that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailOn {
    /// Only what cannot be applied.
    #[default]
    Error,
    /// Warnings too, as with `--strict`.
    Warning,
}

/// A finding that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The code that is accepted.
    #[schemars(regex(pattern = r"^DR[0-9]{4}$"), example = &"DR0010")]
    pub code: String,
    /// Why; shown wherever the finding would be.
    #[schemars(length(min = 1), example = &"filled by a tool at night")]
    pub reason: String,
    /// Last day on which it is accepted, as year, month and day in quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"), example = &"2027-03-01")]
    pub until: Option<String>,
}
