//! What a session left out, or did not say as it is: tried until it can be said.

use super::{
    SourceError,
    engine::Engine,
    pending::{Hint, Item},
};
use crate::meta::Oid;
use std::time::{Duration, Instant};

/// How often what could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Objects tried at once.
const OBJECTS_MAX: usize = 10_000;

/// Where the next round of tries begins, and when.
pub(super) struct Owed {
    pub at: Instant,
    after: Oid,
}

impl Owed {
    pub fn new(now: Instant) -> Self {
        Self { at: now, after: Oid(0) }
    }
}

impl Engine {
    /// Notes durably, and does at once, what is to be said again.
    pub fn owe(&mut self, mut oids: Vec<Oid>, given: &[(Oid, [u8; 32])]) -> Result<(), SourceError> {
        for (oid, hash) in given {
            // What is said block by block is the difference to what every target has.
            let is_signed = self.index.signed(*oid)?.is_some();
            if is_signed && self.index.object(*oid)?.is_some_and(|stored| stored.hash != Some(*hash)) {
                oids.push(*oid);
            }
        }
        if oids.is_empty() {
            return Ok(());
        }
        self.index.begin()?;
        self.index.owe(&oids)?;
        self.index.commit()?;
        oids.iter().for_each(|oid| self.pending.hot(Item::Object(*oid), Hint::Force));
        Ok(())
    }

    /// Tries again what is still to be said. What was forgotten as pending since it was tried last is here too.
    pub fn look_at_owed(&mut self, now: Instant) -> Result<(), SourceError> {
        if now < self.timers.owed.at || self.pending.has_hot() {
            return Ok(());
        }
        let oids = self.index.owed(self.timers.owed.after, OBJECTS_MAX)?;
        let is_last = oids.len() < OBJECTS_MAX;
        self.timers.owed = Owed {
            at: if is_last { now + AGAIN } else { now },
            after: oids.last().copied().filter(|_| !is_last).unwrap_or(Oid(0)),
        };
        oids.into_iter().for_each(|oid| self.pending.hot(Item::Object(oid), Hint::Force));
        Ok(())
    }
}
