//! Carrying files between roots that lie on different file systems, where neither a rename nor a link reaches across.

use super::disk::{Disk, file_id, find};
use super::incoming::{note, stage_name};
use super::map::{Map, NOTHING, Name, Pending, Staged, limbo, root_index};
use crate::message::{Content, DATA_BYTES_MAX};
use crate::meta::{ObjectKind, Oid};
use crate::preserve::Preserve;
use crate::session::SessionError;
use crate::{beneath, content, meta_io};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

type Result<T> = std::result::Result<T, SessionError>;

/// Makes `to` a copy of the file at `from`, with its holes and what is kept of its meta, and puts it on the disk.
pub(super) fn copy(
    from: (&Arc<OwnedFd>, &[u8]),
    to: (&Arc<OwnedFd>, &[u8]),
    preserve: Preserve,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let entry = beneath::open_entry(from.0.as_fd(), from.1)?;
    let meta = meta_io::read_meta(entry.as_fd(), &beneath::stat(entry.as_fd())?, preserve)?;
    if meta.kind != ObjectKind::File {
        super::incoming::make_inode(to.0, to.1, &meta)?;
        let made = beneath::open_entry(to.0.as_fd(), to.1)?;
        return meta_io::apply_meta(made.as_fd(), &meta, preserve, &mut |problem| note(problems, problem));
    }
    let source = beneath::open_file(from.0.as_fd(), from.1)?;
    let file = beneath::create_file(to.0.as_fd(), to.1)?;
    let mut buffer = vec![0; DATA_BYTES_MAX];
    let size =
        content::read_data(source.as_fd(), &mut buffer, |at, bytes| content::write_all_at(file.as_fd(), bytes, at))?;
    rustix::fs::ftruncate(&file, size)?;
    meta_io::apply_meta(file.as_fd(), &meta, preserve, &mut |problem| note(problems, problem))?;
    beneath::fsync(file.as_fd())
}

/// Sees to it that every inode of the batch waits on the file system it will live on.
///
/// Fails for a directory that is moved to another file system: its target has to be synchronized again.
pub(super) fn settle(map: &Map, disk: &mut Disk, links: &[Name], problems: &mut Vec<String>) -> Result<()> {
    if disk.one_mount() {
        return Ok(());
    }
    for link in links.iter().filter(|link| link.oid != NOTHING) {
        let Some(first) = map.future_names(link.oid)?.into_iter().next() else { continue };
        let to = future_root(map, first.parent)?;
        let pending = map.pending(link.oid)?;
        if let Some(staged) = pending.as_ref().and_then(|pending| pending.staged.clone()) {
            if !disk.same_mount(staged.root, to) {
                restage(map, disk, link.oid, (limbo(staged.root), staged.name), to, problems)?;
            }
            continue;
        }
        let Some(name) = map.first_name(link.oid)? else { continue };
        let from = disk.locate(map, name.parent)?.map_or(to, |location| location.root);
        if disk.same_mount(from, to) || map.keeps_a_name(link.oid)? {
            continue;
        }
        if map.kind(link.oid)? == Some(ObjectKind::Directory) {
            let why = "a directory was moved between roots on different file systems: synchronizing again";
            return Err(SessionError::Drifted(why.to_owned()));
        }
        restage(map, disk, link.oid, (name.parent, name.name), to, problems)?;
    }
    Ok(())
}

fn future_root(map: &Map, dir: Oid) -> Result<u32> {
    let mut at = dir;
    loop {
        match (root_index(at), map.future_names(at)?.into_iter().next()) {
            (Some(root), _) => return Ok(root),
            (None, Some(name)) => at = name.parent,
            (None, None) => return super::incoming::protocol("a name in a directory below no root"),
        }
    }
}

/// Stages a copy of what is at `from` in the root `to`, as the object's new inode.
fn restage(
    map: &Map,
    disk: &mut Disk,
    oid: Oid,
    from: (Oid, Vec<u8>),
    to: u32,
    problems: &mut Vec<String>,
) -> Result<()> {
    let (Some(from_dir), staging) = (disk.dir(map, from.0)?, disk.staging(to)?) else { return Ok(()) };
    if find(from_dir.as_fd(), &from.1)?.is_none() {
        return Ok(());
    }
    let (name, preserve) = (stage_name(oid), disk.preserve(to));
    let failed = |e| SessionError::io("copying a file to another file system")(e);
    copy((&from_dir, &from.1), (&staging, &name), preserve, problems).map_err(failed)?;
    let entry = beneath::open_entry(staging.as_fd(), &name).map_err(failed)?;
    let (id, _) = file_id(entry.as_fd()).map_err(failed)?;
    beneath::fsync(staging.as_fd()).map_err(failed)?;
    let meta = match (map.pending(oid)?, map.known(oid)?) {
        (Some(pending), _) => pending.meta,
        (None, Some(known)) => known.meta,
        (None, None) => return Ok(()),
    };
    meta_io::apply_meta(entry.as_fd(), &meta, preserve, &mut |problem| note(problems, problem)).map_err(failed)?;
    let content = if meta.kind == ObjectKind::File { Content::Follows } else { Content::Keep };
    map.set_pending(oid, &Pending { meta, content, staged: Some(Staged { root: to, name, id }) })?;
    Ok(())
}
