//! When large files that change in place are read again. No event tells which part of a file was written, so all of it
//! is compared with its signature, and that is bounded: a file is read for half of the time at most, however often it
//! is written, and what has only grown is read at its end at once and whole later.

use super::status::now_nanos;
use crate::meta::Oid;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How much longer than it was read a file is left alone, and how much longer when it had only grown.
const REST_FACTOR: u32 = 1;
const VERIFY_FACTOR: u32 = 9;
/// Shortest rests; the second is of a file that has only grown.
const REST_MIN: Duration = Duration::from_millis(2);
const VERIFY_MIN: Duration = Duration::from_secs(1);
/// How long a file is left alone while the spool is nearly full.
const FULL_REST: Duration = Duration::from_millis(500);

/// What identifies a state of a file.
pub(super) type Times = (u64, (i64, u32), (i64, u32));

/// Files that are being read, or were lately.
#[derive(Default)]
pub(super) struct Rescans {
    files: HashMap<Oid, Entry>,
    /// Somebody waits for everything to be said: no file rests.
    pub urgent: bool,
}

/// How far the reading of one file is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rescan {
    /// The row of the signature it goes on with.
    pub next: u64,
    /// Only what was added at its end is read.
    pub tail: bool,
    /// The file as it was when the reading began.
    pub times: Times,
    began: u64,
    cost: Duration,
}

struct Entry {
    reading: Option<Rescan>,
    rest_until: Instant,
    /// When what has only grown is read whole.
    verify_at: Option<Instant>,
    /// How long it took to read it whole.
    whole_cost: Duration,
    /// Everything written before, in nanoseconds since 1970, was said.
    clean_until: u64,
    /// It was written since, or is being read.
    dirty: bool,
}

impl Rescans {
    /// Until when a file is left alone, if it is to rest now.
    pub fn rest(&mut self, oid: Oid, spool_is_full: bool, now: Instant) -> Option<Instant> {
        let urgent = self.urgent;
        let entry = self.entry(oid, now);
        entry.dirty = true;
        if urgent {
            return None;
        }
        if spool_is_full {
            return Some(now + FULL_REST);
        }
        (entry.reading.is_none() && entry.rest_until > now).then_some(entry.rest_until)
    }

    fn entry(&mut self, oid: Oid, now: Instant) -> &mut Entry {
        self.files.entry(oid).or_insert_with(|| Entry {
            reading: None,
            rest_until: now,
            verify_at: None,
            whole_cost: Duration::ZERO,
            clean_until: now_nanos(),
            dirty: true,
        })
    }

    /// Whether it is enough now to read what was added at the end of a file.
    pub fn allows_tail(&self, oid: Oid, now: Instant) -> bool {
        let verify_at = self.files.get(&oid).and_then(|entry| entry.verify_at);
        !self.urgent && verify_at.is_none_or(|at| at > now)
    }

    /// What is known of the file was changed: it is read from its beginning.
    pub fn begin_whole(&mut self, oid: Oid) {
        let now = Instant::now();
        let entry = self.entry(oid, now);
        (entry.reading, entry.verify_at) = (None, Some(now));
    }

    /// The reading that was begun, if there is one.
    pub fn reading(&self, oid: Oid) -> Option<Rescan> {
        self.files.get(&oid)?.reading
    }

    pub fn begin(next: u64, tail: bool, times: Times) -> Rescan {
        Rescan { next, tail, times, began: now_nanos(), cost: Duration::ZERO }
    }

    /// It goes on in the next batch.
    pub fn pause(&mut self, oid: Oid, rescan: Rescan, next: u64, took: Duration, now: Instant) {
        self.entry(oid, now).reading = Some(Rescan { next, cost: rescan.cost + took, ..rescan });
    }

    /// It was read to its end. Returns when it is to be read again: after a rest if it has changed meanwhile, or whole
    /// if only its end was read.
    pub fn end(&mut self, oid: Oid, rescan: Rescan, took: Duration, stable: bool, now: Instant) -> Option<Instant> {
        let entry = self.entry(oid, now);
        let cost = rescan.cost + took;
        entry.reading = None;
        entry.clean_until = rescan.began;
        entry.dirty = !stable;
        entry.rest_until = now + REST_MIN.max(cost * REST_FACTOR);
        if rescan.tail {
            entry.verify_at.get_or_insert(now + VERIFY_MIN.max(entry.whole_cost * VERIFY_FACTOR));
        } else {
            (entry.verify_at, entry.whole_cost) = (None, cost);
        }
        let again = (!stable).then_some(entry.rest_until);
        again.or(entry.verify_at)
    }

    pub fn forget(&mut self, oid: Oid) {
        self.files.remove(&oid);
    }

    pub fn clear(&mut self) {
        self.files.clear();
    }

    /// Up to when the files that wait to be read again are complete.
    pub fn complete_until(&self) -> Option<u64> {
        self.files.values().filter(|entry| entry.dirty).map(|entry| entry.clean_until).min()
    }

    /// Files whose changes, or what an end alone did not show, are still to be read.
    pub fn unread(&self) -> Vec<Oid> {
        let unread = self.files.iter().filter(|(_, entry)| entry.dirty || entry.verify_at.is_some());
        unread.map(|(oid, _)| *oid).collect()
    }

    /// Forgets files that are complete and may be read at any time.
    pub fn tidy(&mut self, now: Instant) {
        self.files.retain(|_, entry| entry.dirty || entry.verify_at.is_some() || entry.rest_until > now);
    }
}
