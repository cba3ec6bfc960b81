//! Taking names and objects away, and moving to the quarantine what is not ours to delete.

use super::disk::{Location, find};
use super::map::{Name, root_index};
use super::place::{Placing, Result};
use crate::listing::joined;
use crate::meta::{ObjectKind, Oid};
use crate::session::SessionError;
use crate::{beneath, failpoint};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

impl Placing<'_> {
    /// Takes a name away; the object goes with its last one.
    pub(super) fn remove(&mut self, name: &Name) -> Result<()> {
        let kind = self.map.known(name.oid)?.map(|known| known.meta.kind);
        if kind == Some(ObjectKind::Directory) { self.remove_directory(name) } else { self.remove_name(name) }
    }

    pub(super) fn remove_name(&mut self, name: &Name) -> Result<()> {
        failpoint::pass("target.place");
        if let Some(dir) = self.disk.dir(self.map, name.parent)?
            && let Some(found) = find(dir.as_fd(), &name.name)?
        {
            let next = self.map.pending_child(name.parent, &name.name)?;
            let next = next.map(|oid| self.future_id(oid)).transpose()?.flatten();
            if next.as_ref() == Some(&found.id) {
                // An earlier run, which was cut short, got further than this.
            } else if !found.is_dir()
                && (self.map.known(name.oid)?.is_some_and(|known| known.id == found.id)
                    || self.is_copy(name, &found)?)
            {
                let removed = beneath::unlink(dir.as_fd(), &name.name);
                self.unless_fixed(dir.as_fd(), &name.name, removed, "removing")?;
            } else {
                self.quarantine(&dir, name.parent, &name.name, "not what was put there, and its name is gone")?;
            }
        }
        self.forget_name(name)
    }

    fn forget_name(&mut self, name: &Name) -> Result<()> {
        self.touched.insert(name.parent);
        self.map.unlink(name.parent, &name.name)?;
        if self.map.first_name(name.oid)?.is_none() && root_index(name.oid).is_none() {
            self.map.forget_object(name.oid)?;
            self.touched.remove(&name.oid);
            self.disk.close(name.oid);
        }
        Ok(())
    }

    /// Removes a directory with all that is known in it; what is not known goes to the quarantine.
    fn remove_directory(&mut self, top: &Name) -> Result<()> {
        let mut levels = vec![top.clone()];
        while let Some(level) = levels.last().cloned() {
            let id = self.map.known(level.oid)?.map(|known| known.id);
            let parent = self.disk.dir(self.map, level.parent)?;
            let found = parent.as_ref().map(|dir| find(dir.as_fd(), &level.name)).transpose()?.flatten();
            let is_ours = found.as_ref().is_some_and(|found| Some(&found.id) == id.as_ref());
            let below = self.empty(&level, is_ours)?;
            if !below.is_empty() {
                levels.extend(below);
                continue;
            }
            levels.pop();
            if let Some(parent) = parent.as_ref().filter(|_| is_ours) {
                failpoint::pass("target.place");
                match beneath::rmdir(parent.as_fd(), &level.name) {
                    // Something in it is fixed, and was told.
                    Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty && !self.problems.is_empty() => {}
                    removed => drop(self.unless_fixed(parent.as_fd(), &level.name, removed, "removing")?),
                }
            } else if let Some(parent) = parent.filter(|_| found.is_some()) {
                self.quarantine(&parent, level.parent, &level.name, "not what was put there, and its name is gone")?;
            }
            self.forget_name(&level)?;
        }
        Ok(())
    }

    /// Takes everything but directories out of one; answers the directories that are to go first.
    fn empty(&mut self, level: &Name, on_disk: bool) -> Result<Vec<Name>> {
        let mut below = Vec::new();
        for child in self.map.children(level.oid)? {
            if self.map.known(child.oid)?.is_some_and(|known| known.meta.kind == ObjectKind::Directory) {
                below.push(child);
            } else {
                self.remove_name(&child)?;
            }
        }
        if !on_disk || !below.is_empty() {
            return Ok(below);
        }
        if let Some(dir) = self.disk.dir(self.map, level.oid)? {
            for name in beneath::names(dir.as_fd()).map_err(SessionError::io("reading a directory"))? {
                self.quarantine(&dir, level.oid, &name, "in a directory that is gone at the source")?;
            }
        }
        Ok(below)
    }

    /// Moves what is at `name` in `dir` to the quarantine under the path it has.
    pub fn quarantine(&mut self, dir: &Arc<OwnedFd>, parent: Oid, name: &[u8], why: &str) -> Result<()> {
        let Some(location) = self.disk.locate(self.map, parent)? else { return Ok(()) };
        let path = self.origin(&location, name);
        let root = self.disk.root(location.root)?;
        let moved = super::quarantine::set_aside(root, self.epoch, dir.as_fd(), name, &path, why);
        if self.unless_fixed(dir.as_fd(), name, moved, "moving to the quarantine")? == Some(true) {
            tracing::warn!(path = %crate::compare::escape(&path), why, "moved to the quarantine");
        }
        self.touched.insert(parent);
        Ok(())
    }

    /// The path of `name` in the directory at `location`, before it or a directory above it was put aside.
    pub(super) fn origin(&self, location: &Location, name: &[u8]) -> Vec<u8> {
        let path = joined(&location.path, name);
        if !location.in_limbo {
            return path;
        }
        let end = path.iter().position(|b| *b == b'/').unwrap_or(path.len());
        self.origins.get(&path[..end]).map_or(path.clone(), |origin| [origin, &path[end..]].concat())
    }
}
