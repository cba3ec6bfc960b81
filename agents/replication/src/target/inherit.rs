//! What a new inode takes over from the one whose place it will have.

use super::disk::{Disk, find};
use super::incoming::note;
use super::map::Map;
use crate::meta::{Meta, NANOS_LEFT, Oid};
use crate::meta_io;
use crate::preserve::Preserve;
use crate::session::SessionError;
use std::os::fd::{AsFd, BorrowedFd};

/// Gives the new inode of `oid` what is not kept equal and the old one has: it is the replica's own, and a change of
/// content does not take it away.
pub(super) fn inherit(
    map: &Map,
    disk: &mut Disk,
    oid: Oid,
    new: BorrowedFd<'_>,
    preserve: Preserve,
    problems: &mut Vec<String>,
) -> Result<(), SessionError> {
    let own = preserve.own();
    let (Some(known), Some(name)) = (map.known(oid)?, map.first_name(oid)?) else { return Ok(()) };
    if own.is_empty() {
        return Ok(());
    }
    let Some(dir) = disk.dir(map, name.parent)? else { return Ok(()) };
    let Some(old) = find(dir.as_fd(), &name.name)?.filter(|found| found.id == known.id) else { return Ok(()) };
    // The times are those of the content.
    let meta = meta_io::read_meta(old.fd.as_fd(), &old.stat, Preserve::ALL);
    let meta = meta.map(|meta| Meta { mtime: (0, NANOS_LEFT), ..meta });
    meta.and_then(|meta| meta_io::apply_meta(new, &meta, own, &mut |problem| note(problems, problem)))
        .map_err(SessionError::io("keeping the replica's own owner, mode and attributes"))
}
