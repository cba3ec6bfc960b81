//! What could not be read. It stays as it was, is counted, and is tried again.

use crate::meta::Oid;
use std::{
    collections::BTreeMap,
    io,
    time::{Duration, Instant},
};

/// How often what could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Names remembered; more are only counted.
const NAMES_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct Unreadable {
    names: BTreeMap<(Oid, Box<[u8]>), Noted>,
    more: u64,
    tried: Option<Instant>,
    /// What is of a kind that is left out, with its root.
    skipped: BTreeMap<(Oid, Box<[u8]>), u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Noted {
    root: u32,
    /// Something is mounted on it or above it.
    covered: bool,
}

impl Unreadable {
    /// Notes a name, or with an empty name the directory itself.
    pub fn note(&mut self, directory: Oid, name: &[u8], root: u32, error: &io::Error) {
        let key = (directory, Box::from(name));
        let noted = Noted { root, covered: error.raw_os_error() == Some(libc::EXDEV) };
        if self.names.get(&key) == Some(&noted) {
            return;
        }
        if !noted.covered {
            tracing::warn!(root, name = %name.escape_ascii(), %error, "cannot be read; kept as it was");
        }
        if self.names.len() < NAMES_MAX || self.names.contains_key(&key) {
            self.names.insert(key, noted);
        } else {
            self.more += 1;
        }
    }

    /// Notes a socket, or what else is left out because of its kind.
    pub fn note_skipped(&mut self, directory: Oid, name: &[u8], root: u32) {
        if self.skipped.len() < NAMES_MAX {
            self.skipped.insert((directory, Box::from(name)), root);
        }
    }

    pub fn clear_skipped(&mut self, directory: Oid, name: &[u8]) {
        if !self.skipped.is_empty() {
            self.skipped.remove(&(directory, Box::from(name)));
        }
    }

    /// Forgets what was left out in a directory: it is looked at again, or gone.
    pub fn forget_skipped(&mut self, directory: Oid) {
        forget_in(&mut self.skipped, directory);
    }

    /// Entries of `root` that are left out because of their kind.
    pub fn count_skipped(&self, root: u32) -> u64 {
        self.skipped.values().filter(|of| **of == root).count() as u64
    }

    pub fn clear(&mut self, directory: Oid, name: &[u8]) {
        if !self.names.is_empty() {
            self.names.remove(&(directory, Box::from(name)));
        }
    }

    /// Forgets everything in a directory, and the directory: it is gone.
    pub fn forget(&mut self, directory: Oid) {
        forget_in(&mut self.names, directory);
        forget_in(&mut self.skipped, directory);
    }

    /// Entries of `root` that cannot be read now. What is covered by a mount is not among them.
    pub fn count(&self, root: u32) -> u64 {
        let unread = Noted { root, covered: false };
        self.names.values().filter(|of| **of == unread).count() as u64 + if root == 0 { self.more } else { 0 }
    }

    /// What was covered by a mount when it was looked at.
    pub fn covered(&self) -> Vec<(Oid, Box<[u8]>)> {
        self.names.iter().filter(|(_, of)| of.covered).map(|(key, _)| key.clone()).collect()
    }

    /// What is to be tried again now.
    pub fn due(&mut self, now: Instant) -> Vec<(Oid, Box<[u8]>)> {
        if self.names.is_empty() || self.tried.is_some_and(|tried| now < tried + AGAIN) {
            return Vec::new();
        }
        self.tried = Some(now);
        self.more = 0;
        self.names.keys().cloned().collect()
    }
}

fn forget_in<T>(names: &mut BTreeMap<(Oid, Box<[u8]>), T>, directory: Oid) {
    let from = (directory, Box::default());
    let gone: Vec<_> = names.range(from..).map_while(|(key, _)| (key.0 == directory).then(|| key.clone())).collect();
    for key in gone {
        names.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_counted_until_it_can_or_its_directory_is_gone() {
        let (mut unreadable, error) = (Unreadable::default(), io::Error::from(io::ErrorKind::PermissionDenied));
        for name in ["", "a", "b", "a"] {
            unreadable.note(Oid(2000), name.as_bytes(), 0, &error);
        }
        unreadable.note(Oid(2001), b"a", 1, &error);
        assert_eq!((unreadable.count(0), unreadable.count(1)), (3, 1));
        unreadable.clear(Oid(2000), b"b");
        assert_eq!(unreadable.due(Instant::now()).len(), 3);
        unreadable.note(Oid(2000), b"a", 0, &io::Error::from_raw_os_error(libc::EXDEV));
        assert_eq!((unreadable.count(0), unreadable.covered().len()), (1, 1), "covered since");
        unreadable.forget(Oid(2000));
        assert_eq!((unreadable.count(0), unreadable.count(1)), (0, 1));
    }

    #[test]
    fn what_is_left_out_is_counted_once_until_it_is_gone() {
        let mut unreadable = Unreadable::default();
        for name in ["socket", "fifo", "socket"] {
            unreadable.note_skipped(Oid(2000), name.as_bytes(), 0);
        }
        unreadable.note_skipped(Oid(2001), b"socket", 1);
        assert_eq!((unreadable.count_skipped(0), unreadable.count_skipped(1)), (2, 1));
        unreadable.clear_skipped(Oid(2000), b"fifo");
        assert_eq!(unreadable.count_skipped(0), 1);
        unreadable.forget_skipped(Oid(2001));
        unreadable.forget(Oid(2000));
        assert_eq!((unreadable.count_skipped(0), unreadable.count_skipped(1)), (0, 0));
    }
}
