//! What travels between programs: control messages, stream greetings, data frames, the HTTP API and identity.
//!
//! Control bodies are JSON, so that model values travel whole and an older program skips what it does not know.
//! File content travels as raw bytes in frames with a fixed binary header.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod access;
pub mod api;
pub mod compression;
pub mod control;
mod digest;
pub mod frame;
pub mod identity;
pub mod people;
pub mod tls;
pub mod token;
