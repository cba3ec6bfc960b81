//! Which directory trees are replicated.

use super::preserve::Loss;
use crate::names::RootName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The reserved directory at the top of every root: identity, barriers, staging and quarantine live in it.
pub const RESERVED_DIRECTORY: &str = ".standin";

/// A directory tree on the primary, with all that is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// The name by which the two sides are matched.
    #[schemars(example = &"mailboxes")]
    pub name: RootName,
    /// Absolute path of the directory on this side.
    #[schemars(example = &"/srv/vmail")]
    pub path: String,
    /// Globs relative to the root, as in .gitignore, of what is not replicated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["**/tmp/**"]))]
    pub exclude: Vec<String>,
    /// What this file system may be without while it holds a copy, where it cannot hold all that is preserved. It is
    /// left out of comparisons as well.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(example = serde_json::json!(["acls"]))]
    pub lossy: BTreeSet<Loss>,
}

/// Where a replica keeps a root of the primary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaRoot {
    /// The name of the primary's root.
    #[schemars(example = &"mailboxes")]
    pub name: RootName,
    /// Absolute path of the directory on this side.
    #[schemars(example = &"/srv/vmail")]
    pub path: String,
    /// What this file system may be without while it holds a copy, where it cannot hold all that is preserved. It is
    /// left out of comparisons as well.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(example = serde_json::json!(["acls", "xattrs"]))]
    pub lossy: BTreeSet<Loss>,
}
