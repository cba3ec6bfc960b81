//! The data path, without any network: capture, index, spool, batches, apply, comparison.
//!
//! The source notices that something may have changed (`capture`), looks what is there now and compares it with its
//! `index`, and writes the difference as a batch to the `spool`. A session hands batches to a `Peer`; the other end
//! applies them beneath held root descriptors and answers how far it is durable.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod beneath;
pub mod capture;
#[cfg(test)]
mod child;
mod codec;
pub mod compare;
pub mod content;
pub mod exclude;
pub mod failpoint;
pub mod index;
pub mod listing;
pub mod message;
pub mod meta;
pub mod meta_io;
pub mod peer;
pub mod preserve;
pub mod root;
pub mod session;
pub mod source;
pub mod spool;
pub mod target;
