//! What a session left out, or did not say as it is: tried until it can be said.

use super::{
    SourceError,
    command::Given,
    engine::Engine,
    pending::{Hint, Item},
};
use crate::{
    content::BLOCK_BYTES,
    index::{REGION_BLOCKS, Region, SignedBlock, Stored},
    meta::Oid,
};
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
    pub fn owe(&mut self, mut oids: Vec<Oid>, given: &[Given]) -> Result<(), SourceError> {
        for given in given {
            let Some(stored) = self.index.object(given.oid)? else { continue };
            if self.index.signed(given.oid)?.is_some() {
                // What is said block by block is the difference to what every target has.
                let is_it = given.hash.is_some() && given.hash == stored.hash;
                let is_trusted = given.hash.is_none() && stored.hash.is_some();
                oids.extend((!is_it && !is_trusted).then_some(given.oid));
            } else if stored.hash.is_none() && !stored.racy && given.ctime == Some(stored.ctime) {
                self.index.put_object(&Stored { hash: given.hash, ..stored })?;
                self.timers.signer.look_again(Instant::now());
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

    /// Has blocks of a file said again that a target has not as it was given them.
    pub fn repair(&mut self, oid: Oid, blocks: &[u64]) -> Result<(), SourceError> {
        let Some(stored) = self.index.object(oid)? else { return Ok(()) };
        let Some(signed) = self.index.signed(oid)? else { return self.owe(vec![oid], &[]) };
        self.index.begin()?;
        let end = signed.size.div_ceil(BLOCK_BYTES as u64);
        for block in blocks.iter().filter(|block| **block < end) {
            let (number, within) = (block / REGION_BLOCKS as u64, (block % REGION_BLOCKS as u64) as usize);
            let unknown = if signed.complete { Region::ZEROS } else { Region::UNKNOWN };
            let mut region = self.index.region(oid, number)?.unwrap_or(unknown);
            region.0[within] = SignedBlock::UNKNOWN;
            self.index.set_region(oid, number, &region)?;
        }
        // Not believed, whatever its times, until it was compared whole.
        self.index.put_object(&Stored { racy: true, hash: None, ..stored })?;
        self.index.commit()?;
        self.rescans.begin_whole(oid);
        self.pending.hot(Item::Object(oid), Hint::Content);
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
