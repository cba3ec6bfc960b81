//! What the source last saw of its roots, on disk: objects by handle, names, and how far each target is.
//!
//! One transaction a batch. The index is what a batch is the difference to, and what a restart compares the file system
//! with; it equals what a target holds that has applied every batch.

mod gap;
mod objects;
mod owed;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;

pub use gap::{Gap, GapName};
pub use objects::Stored;
pub use snapshot::Snapshot;
pub use store::{Facts, Index};
