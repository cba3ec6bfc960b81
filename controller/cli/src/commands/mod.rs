//! One file for each command.

pub mod adopt_root;
pub mod agent;
pub mod apply;
pub mod approve;
pub mod config;
pub mod context;
pub mod controller;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod events;
pub mod explain;
pub mod failover;
pub mod follow;
pub mod get;
pub mod init;
pub mod plan;
pub mod render;
pub mod resume;
pub mod run;
pub mod schema;
pub mod status;
pub mod suspend;
pub mod switchback;
pub mod switchover;
pub mod sync;
pub mod token;
pub mod validate;
pub mod version;

/// Output of a command with one result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TextOrJson {
    #[default]
    Text,
    Json,
}
