//! What somebody has made immutable or append-only at the replica: it is left so, told, and stops nothing else.

use super::incoming::note;
use super::place::{Placing, Result};
use crate::session::SessionError;
use crate::{beneath, compare};
use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Whether `name` in `dir`, or `dir` itself, was fixed with `chattr`.
pub(super) fn is_fixed(dir: BorrowedFd<'_>, name: &[u8]) -> bool {
    is_flagged(dir) || beneath::open_entry(dir, name).is_ok_and(|entry| is_flagged(entry.as_fd()))
}

fn is_flagged(fd: BorrowedFd<'_>) -> bool {
    let flags = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    statx(fd, b"".as_slice(), AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
        .is_ok_and(|found| found.stx_attributes.intersects(flags))
}

/// What is said of an entry that is left as it is.
pub(super) fn left(name: &[u8]) -> String {
    format!("{} is immutable or append-only here and was left as it is", compare::escape(name))
}

impl Placing<'_> {
    /// The answer to a change of `name` in `dir`; `None`, and told, when that is refused because one of them is fixed.
    pub(super) fn unless_fixed<T>(
        &mut self,
        dir: BorrowedFd<'_>,
        name: &[u8],
        done: io::Result<T>,
        what: &str,
    ) -> Result<Option<T>> {
        match done {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && is_fixed(dir, name) => {
                note(&mut self.problems, left(name));
                Ok(None)
            }
            done => done.map(Some).map_err(SessionError::io(format!("{what} {}", name.escape_ascii()))),
        }
    }
}
