//! The envelope around every manifest: `apiVersion`, `kind`, `metadata`, `spec`.

use crate::{
    scenario::{HostSpec, ScenarioSpec},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The version of the manifests this build reads and writes.
pub const API_VERSION: &str = "standin/v1alpha1";

/// The kinds people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Kind {
    Host,
    Scenario,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Host, Kind::Scenario];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Host => "Host",
            Kind::Scenario => "Scenario",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an object is called and what the controller knows of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Unique among the objects of this kind: lower-case letters, digits and `-`, at most 63.
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"), example = &"mail")]
    pub name: String,
    /// Short facts to select by, such as `tier: gold`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({"tier": "gold"}))]
    pub labels: BTreeMap<String, String>,
    /// Free text for people and tools.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({"ticket": "OPS-12"}))]
    pub annotations: BTreeMap<String, String>,
    /// Set by the controller; when a manifest states it, an apply is refused if the object has changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"42")]
    pub resource_version: Option<String>,
    /// Set by the controller; rises when `spec` changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub generation: Option<u64>,
    /// Set by the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub uid: Option<String>,
    /// Set by the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub created_at: Option<Timestamp>,
    /// Set by the controller: who made it what it is, and from what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub applied_from: Option<AppliedFrom>,
}

/// Where an object came from when it was changed last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppliedFrom {
    /// Address of the git repository, without credentials; set when the files lie in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the files differed from that commit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub local_changes: bool,
    /// Of the file, from the top of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// At which the object begins, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The project whose `--prune` may take it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    pub by: String,
    pub at: Timestamp,
}

impl AppliedFrom {
    /// The commit in short, with what was not committed: `9c1e7d2 + local changes`.
    pub fn commit_in_words(&self) -> Option<String> {
        let short = self.commit.as_deref().map(|commit| commit.get(..7).unwrap_or(commit))?;
        Some(if self.local_changes { format!("{short} + local changes") } else { short.to_owned() })
    }

    /// `scenarios/mail.yaml:2`.
    pub fn place(&self) -> Option<String> {
        let path = self.path.as_deref()?;
        Some(self.line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}")))
    }
}

/// One object of either kind, read and typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    Host(Metadata, HostSpec),
    Scenario(Metadata, ScenarioSpec),
}

impl Object {
    pub fn kind(&self) -> Kind {
        match self {
            Object::Host(..) => Kind::Host,
            Object::Scenario(..) => Kind::Scenario,
        }
    }

    pub fn metadata(&self) -> &Metadata {
        match self {
            Object::Host(metadata, _) | Object::Scenario(metadata, _) => metadata,
        }
    }

    pub fn metadata_mut(&mut self) -> &mut Metadata {
        match self {
            Object::Host(metadata, _) | Object::Scenario(metadata, _) => metadata,
        }
    }

    pub fn name(&self) -> &str {
        &self.metadata().name
    }
}
