//! The agent of one host: makes the host what its spec says, and reports what it sees.
//!
//! `session` brings specs from the controller and carries reports back. `store` keeps the last spec and the highest
//! epochs on disk, so that the agent goes on without a controller. One `part` per scenario turns its assignment into
//! an open source or target, links to peers, services and checks. Nothing here decides who should be active.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod checks;
mod clock;
mod disk;
mod errands;
mod script;
mod service;
mod state;
mod store;
mod text;
