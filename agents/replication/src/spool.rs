//! What was captured and is not yet safe at every target: segments of framed records on disk.
//!
//! The spool is a cache: truth is the source's file system. A torn tail is cut at the last batch which the index has
//! committed; anything else that is wrong makes the spool lost, and targets are synchronized again instead of guessed at.

mod cursor;
mod record;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

pub use cursor::Cursor;
pub use record::{HEADER_BYTES, SpoolRecord};
pub use writer::{Opened, Spool, SpoolLimits, SpoolReader};

use std::{io, path::PathBuf};

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("{what} {path}")]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Something is wrong with what was written: the targets must be synchronized again.
    #[error("the spool is damaged: {0}")]
    Damaged(String),
    /// The limit, or the free space that must stay, is reached.
    #[error("the spool is full")]
    Full,
}

impl SpoolError {
    fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if source.raw_os_error() == Some(libc::ENOSPC) || source.raw_os_error() == Some(libc::EDQUOT) {
                SpoolError::Full
            } else {
                SpoolError::Io { what, path, source }
            }
        }
    }
}
