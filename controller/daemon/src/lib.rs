//! The hands of the controller: what the engine decides is stored, then published; what agents report is handed to the engine.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod store;
