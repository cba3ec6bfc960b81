//! Walking roots: one entry for each name, in byte order of root and path.
//!
//! A directory comes before what it holds, and what it holds is sorted in as `name/`, so that the order is that of the
//! whole paths (`a`, `a-b`, `a/x`). Held in memory are the names of the directories on the way down and nothing else;
//! descriptors are held for the innermost `OPEN_DIRECTORIES_MAX` of them.

use crate::message::Entry;
use crate::meta::{Meta, ObjectKind};
use crate::root::HeldRoot;
use crate::session::SessionError;
use crate::{beneath, content, meta_io};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most directories that are kept open while walking down.
const OPEN_DIRECTORIES_MAX: usize = 64;
/// Bytes of content read at once for a digest.
const READ_BYTES: usize = 256 << 10;

/// What is wanted of a walk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Digests of the content of files.
    pub digests: bool,
}

/// A name among its siblings: the entry itself, or what is below it (with a `/` at the end of the key).
struct Item {
    key: Vec<u8>,
}

struct Level {
    /// `None` when it was closed to spare descriptors; opened again by path.
    dir: Option<OwnedFd>,
    path: Vec<u8>,
    /// Largest key first, so that the next one is at the end.
    items: Vec<Item>,
}

/// Yields the entries of all roots in order. What cannot be read is counted, never skipped in silence; a walk that was
/// stopped ends with that error, never as if there were no more.
pub struct Listing<'a> {
    roots: &'a [HeldRoot],
    wanted: Wanted,
    stopped: &'a dyn Fn() -> bool,
    /// The error was given.
    ended: bool,
    next_root: usize,
    levels: Vec<Level>,
    buffer: Vec<u8>,
    unreadable: u64,
    not_replicated: u64,
    unreadable_paths: Vec<(u32, Vec<u8>)>,
}

/// Most paths of unreadable entries that are remembered for people; the rest is counted.
pub const UNREADABLE_PATHS_MAX: usize = 100;

impl<'a> Listing<'a> {
    /// Of `roots`, in the order of their index. `stopped` is asked for each entry, and for each block that is read; once
    /// it has said so it must go on to.
    pub fn new(roots: &'a [HeldRoot], wanted: Wanted, stopped: &'a dyn Fn() -> bool) -> Self {
        let buffer = vec![0; if wanted.digests { READ_BYTES } else { 0 }];
        Self {
            roots,
            wanted,
            stopped,
            ended: false,
            next_root: 0,
            levels: Vec::new(),
            buffer,
            unreadable: 0,
            not_replicated: 0,
            unreadable_paths: Vec::new(),
        }
    }

    /// Entries that could not be read so far, or not wholly.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The first of them.
    pub fn unreadable_paths(&self) -> &[(u32, Vec<u8>)] {
        &self.unreadable_paths
    }

    /// Sockets and other objects of a kind that is not replicated.
    pub fn not_replicated(&self) -> u64 {
        self.not_replicated
    }

    fn root(&self) -> &'a HeldRoot {
        &self.roots[self.next_root - 1]
    }

    fn count_unreadable(&mut self, path: &[u8]) {
        self.unreadable += 1;
        if self.unreadable_paths.len() < UNREADABLE_PATHS_MAX {
            self.unreadable_paths.push((self.root().index, path.to_vec()));
        }
    }

    /// Reads the names in `dir` and makes them the innermost level.
    fn descend(&mut self, dir: OwnedFd, path: Vec<u8>) {
        let root = self.root();
        let mut items = Vec::new();
        let listed = beneath::each_name(dir.as_fd(), |name| {
            if !crate::exclude::is_reserved(&joined(&path, name)) {
                items.push(Item { key: name.to_vec() });
            }
            !(self.stopped)()
        });
        debug_assert!(self.levels.is_empty() || !path.is_empty(), "root {} below itself", root.index);
        if listed.is_err() {
            self.count_unreadable(&path);
        }
        items.sort_unstable_by(|a, b| b.key.cmp(&a.key));
        if let Some(outer) = self.levels.len().checked_sub(OPEN_DIRECTORIES_MAX).and_then(|at| self.levels.get_mut(at))
        {
            outer.dir = None;
        }
        self.levels.push(Level { dir: Some(dir), path, items });
    }

    /// The entry of the next root itself, or `None` after the last one.
    fn enter_root(&mut self) -> Option<Entry> {
        while let Some(root) = self.roots.get(self.next_root) {
            self.next_root += 1;
            let opened = beneath::open_dir(root.fd(), b"");
            let entry = self.entry(root.fd(), Vec::new());
            match (entry, opened) {
                (Ok(entry), Ok(dir)) => {
                    self.descend(dir, Vec::new());
                    return entry;
                }
                _ => self.count_unreadable(b""),
            }
        }
        None
    }

    /// The entry for `fd` at `path`; `Ok(None)` when it is of a kind that is not replicated.
    fn entry(&mut self, fd: BorrowedFd<'_>, path: Vec<u8>) -> io::Result<Option<Entry>> {
        let stat = beneath::stat(fd)?;
        let preserve = self.root().config.preserve;
        if preserve.kind_of(stat.st_mode).is_none() {
            self.not_replicated += 1;
            return Ok(None);
        }
        let mut meta = meta_io::read_meta(fd, &stat, preserve)?;
        let hash =
            if self.wanted.digests && meta.kind == ObjectKind::File { self.digest(fd, &path, &mut meta) } else { None };
        let root = self.root().index;
        Ok(Some(Entry { root, path, meta, object: object_number(stat.st_dev as u64, stat.st_ino as u64), hash }))
    }

    fn digest(&mut self, fd: BorrowedFd<'_>, path: &[u8], meta: &mut Meta) -> Option<[u8; 32]> {
        let file = beneath::reopen(fd);
        match file.and_then(|file| content::hash_file(file.as_fd(), &mut self.buffer, self.stopped)) {
            Ok(Some((digest, size))) => {
                meta.size = size;
                Some(digest)
            }
            Ok(None) => None,
            Err(_) => {
                self.count_unreadable(path);
                None
            }
        }
    }

    /// Takes the next item of the innermost level; `None` ends that level.
    fn step(&mut self) -> Option<Option<Entry>> {
        let root = self.root();
        let level = self.levels.last_mut()?;
        let Some(item) = level.items.pop() else {
            self.levels.pop();
            return Some(None);
        };
        let below = item.key.last() == Some(&b'/');
        let name = item.key.strip_suffix(b"/").unwrap_or(&item.key);
        let path = joined(&level.path, name);
        if level.dir.is_none() {
            level.dir = beneath::open_dir(root.fd(), &level.path).ok();
        }
        let Some(dir) = &level.dir else {
            self.count_unreadable(&path);
            return Some(None);
        };
        if below {
            match beneath::open_subdir(dir.as_fd(), name) {
                Ok(dir) => self.descend(dir, path),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(_) => self.count_unreadable(&path),
            }
            return Some(None);
        }
        Some(self.name_entry(root, item, path))
    }

    /// The entry for a name of the innermost level; puts what is below a directory among its siblings.
    fn name_entry(&mut self, root: &HeldRoot, item: Item, path: Vec<u8>) -> Option<Entry> {
        let dir = self.levels.last()?.dir.as_ref()?;
        let opened = beneath::open_entry(dir.as_fd(), &item.key);
        let entry = match opened {
            Err(e) => Err(e),
            Ok(fd) => {
                let is_dir = beneath::stat(fd.as_fd()).is_ok_and(|s| s.st_mode & libc::S_IFMT == libc::S_IFDIR);
                if root.excludes.matches_entry(&path, is_dir) {
                    return None;
                }
                self.entry(fd.as_fd(), path.clone())
            }
        };
        match entry {
            Ok(entry) => {
                if entry.as_ref().is_some_and(|entry| entry.meta.kind == ObjectKind::Directory) {
                    self.insert_below(item.key);
                }
                entry
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => None, // Gone since its directory was read.
            Err(_) => {
                self.count_unreadable(&path);
                None
            }
        }
    }

    fn insert_below(&mut self, mut key: Vec<u8>) {
        key.push(b'/');
        if let Some(level) = self.levels.last_mut() {
            let at = level.items.partition_point(|item| item.key > key);
            level.items.insert(at, Item { key });
        }
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<Entry, SessionError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let at_root = self.levels.is_empty();
            let entry = if at_root { self.enter_root() } else { self.step().flatten() };
            // Asked afterwards: what was being read when it was stopped is not whole.
            if (self.stopped)() {
                self.ended = true;
                return Some(Err(SessionError::Stopped));
            }
            if at_root || entry.is_some() {
                return entry.map(Ok);
            }
        }
        None
    }
}

/// `name` below `path`, which is empty for the root.
pub fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(path.len() + 1 + name.len());
    whole.extend_from_slice(path);
    if !path.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name);
    whole
}

/// One number for an object of any file system, equal for all its names.
pub fn object_number(device: u64, inode: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&device.to_le_bytes());
    hasher.update(&inode.to_le_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests;
