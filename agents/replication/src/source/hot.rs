//! Files that are written in ways no event tells: by a mapping, by libaio, from within a loop device. Those written
//! lately are looked at every second, and the system is asked to start writing them back, so that the next store
//! through a mapping moves their times again.

use crate::meta::Oid;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How long a file counts as written lately.
pub(super) const RECENT: Duration = Duration::from_secs(600);
/// Files looked at each second; 1000 cost about 10 ms.
const FILES_MAX: usize = 1024;
const EVERY: Duration = Duration::from_secs(1);

pub(super) struct HotSet {
    files: HashMap<Oid, Hot>,
    next: Instant,
}

#[derive(Clone, Copy)]
struct Hot {
    until: Instant,
    writers: bool,
}

impl HotSet {
    pub fn new() -> Self {
        Self { files: HashMap::new(), next: Instant::now() + EVERY }
    }

    /// Notes a file that was just read; `written` when its content was written lately.
    pub fn add(&mut self, oid: Oid, written: bool, writers: bool) {
        if !written {
            return;
        }
        let until = Instant::now() + RECENT;
        if self.files.len() >= FILES_MAX && !self.files.contains_key(&oid) {
            let quiet = self.files.iter().filter(|(_, hot)| !hot.writers).min_by_key(|(_, hot)| hot.until);
            let Some(quiet) = quiet.map(|(oid, _)| *oid) else { return };
            self.files.remove(&quiet);
        }
        self.files.insert(oid, Hot { until, writers });
    }

    pub fn forget(&mut self, oid: Oid) {
        self.files.remove(&oid);
    }

    /// The files to look at now, with whether somebody may be writing; empty when it is not time.
    pub fn due(&mut self, now: Instant) -> Vec<(Oid, bool)> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + EVERY;
        self.files.retain(|_, hot| hot.until > now);
        self.all()
    }

    pub fn all(&self) -> Vec<(Oid, bool)> {
        self.files.iter().map(|(oid, hot)| (*oid, hot.writers)).collect()
    }
}
