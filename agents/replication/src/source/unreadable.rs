//! What could not be read. It stays as it was, is counted, and is tried again.

use crate::meta::Oid;
use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

/// How often what could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Names remembered; more are only counted.
const NAMES_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct Unreadable {
    names: HashMap<(Oid, Box<[u8]>), u32>,
    more: u64,
    tried: Option<Instant>,
    /// Sockets seen, by root; they are not replicated.
    pub sockets: HashMap<u32, u64>,
}

impl Unreadable {
    /// Notes a name, or with an empty name the directory itself.
    pub fn note(&mut self, directory: Oid, name: &[u8], root: u32, error: &io::Error) {
        let key = (directory, Box::from(name));
        if self.names.contains_key(&key) {
            return;
        }
        tracing::warn!(root, name = %name.escape_ascii(), %error, "cannot be read; kept as it was");
        if self.names.len() < NAMES_MAX {
            self.names.insert(key, root);
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

    /// Entries of `root` that cannot be read now.
    pub fn count(&self, root: u32) -> u64 {
        self.names.values().filter(|of| **of == root).count() as u64 + if root == 0 { self.more } else { 0 }
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
