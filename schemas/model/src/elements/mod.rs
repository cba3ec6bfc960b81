//! One file for each group of manifest fields. An element is embedded whole by the manifest and by the agent's
//! spec, so a new field is written here and in the agent code that obeys it, and nowhere in between.

pub mod mass_change;
pub mod monitoring;
pub mod preserve;
pub mod redirection;
pub mod replication;
pub mod roots;
pub mod services;
pub mod spool;
pub mod switchover;
pub mod synchronization;
