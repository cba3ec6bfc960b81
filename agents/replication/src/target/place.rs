//! Placing a recorded batch, in passes: what loses its place steps aside, what is new or moved takes its place,
//! what has no name left goes, then changes in place, then meta, then the directories' own meta.
//!
//! The passes are a function of the map and the recorded batch alone, and every step first looks whether it was done:
//! an inode is known again by number and handle. So after a crash the same passes are run again from the start.

use super::check::Depths;
use super::disk::{Disk, Found, find};
use super::fixed::is_fixed;
use super::incoming::{make_inode, note, stage_name};
use super::map::{FileId, Map, NOTHING, Name, Staged, limbo, limbo_root};
use crate::meta::{ObjectKind, Oid};
use crate::session::SessionError;
use crate::{beneath, failpoint, meta_io};
use model::Epoch;
use model::elements::preserve::Loss;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

pub(super) type Result<T> = std::result::Result<T, SessionError>;

/// One run over a recorded batch.
pub(super) struct Placing<'a> {
    pub map: &'a Map,
    pub disk: &'a mut Disk,
    /// Whose quarantine takes what is in the way and not ours.
    pub epoch: Epoch,
    /// Whether unknown files that are in the way are replaced: during a synchronization that sets nothing aside.
    pub replaces: bool,
    /// Directories whose entries were changed; their meta is put right last.
    pub touched: BTreeSet<Oid>,
    pub(super) unsynced: Vec<OwnedFd>,
    pub(super) sync_all: bool,
    pub problems: Vec<String>,
    /// What was known and is not there any more: the target was changed by hand.
    pub lost: Vec<String>,
    /// Where the directories in limbo were: their leftovers keep that path.
    pub(super) origins: HashMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Placing<'a> {
    pub fn new(map: &'a Map, disk: &'a mut Disk, epoch: Epoch, replaces: bool) -> Self {
        let (touched, unsynced, problems, lost, origins) = Default::default();
        Self { map, disk, epoch, replaces, touched, unsynced, sync_all: false, problems, lost, origins }
    }

    /// Runs all passes, inside a transaction of the map which the caller commits.
    pub fn run(&mut self) -> Result<()> {
        let links = self.map.pending_links()?;
        let mut depths = Depths::default();
        self.disk.close_all();
        for link in &links {
            self.step_aside(link)?;
        }
        for name in self.places(&links, &mut depths)? {
            failpoint::pass("target.place");
            self.place(&name)?;
        }
        for link in links.iter().filter(|link| link.oid == NOTHING) {
            if let Some(oid) = self.map.child(link.parent, &link.name)? {
                self.remove(&Name { oid, ..link.clone() })?;
            }
        }
        for name in self.map.in_limbo()? {
            if self.map.future_names(name.oid)?.is_empty() {
                self.remove(&name)?;
            }
        }
        self.change_in_place()?;
        self.settle_meta()?;
        self.settle_directories()?;
        self.sync()
    }

    // --- stepping aside

    /// Makes room for what the batch puts at a name, if renaming over it does not do.
    fn step_aside(&mut self, link: &Name) -> Result<()> {
        let Some(old) = self.map.child(link.parent, &link.name)?.filter(|old| *old != link.oid) else { return Ok(()) };
        let old_name = Name { oid: old, ..link.clone() };
        let old_kind = self.map.known(old)?.map(|known| known.meta.kind);
        let moves = self.staged(old)?.is_none() && !self.map.future_names(old)?.is_empty();
        if moves && !self.map.keeps_a_name(old)? {
            return self.put_aside(&old_name);
        }
        if link.oid == NOTHING {
            return Ok(());
        }
        if old_kind == Some(ObjectKind::Directory) {
            return self.put_aside(&old_name);
        }
        if self.map.kind(link.oid)? == Some(ObjectKind::Directory) {
            self.remove_name(&old_name)?;
        }
        Ok(())
    }

    fn put_aside(&mut self, name: &Name) -> Result<()> {
        let Some(location) = self.disk.locate(self.map, name.parent)? else { return Ok(()) };
        let aside = limbo_name(name.oid);
        self.origins.insert(aside.clone(), self.origin(&location, &name.name));
        let staging = self.disk.staging(location.root)?;
        let id = self.map.known(name.oid)?.map(|known| known.id);
        let dir = self.disk.dir(self.map, name.parent)?;
        let done = find(staging.as_fd(), &aside)?.is_some_and(|found| Some(&found.id) == id.as_ref());
        if let Some(dir) = dir.filter(|_| !done)
            && find(dir.as_fd(), &name.name)?.is_some_and(|found| Some(&found.id) == id.as_ref())
        {
            failpoint::pass("target.place");
            // Fixed, it stays, and what was to take its place is told as well.
            if !self.rename(name.oid, (&dir, &name.name), (&staging, &aside))? {
                return Ok(());
            }
        }
        self.touched.insert(name.parent);
        self.map.unlink(name.parent, &name.name)?;
        self.map.link(&Name { parent: limbo(location.root), name: aside, oid: name.oid })?;
        Ok(())
    }

    fn staged(&self, oid: Oid) -> Result<Option<Staged>> {
        Ok(self.map.pending(oid)?.and_then(|pending| pending.staged))
    }

    // --- taking a place

    /// The names to be filled: directories first, the upper ones before the lower ones.
    fn places(&self, links: &[Name], depths: &mut Depths) -> Result<Vec<Name>> {
        let mut directories = Vec::new();
        let mut others = Vec::new();
        for name in links.iter().filter(|link| link.oid != NOTHING).cloned().chain(self.map.names_of_staged()?) {
            if self.map.kind(name.oid)? == Some(ObjectKind::Directory) {
                directories.push((depths.of(self.map, name.oid)?, name));
            } else {
                others.push(name);
            }
        }
        directories.sort();
        Ok(directories.into_iter().map(|(_, name)| name).chain(others).collect())
    }

    /// Makes `name` stand for its object.
    fn place(&mut self, name: &Name) -> Result<()> {
        let Some(id) = self.future_id(name.oid)? else { return Ok(()) };
        // Even when nothing is left to do: the run that did it was cut short before the times were restored.
        self.touched.insert(name.parent);
        if let Some(dir) = self.disk.dir(self.map, name.parent)? {
            let found = find(dir.as_fd(), &name.name)?;
            if id == FileId::NONE {
                // It cannot exist here, but what stood at its name has to go.
                if let Some(old) = self.map.child(name.parent, &name.name)?.filter(|_| found.is_some()) {
                    self.remove_name(&Name { oid: old, ..name.clone() })?;
                }
            } else if found.as_ref().is_none_or(|found| found.id != id) {
                self.clear_way(&dir, name, found)?;
                self.bring(&dir, name, &id)?;
            }
        } else {
            self.lose(name, "the directory it belongs in is not there");
        }
        let old = self.map.child(name.parent, &name.name)?.filter(|old| *old != name.oid);
        self.map.link(name)?;
        // A repeated run finds it in its place while the map has just put it aside.
        for aside in self.map.names(name.oid)?.into_iter().filter(|n| limbo_root(n.parent).is_some()) {
            self.map.unlink(aside.parent, &aside.name)?;
        }
        if let Some(old) = old
            && self.map.first_name(old)?.is_none()
            && self.map.future_names(old)?.is_empty()
        {
            self.map.forget_object(old)?;
        }
        Ok(())
    }

    pub(super) fn future_id(&self, oid: Oid) -> Result<Option<FileId>> {
        match self.staged(oid)? {
            Some(staged) => Ok(Some(staged.id)),
            None => Ok(self.map.known(oid)?.map(|known| known.id)),
        }
    }

    /// Quarantines what is at a name and must not be renamed over: what we did not put there, and directories.
    fn clear_way(&mut self, dir: &Arc<OwnedFd>, name: &Name, found: Option<Found>) -> Result<()> {
        let Some(found) = found else { return Ok(()) };
        let old = self.map.child(name.parent, &name.name)?;
        let mut ours = false;
        for oid in [old, Some(name.oid)].into_iter().flatten() {
            ours |= self.map.known(oid)?.is_some_and(|known| known.id == found.id);
        }
        let is_dir = found.is_dir() || self.map.kind(name.oid)? == Some(ObjectKind::Directory);
        ours |= old == Some(name.oid) && self.is_copy(name, &found)?;
        if is_dir || !(ours || self.replaces) {
            self.quarantine(dir, name.parent, &name.name, "in the way of what the source has there")?;
        }
        Ok(())
    }

    /// Whether what is at a name may be the object although it is another inode: where hard links are kept as copies.
    pub(super) fn is_copy(&self, name: &Name, found: &Found) -> Result<bool> {
        let is_file = self.map.kind(name.oid)? == Some(ObjectKind::File) && !found.is_dir();
        Ok(is_file && !self.disk.preserve_in(self.map, name.parent)?.keeps(Loss::Hardlinks))
    }

    /// Renames or links the inode `id` of the object to its name, which is free or can be renamed over.
    fn bring(&mut self, dir: &Arc<OwnedFd>, name: &Name, id: &FileId) -> Result<()> {
        let mut sources = Vec::new();
        if let Some(staged) = self.staged(name.oid)? {
            sources.push((limbo(staged.root), staged.name));
        }
        sources.extend(self.map.names(name.oid)?.into_iter().map(|from| (from.parent, from.name)));
        for (parent, from) in sources {
            let Some(from_dir) = self.disk.dir(self.map, parent)? else { continue };
            let Some(found) = find(from_dir.as_fd(), &from)? else { continue };
            let stands_for = Name { parent, name: from, oid: name.oid };
            if found.id != *id && (limbo_root(parent).is_some() || !self.is_copy(&stands_for, &found)?) {
                continue;
            }
            let from = stands_for.name;
            if limbo_root(parent).is_some() {
                self.map.unlink(parent, &from)?;
                return match self.rename(name.oid, (&from_dir, &from), (dir, &name.name))? {
                    true => Ok(()),
                    false => self.leave_out(name.oid),
                };
            }
            return self.link_over((parent, &from_dir, &from), (dir, name));
        }
        self.remake(dir, name)
    }

    /// Renames. A directory that its owner may not write to is opened for that; its mode is put right with its times.
    /// False when what is there, or where it is to be, is fixed.
    fn rename(&mut self, oid: Oid, from: (&Arc<OwnedFd>, &[u8]), to: (&Arc<OwnedFd>, &[u8])) -> Result<bool> {
        let (from, to) = ((from.0.as_fd(), from.1), (to.0.as_fd(), to.1));
        let renamed = match beneath::rename(from, to) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                if self.map.kind(oid)? == Some(ObjectKind::Directory) {
                    self.touched.insert(oid);
                }
                beneath::unlock(from.0, from.1).and_then(|()| beneath::rename(from, to))
            }
            other => other,
        };
        let at = if is_fixed(from.0, from.1) { from } else { to };
        Ok(self.unless_fixed(at.0, at.1, renamed, "renaming to")?.is_some())
    }

    /// A new inode that cannot take its place: until its object changes again nothing stands for it here.
    fn leave_out(&mut self, oid: Oid) -> Result<()> {
        if let Some(mut pending) = self.map.pending(oid)?
            && let Some(staged) = pending.staged.as_mut()
        {
            staged.id = FileId::NONE;
            self.map.set_pending(oid, &pending)?;
        }
        Ok(())
    }

    /// Gives an inode another name, atomically replacing what has it.
    fn link_over(&mut self, from: (Oid, &Arc<OwnedFd>, &[u8]), to: (&Arc<OwnedFd>, &Name)) -> Result<()> {
        let (dir, name) = to;
        let what = format!("linking object {} to", name.oid);
        let roots = (self.disk.locate(self.map, from.0)?, self.disk.locate(self.map, name.parent)?);
        let (Some(from_root), Some(to_root)) = roots else { return Ok(()) };
        let staging = self.disk.staging(to_root.root)?;
        let aside = [b"l".as_slice(), &stage_name(name.oid)].concat();
        let preserve = self.disk.preserve(to_root.root);
        let reaches = self.disk.same_mount(from_root.root, to_root.root);
        let made = if reaches && preserve.keeps(Loss::Hardlinks) {
            beneath::link((from.1.as_fd(), from.2), (staging.as_fd(), &aside))
        } else {
            if !reaches {
                note(
                    &mut self.problems,
                    "a hard link between roots on different file systems is kept as a copy".into(),
                );
            }
            super::carry::copy((from.1, from.2), (&staging, &aside), preserve, &mut self.problems)
        };
        let linked = made.and_then(|()| beneath::rename((staging.as_fd(), &aside), (dir.as_fd(), &name.name)));
        let at = if is_fixed(from.1.as_fd(), from.2) { (from.1, from.2) } else { (dir, name.name.as_slice()) };
        self.unless_fixed(at.0.as_fd(), at.1, linked, &what).map(drop)
    }

    /// The inode is nowhere: what has no content is made anew, the rest is lost and has to be sent again.
    fn remake(&mut self, dir: &Arc<OwnedFd>, name: &Name) -> Result<()> {
        let Some(mut pending) = self.map.pending(name.oid)? else {
            self.lose(name, "it is not where it was put");
            return Ok(());
        };
        if pending.meta.kind == ObjectKind::File || pending.staged.is_none() {
            self.lose(name, "it is not where it was put");
            return Ok(());
        }
        if pending.meta.kind != ObjectKind::Directory {
            // What is still at the name may be renamed over, so it may go; often there is nothing.
            let _ = beneath::unlink(dir.as_fd(), &name.name);
        }
        let made = make_inode(dir, &name.name, &pending.meta);
        made.map_err(SessionError::io(format!("making {}", name.name.escape_ascii())))?;
        if let (Some(found), Some(staged)) = (find(dir.as_fd(), &name.name)?, pending.staged.as_mut()) {
            staged.id = found.id;
            let preserve = self.disk.preserve_in(self.map, name.parent)?;
            let problems = &mut self.problems;
            meta_io::apply_meta(found.fd.as_fd(), &pending.meta, preserve, &mut |problem| note(problems, problem))
                .map_err(SessionError::io("setting meta"))?;
        }
        self.map.set_pending(name.oid, &pending)?;
        Ok(())
    }

    pub fn lose(&mut self, name: &Name, why: &str) {
        note(&mut self.lost, format!("{}: {why}", crate::compare::escape(&name.name)));
    }
}

/// Where an object waits between two places.
fn limbo_name(oid: Oid) -> Vec<u8> {
    format!("m{oid}").into_bytes()
}
