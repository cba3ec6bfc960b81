//! What an apply changes, and what each change leads to.

use crate::{
    names::{MemberName, RootName},
    object::Kind,
};
use serde::{Deserialize, Serialize};

/// What a changed field leads to, from harmless to grave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Obeyed without interruption.
    #[default]
    Live,
    /// Replication starts anew; nothing is copied again that is equal.
    Restart,
    /// Data is compared and copied.
    Resync,
    /// A protected copy is given up.
    Destroys,
}

impl Effect {
    /// From harmless to grave.
    pub const ALL: [Effect; 4] = [Effect::Live, Effect::Restart, Effect::Resync, Effect::Destroys];

    /// As it is shown: the gravest stands out without colour, too.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Live => "live",
            Effect::Restart => "restart",
            Effect::Resync => "resync",
            Effect::Destroys => "DESTROYS",
        }
    }
}

/// The data that a change has copied or given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stake {
    pub roots: Vec<RootName>,
    /// The members whose copies are concerned.
    pub members: Vec<MemberName>,
    /// Of one copy, as the active host has counted it; `None` is unknown.
    pub files: Option<u64>,
    pub bytes: Option<u64>,
}

/// One changed field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldChange {
    /// Such as `spec.primary.spool.maxSize` or `spec.replicas[dublin].roots[+archive]`; empty when the whole object goes.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub effect: Effect,
    /// Set when data is copied or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake: Option<Stake>,
    /// What is given up, as `--allow-destroy` names it: `scenario/mail/root/archive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives_up: Option<String>,
}

/// One object that is made, changed or taken away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    pub kind: Kind,
    pub name: String,
    /// Where it is written; for one that goes, where it was applied from last.
    pub file: String,
    /// `None` when the object is new.
    pub generation_before: Option<u64>,
    /// The generation it gets; that which it has when it goes.
    pub generation: u64,
    pub fields: Vec<FieldChange>,
    /// Said when a run holds the scenario: the change is in force after it.
    pub deferred_by: Option<String>,
    /// Whether the object goes.
    #[serde(default)]
    pub removed: bool,
}

impl ObjectChange {
    /// `created`, `changed` or `removed`, as machine output says it.
    pub fn outcome(&self) -> &'static str {
        match (self.removed, self.generation_before) {
            (true, _) => "removed",
            (false, None) => "created",
            (false, Some(_)) => "changed",
        }
    }

    /// The gravest effect of its fields.
    pub fn effect(&self) -> Effect {
        self.fields.iter().map(|field| field.effect).max().unwrap_or_default()
    }

    /// Everything it gives up, each once.
    pub fn gives_up(&self) -> Vec<&str> {
        let mut items: Vec<&str> = self.fields.iter().filter_map(|field| field.gives_up.as_deref()).collect();
        items.dedup();
        items
    }
}
