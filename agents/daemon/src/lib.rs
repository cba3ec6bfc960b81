//! The agent of one host: makes the host what its spec says, and reports what it sees.
//!
//! `session` brings specs from the controller and carries reports back. `store` keeps the last spec and the highest
//! epochs on disk, so that the agent goes on without a controller. One `part` per scenario turns its assignment into
//! an open source or target, links to peers, services and checks. Nothing here decides who should be active.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod agent;
mod backoff;
mod checks;
mod clock;
mod config;
mod credentials;
mod disk;
mod errands;
mod join;
mod link;
mod net;
mod part;
mod renewal;
mod script;
mod serve;
mod service;
mod session;
mod state;
mod store;
mod text;

pub use config::{Config, Ready, ServeError};
pub use disk::DiskError;
pub use join::{JoinError, JoinRequest, Joined, join};
pub use serve::serve;
pub use state::StateError;
