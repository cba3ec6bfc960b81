//! From hints to differences: looks at what is there now and compares it with the index.
//!
//! Nothing is concluded from an event. A name that is not found is gone; a known handle elsewhere is a rename or a hard
//! link, decided by which names still exist; what cannot be read stays as it was.

use super::{
    SourceError,
    batch::Batch,
    guard::Guard,
    hot::HotSet,
    known::KnownKeys,
    pending::{Hint, Item, Pending},
    rescan::Rescans,
    slot::{Held, Roots, is_gone},
    unreadable::Unreadable,
};
use crate::{
    beneath,
    capture::{Captures, Key},
    index::{Index, Stored},
    meta::{ObjectKind, Oid},
    preserve::Preserve,
};
use model::elements::roots::RESERVED_DIRECTORY;
use std::{
    collections::{HashMap, HashSet},
    io,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

/// When a directory that was not at its place is looked for again.
const MISPLACED_AGAIN: Duration = Duration::from_millis(20);
/// Directories held open at once within a batch.
const OPEN_DIRECTORIES_MAX: usize = 128;

/// A directory of the index, opened as a mere handle.
pub(super) struct OpenDirectory {
    pub fd: OwnedFd,
    pub held: Arc<Held>,
    /// Path below the root; only known when the root has excludes or is opened by path.
    pub path: Option<Vec<u8>>,
}

/// What a directory of the index is found to be.
#[derive(Clone)]
pub(super) enum Found {
    Open(Rc<OpenDirectory>),
    /// It is gone or moved, or its root is halted.
    Away,
    /// It is there, or may be, and cannot be reached.
    Closed,
}

/// Everything a batch is made from.
pub(super) struct Pass<'a, 's> {
    pub index: &'a mut Index,
    pub captures: &'a mut Captures,
    pub roots: &'a Roots,
    pub known: &'a mut KnownKeys,
    pub pending: &'a mut Pending,
    pub hot: &'a mut HotSet,
    pub rescans: &'a mut Rescans,
    pub unreadable: &'a mut Unreadable,
    pub guard: &'a mut Guard,
    pub batch: Batch<'s>,
    /// What of objects is kept.
    pub preserve: Preserve,
    /// Files larger than this are not spooled.
    pub spooled_file_max: u64,
    pub directories: HashMap<Oid, Found>,
    /// Directories whose own times may have moved with their entries.
    pub touched: HashSet<Oid>,
    /// Objects that lost a name.
    pub dropped: Vec<Oid>,
    /// Directories that got another place.
    pub moved: Vec<Oid>,
    /// When the last look at an object began, in nanoseconds since 1970.
    pub looked: i128,
}

impl Pass<'_, '_> {
    pub fn look(&mut self, item: Item, hint: Hint) -> Result<(), SourceError> {
        match item {
            Item::Entry(directory, name) => self.entry(directory, &name, hint),
            Item::Object(oid) => self.object(oid, hint),
            Item::Scan(directory) => self.scan(directory),
        }
    }

    /// The open directory, or `None` if it cannot be looked into; then it is seen to that it is looked for again.
    fn directory(&mut self, oid: Oid) -> Result<Option<Rc<OpenDirectory>>, SourceError> {
        let found = match self.directories.get(&oid) {
            Some(found) => found.clone(),
            None => self.find_directory(oid)?,
        };
        match found {
            Found::Open(open) => return Ok(Some(open)),
            Found::Away => self.misplaced(oid)?,
            // Noted: it is read again as a whole once it can be reached, and nothing waits for that.
            Found::Closed => {}
        }
        Ok(None)
    }

    fn find_directory(&mut self, oid: Oid) -> Result<Found, SourceError> {
        if self.directories.len() >= OPEN_DIRECTORIES_MAX {
            self.directories.clear();
        }
        let found = self.open_directory(oid)?;
        self.directories.insert(oid, found.clone());
        Ok(found)
    }

    fn open_directory(&mut self, oid: Oid) -> Result<Found, SourceError> {
        let Some(stored) = self.index.object(oid)? else { return Ok(Found::Away) };
        let Some((root, path)) = self.index.path_of(oid)? else { return Ok(Found::Away) };
        let Some(held) = self.roots.held(root).cloned() else { return Ok(Found::Away) };
        let opened = self.roots.open(&stored.key, || Some((root, path.clone())));
        match opened {
            Ok(Some(fd)) => Ok(Found::Open(Rc::new(OpenDirectory { fd, held, path: Some(path) }))),
            Ok(None) => Ok(Found::Away),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(Found::Away),
            Err(error) => {
                self.unreadable.note(oid, b"", root, &error);
                Ok(Found::Closed)
            }
        }
    }

    fn entry(&mut self, directory: Oid, name: &[u8], hint: Hint) -> Result<(), SourceError> {
        if directory < Oid::FIRST && name == RESERVED_DIRECTORY.as_bytes() {
            return Ok(());
        }
        let Some(open) = self.directory(directory)? else { return Ok(()) };
        self.touched.insert(directory);
        let entry = match beneath::open_entry(open.fd.as_fd(), name) {
            Ok(entry) => entry,
            Err(error) if is_gone(&error) => {
                self.pending.gone.insert((directory, name.into()));
                return Ok(());
            }
            Err(error) => {
                self.unreadable.note(directory, name, open.held.root.index, &error);
                return Ok(());
            }
        };
        let stat = beneath::stat(entry.as_fd())?;
        let Some(kind) = self.preserve.kind_of(stat.st_mode) else {
            self.remove_name(directory, name)?;
            self.unreadable.note_skipped(directory, name, open.held.root.index);
            return Ok(());
        };
        if self.is_excluded(&open, name, kind == ObjectKind::Directory) {
            return self.remove_name(directory, name);
        }
        self.unreadable.clear_skipped(directory, name);
        let key = open.held.filesystem.key(entry.as_fd())?;
        let stored = self.index.object_by_key(&key)?.filter(|stored| stored.meta.kind == kind);
        let looked = match stored {
            Some(stored) => {
                if kind == ObjectKind::Directory && hint >= Hint::Scan {
                    self.pending.scan(stored.oid);
                }
                self.refresh(stored, entry.as_fd(), hint)
            }
            None => self.discover(key, entry.as_fd(), hint),
        };
        match looked {
            Ok(oid) => {
                if !self.index.owes(oid)? {
                    self.unreadable.clear(directory, name);
                }
                self.link(directory, name, oid, kind)
            }
            Err(SourceError::Io(error)) if is_gone(&error) => {
                self.pending.hot(Item::Entry(directory, name.into()), hint);
                Ok(())
            }
            Err(SourceError::Io(error)) => {
                self.unreadable.note(directory, name, open.held.root.index, &error);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// A known directory is not where the index has it: the names that lead to it are looked at, and what is in it later.
    fn misplaced(&mut self, directory: Oid) -> Result<(), SourceError> {
        if directory < Oid::FIRST || self.index.object(directory)?.is_none() {
            return Ok(());
        }
        let Some((root, _)) = self.index.path_of(directory)? else {
            // No root leads to it: what held it is gone, or is found at another place yet, or the two moved into each other.
            self.moved.push(directory);
            self.pending.lost(Instant::now() + MISPLACED_AGAIN, Item::Scan(directory), Hint::Scan);
            return Ok(());
        };
        if self.roots.held(root).is_none() {
            return Ok(());
        }
        // Found again at its new place, it is read again: nothing that was to be looked at is lost.
        self.look_again(directory, Item::Scan(directory), Hint::Scan)
    }

    /// Something is not at its place: the names that lead to it are looked at, and `item` once more.
    fn look_again(&mut self, oid: Oid, item: Item, hint: Hint) -> Result<(), SourceError> {
        let (mut at, mut seen) = (oid, HashSet::new());
        while seen.insert(at)
            && let Some((parent, name)) = self.index.names_of(at)?.pop()
        {
            self.pending.gone.insert((parent, name.into()));
            at = parent;
        }
        self.pending.lost(Instant::now() + MISPLACED_AGAIN, item, hint);
        Ok(())
    }

    fn is_excluded(&self, open: &OpenDirectory, name: &[u8], is_dir: bool) -> bool {
        let Some(path) = &open.path else { return false };
        let path = if path.is_empty() { name.to_vec() } else { [path.as_slice(), name].join(&b'/') };
        open.held.root.excludes.matches(&path, is_dir)
    }

    /// An object the index does not know.
    fn discover(&mut self, key: Key, entry: std::os::fd::BorrowedFd<'_>, hint: Hint) -> Result<Oid, SourceError> {
        // A handle that was used by an object of another kind, on file systems without generations.
        if let Some(other) = self.index.object_by_key(&key)? {
            for (parent, name) in self.index.names_of(other.oid)? {
                self.remove_name(parent, &name)?;
            }
            self.remove_object(&other)?;
        }
        let stored = self.examine(None, key, entry, hint)?;
        let oid = stored.oid;
        if stored.meta.kind == ObjectKind::Directory {
            self.pending.scan(oid);
        }
        Ok(oid)
    }

    /// Makes `name` stand for `oid`.
    fn link(&mut self, parent: Oid, name: &[u8], oid: Oid, kind: ObjectKind) -> Result<(), SourceError> {
        let before = self.index.named(parent, name)?;
        if before == Some(oid) {
            return Ok(());
        }
        if kind == ObjectKind::Directory {
            self.directories.clear();
            for (old_parent, old_name) in self.index.names_of(oid)? {
                self.forget_name(old_parent, &old_name, oid)?;
                self.pending.hot(Item::Entry(old_parent, old_name.into()), Hint::Names);
                self.touched.insert(old_parent);
                self.moved.push(oid);
            }
        }
        self.batch.note_name(parent, name, before);
        self.index.put_name(parent, name, oid)?;
        if let Some(before) = before {
            self.batch.note_removal();
            self.dropped.push(before);
        }
        if self.moved.last() == Some(&oid) && self.has_excludes(parent)? {
            self.pending.scan(oid);
        }
        Ok(())
    }

    fn has_excludes(&self, directory: Oid) -> Result<bool, SourceError> {
        let root = self.index.path_of(directory)?.map(|(root, _)| root);
        Ok(root.and_then(|root| self.roots.0.get(root as usize)).is_some_and(|slot| !slot.config.exclude.is_empty()))
    }

    fn forget_name(&mut self, parent: Oid, name: &[u8], oid: Oid) -> Result<(), SourceError> {
        self.batch.note_name(parent, name, Some(oid));
        self.batch.note_removal();
        self.index.remove_name(parent, name)?;
        Ok(())
    }

    fn remove_name(&mut self, parent: Oid, name: &[u8]) -> Result<(), SourceError> {
        self.unreadable.clear(parent, name);
        self.unreadable.clear_skipped(parent, name);
        if let Some(oid) = self.index.named(parent, name)? {
            self.forget_name(parent, name, oid)?;
            self.dropped.push(oid);
            self.touched.insert(parent);
        }
        Ok(())
    }

    /// Looks again at names that were not found. Those that are there now become hot.
    pub fn settle_gone(&mut self) -> Result<(), SourceError> {
        for (directory, name) in std::mem::take(&mut self.pending.gone) {
            // Its directory is gone as well, which its own name tells, or at another place by now.
            let Some(open) = self.directory(directory)? else { continue };
            match beneath::open_entry(open.fd.as_fd(), &name) {
                Err(error) if is_gone(&error) => self.remove_name(directory, &name)?,
                Err(error) => self.unreadable.note(directory, &name, open.held.root.index, &error),
                Ok(_) => self.pending.hot(Item::Entry(directory, name), Hint::Names),
            }
        }
        Ok(())
    }

    /// Whether some object has no name left.
    pub fn has_orphans(&self) -> Result<bool, SourceError> {
        for oid in &self.dropped {
            if self.index.names_of(*oid)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Directories that were moved into each other while they were looked at are led to by each other alone. One is taken
    /// out with all below it, and found again. What is below an object without a name goes with that one.
    fn break_circles(&mut self) -> Result<(), SourceError> {
        let mut broken = false;
        for oid in std::mem::take(&mut self.moved) {
            if self.index.object(oid)?.is_none() || !self.is_in_a_circle(oid)? {
                continue;
            }
            for (parent, name) in self.index.names_of(oid)? {
                self.forget_name(parent, &name, oid)?;
            }
            self.dropped.push(oid);
            broken = true;
        }
        if broken {
            tracing::info!("directories were moved into each other; everything is looked at again");
            (0..self.roots.0.len()).for_each(|root| self.pending.scan(Oid::root(root as u32)));
        }
        Ok(())
    }

    /// Whether the way up from `oid` comes back to where it was.
    fn is_in_a_circle(&self, oid: Oid) -> Result<bool, SourceError> {
        let (mut at, mut seen) = (oid, HashSet::new());
        while seen.insert(at) {
            match self.index.names_of(at)?.pop() {
                Some((parent, _)) => at = parent,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Takes objects without names out of the index, with all below them: a target that applied this batch does not
    /// have them either.
    pub fn remove_orphans(&mut self) -> Result<(), SourceError> {
        self.break_circles()?;
        while let Some(oid) = self.dropped.pop() {
            if oid < Oid::FIRST || !self.index.names_of(oid)?.is_empty() {
                continue;
            }
            let Some(stored) = self.index.object(oid)? else { continue };
            if stored.meta.kind == ObjectKind::Directory {
                for (name, child) in self.index.names_in(oid)? {
                    self.forget_name(oid, &name, child)?;
                    self.dropped.push(child);
                }
            }
            self.remove_object(&stored)?;
        }
        Ok(())
    }

    fn remove_object(&mut self, stored: &Stored) -> Result<(), SourceError> {
        self.index.remove_object(stored.oid)?;
        self.known.forget(&stored.key);
        self.hot.forget(stored.oid);
        self.rescans.forget(stored.oid);
        self.directories.remove(&stored.oid);
        if stored.meta.kind == ObjectKind::Directory {
            self.captures.forget(&stored.key);
            self.unreadable.forget(stored.oid);
        }
        Ok(())
    }

    /// Looks at directories whose entries were looked at: their times move with them.
    pub fn refresh_touched(&mut self) -> Result<(), SourceError> {
        for oid in std::mem::take(&mut self.touched) {
            self.object(oid, Hint::Scan)?;
        }
        Ok(())
    }

    fn object(&mut self, oid: Oid, hint: Hint) -> Result<(), SourceError> {
        let Some(stored) = self.index.object(oid)? else { return Ok(()) };
        let key = stored.key.clone();
        let index = &*self.index;
        let entry = match self.roots.open(&key, || index.path_of(oid).ok().flatten()) {
            Ok(Some(entry)) => entry,
            Ok(None) if self.roots.of_key(&key).is_some_and(|held| !held.by_key) && oid >= Oid::FIRST => {
                return self.look_again(oid, Item::Object(oid), hint);
            }
            Ok(None) => return Ok(()),
            Err(error) => return self.note_unreadable(oid, &error),
        };
        match self.refresh(stored, entry.as_fd(), hint) {
            Err(SourceError::Io(error)) if is_gone(&error) => Ok(()),
            Err(SourceError::Io(error)) => self.note_unreadable(oid, &error),
            Ok(_) if hint == Hint::Force => self.clear_unreadable(oid),
            other => other.map(drop),
        }
    }

    /// Notes all names of an object that cannot be read. Nothing is noted of a root that is halted.
    fn note_unreadable(&mut self, oid: Oid, error: &io::Error) -> Result<(), SourceError> {
        for (parent, name) in self.index.names_of(oid)? {
            let Some((root, _)) = self.index.path_of(parent)? else { continue };
            if self.roots.held(root).is_some() {
                self.unreadable.note(parent, &name, root, error);
            }
        }
        Ok(())
    }

    fn clear_unreadable(&mut self, oid: Oid) -> Result<(), SourceError> {
        for (parent, name) in self.index.names_of(oid)? {
            self.unreadable.clear(parent, &name);
        }
        Ok(())
    }

    /// Reads a directory: every name in it, and every name the index has in it, is looked at later.
    fn scan(&mut self, directory: Oid) -> Result<(), SourceError> {
        crate::failpoint::pass("source.scan");
        let Some(stored) = self.index.object(directory)? else { return Ok(()) };
        let Some(open) = self.directory(directory)? else { return Ok(()) };
        let root = open.held.root.index;
        let names = beneath::reopen(open.fd.as_fd()).and_then(|readable| {
            // Marked first, then read: a change in between is seen twice instead of never.
            self.captures.watch(root as usize, &stored.key, readable.as_fd())?;
            beneath::names(readable.as_fd())
        });
        let names = match names {
            Ok(names) => names,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => {
                self.unreadable.note(directory, b"", root, &error);
                return Ok(());
            }
        };
        self.unreadable.clear(directory, b"");
        self.unreadable.forget_skipped(directory);
        let here: HashSet<&[u8]> = names.iter().map(Vec::as_slice).collect();
        for (name, _) in self.index.names_in(directory)? {
            if !here.contains(name.as_slice()) {
                self.pending.cold(directory, name.into());
            }
        }
        drop(here);
        for name in names {
            self.pending.cold(directory, name.into());
        }
        self.touched.insert(directory);
        Ok(())
    }
}

/// What kind of failure keeps an object as it was.
impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        SourceError::Io(error)
    }
}
