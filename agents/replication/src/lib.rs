//! The data path, without any network: capture, index, spool, batches, apply, comparison.
//!
//! The source notices that something may have changed (`capture`), looks what is there now and compares it with its
//! `index`, and writes the difference as a batch to the `spool`. A session hands batches to a `Peer`; the other end
//! applies them beneath held root descriptors and answers how far it is durable.

mod codec;
pub mod failpoint;
pub mod message;
pub mod meta;
pub mod peer;
