//! What the source last saw of its roots, on disk: objects by handle, names, and how far each target is.
//!
//! One transaction a batch. The index is what a batch is the difference to, and what a restart compares the file system
//! with; it equals what a target holds that has applied every batch.

mod gap;
mod objects;
mod owed;
mod signature;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod written;

pub use gap::{Gap, GapName};
pub use objects::{Large, Stored};
pub use signature::{REGION_BLOCKS, Region, Signed, SignedBlock, UNIT_BYTES, unit_hashes};
pub use snapshot::{Listed, Snapshot};
pub use store::{Facts, Index};
