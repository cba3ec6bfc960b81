//! What could not be read. It stays as it was, is counted, and is tried again.

use crate::meta::Oid;
use std::{
    collections::{BTreeMap, HashMap},
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
    /// Sockets seen, by root; they are not replicated.
    pub sockets: HashMap<u32, u64>,
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

    pub fn note_socket(&mut self, root: u32) {
        *self.sockets.entry(root).or_default() += 1;
    }

    pub fn clear(&mut self, directory: Oid, name: &[u8]) {
        if !self.names.is_empty() {
            self.names.remove(&(directory, Box::from(name)));
        }
    }

    /// Forgets everything in a directory, and the directory: it is gone.
    pub fn forget(&mut self, directory: Oid) {
        let from = (directory, Box::default());
        let gone: Vec<_> =
            self.names.range(from..).map_while(|(key, _)| (key.0 == directory).then(|| key.clone())).collect();
        for key in gone {
            self.names.remove(&key);
        }
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
}
