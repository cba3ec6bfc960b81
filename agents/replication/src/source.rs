//! The sending side: notices changes in its roots, keeps them in the spool, and feeds sessions.
//!
//! One thread owns capture, index and spool and makes batches. Sessions read the spool and snapshots of the index, and
//! send orders to that thread where they need it to do something between two batches.

mod barrier;
mod batch;
mod blind;
mod build;
mod command;
mod compare;
mod content;
mod engine;
mod examine;
mod follow;
mod guard;
mod hot;
mod known;
mod large;
mod link;
mod loops;
mod mirror;
mod mounts;
mod open;
mod owed;
mod pace;
mod parts;
mod patch;
mod pending;
mod reconcile;
mod reread;
mod rescan;
mod resync;
mod scrub;
mod signer;
mod signing;
mod slot;
mod status;
mod sweep;
mod theirs;
mod unreadable;

#[cfg(test)]
mod tests;

pub use compare::compare;
pub use follow::follow;
pub use link::{Follow, FollowOptions};
pub use open::{SCAN_EVERY, SCRUB_EVERY, Source, SourceConfig, SourceReport, StreamReport, forget};

use crate::{root::Halt, spool::SpoolError};

/// Why the source could not do something.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("the file system answered: {0}")]
    Io(#[source] std::io::Error),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the index cannot be used")]
    Index(#[from] rusqlite::Error),
    #[error("root is halted: {0}")]
    Halted(#[from] Halt),
    /// A batch was dropped: it takes too much from this root, or may be the begin of that.
    #[error("much of a root may be going")]
    Suspect(crate::meta::Oid),
    #[error("it is not approved: {0}")]
    NotApproved(String),
    #[error("it did not end in time")]
    Deadline,
    #[error("the source was stopped")]
    Stopped,
}

impl From<rustix::io::Errno> for SourceError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}
