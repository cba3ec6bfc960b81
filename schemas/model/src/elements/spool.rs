//! The spool: changes captured at the source and not yet safe at the target.

use crate::units::Size;
use serde::{Deserialize, Serialize};

/// Where captured changes wait, and how much room they may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Spool {
    /// Directory of the spool, outside every root. Left out, it lies in the agent's state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/var/lib/standin/spool/mail")]
    pub directory: Option<String>,
    /// Most bytes the spool may hold.
    #[schemars(example = &"40GiB")]
    pub max_size: Size,
    /// Free bytes that are always left on the spool's file system.
    #[schemars(example = &"5GiB")]
    pub min_disk_free: Size,
    /// What happens when the spool is full. The application is never blocked.
    #[schemars(example = &"resync")]
    pub on_full: OnFull,
}

impl Default for Spool {
    fn default() -> Self {
        Self { directory: None, max_size: Size::gib(10), min_disk_free: Size::gib(5), on_full: OnFull::Resync }
    }
}

/// What a full spool leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFull {
    /// Keep the set of what changed and copy that once the target can take it.
    #[default]
    Resync,
    /// Keep what is spooled and the set of what changed, and wait for `standin sync`.
    Stop,
}
