//! Synchronizing: what the target lists, what it moves away, takes over and cleans up.

use super::disk::{Disk, file_id, find};
use super::incoming::{note, protocol};
use super::map::{Known, Map, Name, root_index};
use super::place::Placing;
use crate::beneath;
use crate::failpoint;
use crate::listing::{Listing, Wanted, joined};
use crate::message::{Entry, Message, OrphanPolicy};
use crate::meta::{ObjectKind, Oid};
use crate::peer::Peer;
use crate::root::HeldRoot;
use crate::session::SessionError;
use crate::{exclude, meta_io};
use std::os::fd::AsFd;

type Result<T> = std::result::Result<T, SessionError>;

/// Most entries of one `Listing`, and about the most bytes: well below a message's limit.
const LISTING_ENTRIES_MAX: usize = 256;
const LISTING_BYTES_MAX: usize = 256 << 10;

/// Sends what is in the roots. `stopped` ends it, also in the middle of a file.
pub(super) fn send_listing(
    roots: &[HeldRoot],
    digests: bool,
    peer: &mut dyn Peer,
    stopped: &dyn Fn() -> bool,
) -> Result<()> {
    let mut listing = Listing::new(roots, Wanted { digests }, stopped);
    let mut entries: Vec<Entry> = Vec::new();
    let mut bytes = 0;
    for entry in listing.by_ref() {
        let entry = entry?;
        let size = 128
            + entry.path.len()
            + entry.meta.link.len()
            + entry.meta.xattrs.iter().map(|(name, value)| 8 + name.len() + value.len()).sum::<usize>();
        if !entries.is_empty() && (entries.len() >= LISTING_ENTRIES_MAX || bytes + size > LISTING_BYTES_MAX) {
            failpoint::pass("mirror.listing");
            peer.send(Message::Listing(std::mem::take(&mut entries)))?;
            bytes = 0;
        }
        bytes += size;
        entries.push(entry);
    }
    if !entries.is_empty() {
        peer.send(Message::Listing(entries))?;
    }
    peer.send(Message::ListingEnd { unreadable: listing.unreadable() })?;
    Ok(())
}

/// The directory object and the last name of `path`, following what the map knows.
fn parent_of(map: &Map, root: u32, path: &[u8]) -> Result<Option<(Oid, Vec<u8>)>> {
    if !beneath::valid_path(path) || path.is_empty() || exclude::is_reserved(path) {
        return protocol("a path that cannot be taken over");
    }
    let mut components: Vec<_> = path.split(|b| *b == b'/').collect();
    let last = components.pop().unwrap_or_default().to_vec();
    let mut at = Oid::root(root);
    for name in components {
        match map.child(at, name)? {
            Some(oid) => at = oid,
            None => return Ok(None),
        }
    }
    Ok(Some((at, last)))
}

/// What is at `path` becomes the object `oid`.
pub(super) fn adopt(map: &Map, disk: &mut Disk, oid: Oid, root: u32, path: &[u8]) -> Result<()> {
    if i64::try_from(oid.0).is_err() || oid < Oid::FIRST {
        return protocol("an object that cannot be taken over");
    }
    disk.root(root)?;
    let Some((parent, name)) = parent_of(map, root, path)? else {
        return protocol("a path in a directory that was not taken over");
    };
    let Some(dir) = disk.dir(map, parent)? else {
        return Err(SessionError::Drifted("a directory went away during a synchronization".to_owned()));
    };
    let Some(found) = find(dir.as_fd(), &name)? else {
        return Err(SessionError::Drifted("an entry went away during a synchronization".to_owned()));
    };
    if let Some(known) = map.known(oid)? {
        if known.id != found.id {
            return protocol(format!("object {oid} stands for two things"));
        }
    } else {
        let meta = meta_io::read_meta(found.fd.as_fd(), &found.stat, disk.preserve(root));
        let meta = meta.map_err(SessionError::io("reading the meta of what is taken over"))?;
        map.set_known(oid, &Known { id: found.id, meta })?;
    }
    if map.child(parent, &name)?.is_some_and(|other| other != oid) {
        return protocol("a path that is taken over twice");
    }
    map.link(&Name { parent, name, oid })?;
    Ok(())
}

/// Moves what is at `path` away. False when nothing was there.
pub(super) fn set_aside(placing: &mut Placing<'_>, root: u32, path: &[u8], why: &str) -> Result<bool> {
    failpoint::pass("target.setAside");
    if !beneath::valid_path(path) || path.is_empty() || exclude::is_reserved(path) {
        return protocol("a path that cannot be set aside");
    }
    let held = placing.disk.root(root)?;
    let cut = path.iter().rposition(|b| *b == b'/');
    let (above, name) = cut.map_or((&path[..0], path), |at| (&path[..at], &path[at + 1..]));
    let dir = match beneath::open_dir(held.fd(), above) {
        Ok(dir) => dir,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(e) => return Err(SessionError::io("opening a directory")(e)),
    };
    let moved = super::quarantine::set_aside(held, placing.epoch, dir.as_fd(), name, path, why);
    Ok(placing.unless_fixed(dir.as_fd(), name, moved, "setting aside")? == Some(true))
}

/// Treats everything that is in a known directory and not known itself.
pub(super) fn treat_orphans(placing: &mut Placing<'_>, policy: OrphanPolicy) -> Result<()> {
    if policy == OrphanPolicy::Keep {
        return Ok(());
    }
    let mut left: Vec<(Oid, Vec<u8>)> = placing.disk.roots.iter().map(|r| (Oid::root(r.index), Vec::new())).collect();
    while let Some((oid, path)) = left.pop() {
        let Some(dir) = placing.disk.dir(placing.map, oid)? else { continue };
        for name in beneath::names(dir.as_fd()).map_err(SessionError::io("reading a directory"))? {
            let below = joined(&path, &name);
            if exclude::is_reserved(&below) {
                continue;
            }
            match placing.map.child(oid, &name)? {
                Some(child) if is_directory(placing.map, child)? => left.push((child, below)),
                Some(_) => {}
                None => treat_orphan(placing, policy, oid, &name, &below)?,
            }
        }
    }
    Ok(())
}

fn is_directory(map: &Map, oid: Oid) -> Result<bool> {
    Ok(map.known(oid)?.is_some_and(|known| known.meta.kind == ObjectKind::Directory))
}

fn treat_orphan(placing: &mut Placing<'_>, policy: OrphanPolicy, parent: Oid, name: &[u8], path: &[u8]) -> Result<()> {
    let Some(dir) = placing.disk.dir(placing.map, parent)? else { return Ok(()) };
    let Some(found) = find(dir.as_fd(), name)? else { return Ok(()) };
    let Some(location) = placing.disk.locate(placing.map, parent)? else { return Ok(()) };
    if placing.disk.root(location.root)?.excludes.matches(path, found.is_dir()) {
        return Ok(());
    }
    failpoint::pass("target.orphans");
    if policy == OrphanPolicy::Quarantine {
        return placing.quarantine(&dir, parent, name, "not at the source");
    }
    placing.touched.insert(parent);
    match beneath::remove_all(dir.as_fd(), name) {
        // It may be deep below.
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            note(&mut placing.problems, format!("{} cannot be removed: {e}", crate::compare::escape(path)));
            Ok(())
        }
        removed => removed.map_err(SessionError::io("removing what is not at the source")),
    }
}

/// Forgets everything and begins anew from what the roots are.
pub(super) fn reset(map: &Map, disk: &mut Disk) -> Result<()> {
    map.clear()?;
    disk.close_all();
    for root in disk.roots.iter() {
        let (id, stat) = file_id(root.fd()).map_err(SessionError::io("looking at a root"))?;
        let meta = meta_io::read_meta(root.fd(), &stat, root.config.preserve)
            .map_err(SessionError::io("reading the meta of a root"))?;
        let oid = Oid::root(root.index);
        debug_assert!(root_index(oid) == Some(root.index));
        map.set_known(oid, &Known { id, meta })?;
    }
    Ok(())
}
