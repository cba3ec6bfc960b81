//! How the two sides are made equal before changes are followed.

use serde::{Deserialize, Serialize};

/// How the first copy, and every later comparison, treats what it finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Synchronization {
    /// What happens to files that only the replica has.
    #[schemars(example = &"quarantine")]
    pub orphans: Orphans,
    /// Trust equal size and modification time instead of comparing content.
    #[schemars(example = false)]
    pub skip_unchanged: bool,
}

/// What happens to files that only the replica has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Orphans {
    /// Leave them where they are.
    Keep,
    /// Remove them.
    Delete,
    /// Move them to `.standin/quarantine/` in their root.
    #[default]
    Quarantine,
}
