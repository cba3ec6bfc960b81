//! How changes are carried to the replicas.

use super::preserve::{Aspect, Specials};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How changes are carried to the replicas, and what of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Replication {
    /// What of files and directories is kept, besides name, kind and content. What is not listed is neither sent nor
    /// compared, and nothing is done to it at a replica.
    #[schemars(example = serde_json::json!(["ownership", "permissions", "acls", "xattrs", "timestamps"]))]
    pub preserve: BTreeSet<Aspect>,
    /// Whether fifos and device nodes are replicated. Sockets never are.
    #[schemars(example = &"replicate")]
    pub specials: Specials,
}

impl Default for Replication {
    fn default() -> Self {
        Self { preserve: Aspect::ALL.into(), specials: Specials::default() }
    }
}
