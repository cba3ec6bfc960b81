//! Owner, mode, attributes and times of what was placed, the directories' own last, and all of it on the disk.

use super::check::Depths;
use super::disk::{Found, find};
use super::incoming::note;
use super::map::{FileId, Known, Name, Staged, limbo_root, root_index};
use super::patch::Patch;
use super::place::{Placing, Result};
use crate::meta::{ObjectKind, Oid};
use crate::session::SessionError;
use crate::{beneath, failpoint, meta_io};
use model::elements::preserve::Loss;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Up to as many directories and files are synced one by one; whole file systems otherwise.
const SYNCED_ALONE_MAX: usize = 64;

impl Placing<'_> {
    /// Makes the map's record of every object of the batch that of the batch, and its meta on the disk too.
    pub(super) fn settle_meta(&mut self) -> Result<()> {
        for oid in self.map.pending_objects()? {
            let Some(pending) = self.map.pending(oid)? else { continue };
            let known = self.map.known(oid)?;
            let named = root_index(oid).is_some() || self.map.first_name(oid)?.is_some();
            if !named {
                self.drop_staged(pending.staged.as_ref())?;
                self.map.forget_object(oid)?;
                continue;
            }
            let Some(id) = pending.staged.as_ref().map(|s| s.id.clone()).or(known.map(|known| known.id)) else {
                continue;
            };
            let is_dir = pending.meta.kind == ObjectKind::Directory;
            let known = Known { id, meta: pending.meta };
            self.map.set_known(oid, &known)?;
            if is_dir {
                self.touched.insert(oid);
            } else if pending.staged.is_none() {
                self.apply_in_place(oid, &known)?;
            }
        }
        Ok(())
    }

    /// Changes files block by block, at whatever place they have now.
    pub(super) fn change_in_place(&mut self) -> Result<()> {
        for patch in self.map.pending_patches()? {
            let Some(id) = self.future_id(patch.oid)?.filter(|id| *id != FileId::NONE) else { continue };
            for name in self.inodes_of(patch.oid)? {
                self.change_at(&name, &id, &patch)?;
            }
        }
        Ok(())
    }

    fn change_at(&mut self, name: &Name, id: &FileId, patch: &Patch) -> Result<()> {
        let Some((dir, found)) = self.found_at(name, id)? else { return Ok(()) };
        let opened = beneath::reopen_writable(found.fd.as_fd());
        let Some(file) = self.unless_fixed(dir.as_fd(), &name.name, opened, "opening")? else { return Ok(()) };
        failpoint::pass("target.patch");
        patch.apply(self.disk, file.as_fd())?;
        if let Some(pending) = self.map.pending(patch.oid)? {
            let preserve = self.disk.preserve_in(self.map, name.parent)?;
            let problems = &mut self.problems;
            meta_io::apply_meta(file.as_fd(), &pending.meta, preserve, &mut |problem| note(problems, problem))
                .map_err(SessionError::io("setting owner, mode, attributes and time"))?;
        }
        self.sync_later(file);
        Ok(())
    }

    /// What stands for the object at a name, with its directory; `None`, and lost, when something else does.
    fn found_at(&mut self, name: &Name, id: &FileId) -> Result<Option<(Arc<OwnedFd>, Found)>> {
        if let Some(dir) = self.disk.dir(self.map, name.parent)?
            && let Some(found) = find(dir.as_fd(), &name.name)?
            && (found.id == *id || self.is_copy(name, &found)?)
        {
            return Ok(Some((dir, found)));
        }
        self.lose(name, "it is not where it was put");
        Ok(None)
    }

    /// One name for each inode that the object has here: one for all hard links, and each where links are copies.
    fn inodes_of(&self, oid: Oid) -> Result<Vec<Name>> {
        let (mut found, mut shared) = (Vec::new(), false);
        for name in self.map.names(oid)? {
            let links = self.disk.preserve_in(self.map, name.parent)?.keeps(Loss::Hardlinks);
            if !(links && shared) {
                shared |= links;
                found.push(name);
            }
        }
        Ok(found)
    }

    fn apply_in_place(&mut self, oid: Oid, known: &Known) -> Result<()> {
        if known.id == FileId::NONE {
            return Ok(());
        }
        self.inodes_of(oid)?.iter().try_for_each(|name| self.apply_at(name, known))
    }

    fn apply_at(&mut self, name: &Name, known: &Known) -> Result<()> {
        let Some((_, found)) = self.found_at(name, &known.id)? else { return Ok(()) };
        failpoint::pass("target.meta");
        let preserve = self.disk.preserve_in(self.map, name.parent)?;
        let problems = &mut self.problems;
        meta_io::apply_meta(found.fd.as_fd(), &known.meta, preserve, &mut |problem| note(problems, problem)).map_err(
            SessionError::io(format!("setting owner, mode, attributes and time of {}", name.name.escape_ascii())),
        )?;
        if known.meta.kind == ObjectKind::File
            && let Ok(file) = beneath::reopen(found.fd.as_fd())
        {
            self.sync_later(file);
        } else {
            self.sync_all = true;
        }
        Ok(())
    }

    fn sync_later(&mut self, fd: OwnedFd) {
        self.sync_all |= self.unsynced.len() >= SYNCED_ALONE_MAX;
        if !self.sync_all {
            self.unsynced.push(fd);
        }
    }

    /// A new object that got no name in the end.
    fn drop_staged(&mut self, staged: Option<&Staged>) -> Result<()> {
        let Some(staged) = staged else { return Ok(()) };
        match beneath::remove_all(self.disk.staging(staged.root)?.as_fd(), &staged.name) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(SessionError::io("removing what was staged")(e)),
            _ => Ok(()),
        }
    }

    /// Puts the meta of touched directories right, the lower ones first, as a mode may close the way to them.
    pub fn settle_directories(&mut self) -> Result<()> {
        self.touched.extend(self.disk.unlocked.drain(..));
        let mut depths = Depths::default();
        let mut directories = Vec::new();
        for oid in std::mem::take(&mut self.touched) {
            if limbo_root(oid).is_none() && (root_index(oid).is_some() || self.map.first_name(oid)?.is_some()) {
                directories.push((std::cmp::Reverse(depths.of(self.map, oid)?), oid));
            }
        }
        directories.sort();
        self.sync_all |= directories.len() > SYNCED_ALONE_MAX;
        for (_, oid) in directories {
            let Some(known) = self.map.known(oid)? else { continue };
            let Some(dir) = self.disk.dir(self.map, oid)? else {
                note(&mut self.lost, format!("directory {oid} is not where it was put"));
                continue;
            };
            failpoint::pass("target.meta");
            let preserve = self.disk.preserve_in(self.map, oid)?;
            let problems = &mut self.problems;
            meta_io::apply_meta(dir.as_fd(), &known.meta, preserve, &mut |problem| note(problems, problem))
                .map_err(SessionError::io("setting owner, mode, attributes and time of a directory"))?;
            if !self.sync_all {
                beneath::fsync(dir.as_fd()).map_err(SessionError::io("syncing a directory"))?;
            }
        }
        self.disk.unlocked.clear();
        Ok(())
    }

    pub fn sync(&mut self) -> Result<()> {
        let failed = |e| SessionError::io("syncing what was placed")(e);
        if self.sync_all {
            for root in self.disk.roots.iter() {
                beneath::syncfs(root.fd()).map_err(failed)?;
            }
        }
        for file in self.unsynced.drain(..).filter(|_| !self.sync_all) {
            beneath::fsync(file.as_fd()).map_err(failed)?;
        }
        Ok(())
    }
}
