//! Keys the capture must recognise fast: directories, barrier directories, and files with more names than one.

use crate::{
    capture::{Key, Known},
    index::Index,
    meta::{ObjectKind, Oid},
};
use std::collections::{HashMap, HashSet};

#[derive(Default)]
pub(super) struct KnownKeys {
    directories: HashMap<Key, Oid>,
    linked: HashSet<Key>,
    barriers: HashSet<Key>,
}

impl KnownKeys {
    /// Reads all keys from the index again; barrier directories stay.
    pub fn load(&mut self, index: &Index) -> rusqlite::Result<()> {
        self.directories.clear();
        self.linked.clear();
        index.keys(|key, oid, directory| {
            if directory {
                self.directories.insert(key, oid);
            } else {
                self.linked.insert(key);
            }
        })
    }

    pub fn directory_oid(&self, key: &Key) -> Option<Oid> {
        self.directories.get(key).copied()
    }

    /// How many directories there are.
    pub fn directories(&self) -> usize {
        self.directories.len()
    }

    pub fn note(&mut self, key: &Key, oid: Oid, kind: ObjectKind, links: u64) {
        if kind == ObjectKind::Directory {
            self.directories.insert(key.clone(), oid);
        } else if kind == ObjectKind::File && links > 1 {
            self.linked.insert(key.clone());
        }
    }

    pub fn forget(&mut self, key: &Key) {
        self.directories.remove(key);
        self.linked.remove(key);
    }

    pub fn add_barrier(&mut self, key: Key) {
        self.barriers.insert(key);
    }

    pub fn is_barrier(&self, key: &Key) -> bool {
        self.barriers.contains(key)
    }
}

impl Known for KnownKeys {
    fn directory(&self, key: &[u8]) -> bool {
        self.directories.contains_key(key) || self.barriers.contains(key)
    }

    fn linked(&self, key: &[u8]) -> bool {
        self.linked.contains(key)
    }
}
