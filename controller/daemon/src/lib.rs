//! The hands of the controller: what the engine decides is stored, then published; what agents report is handed to
//! the engine.
//!
//! [`serve()`] holds one state directory (`store`), listens to agents (`sessions`) and to people (`http`), and runs
//! the loop that drives everything (`reconcile`). People's changes (`apply`, `runs`, `tokens`, `people`) and the loop decide
//! under one lock, the board, and store every decision in one transaction before anybody can see it. So a
//! controller that is killed at any instant goes on from its store, and an agent never acts on what was not stored.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod apply;
mod follow;
mod fresh;
mod http;
mod hub;
mod people;
mod rare;
mod reconcile;
mod rooms;
mod runs;
mod serve;
mod sessions;
mod state;
mod store;
mod time;
mod tokens;

pub use follow::{Follow, From as FollowFrom, Git};
pub use http::{ApiCertificate, ApiConfig, ApiError};
pub use serve::{Config, Ready, ServeError, serve};
pub use store::StoreError;
