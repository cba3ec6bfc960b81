//! Batches that are not in the spool: what they changed is remembered instead of how.

use super::Index;
use crate::meta::Oid;
use rusqlite::params;

/// The stretch of batches of which at least some are not in the spool. Until every target is past `last`, what any
/// batch changes is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub first: u64,
    pub last: u64,
    /// The spool is full: every further batch belongs to the gap.
    pub open: bool,
}

impl Gap {
    /// Whether a target at `batch` cannot go on from the spool.
    pub fn is_next_after(&self, batch: u64) -> bool {
        batch + 1 >= self.first && batch < self.last
    }
}

/// A name that changed, and what it stood for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapName {
    pub parent: Oid,
    pub name: Vec<u8>,
    pub before: Option<Oid>,
}

impl Index {
    pub fn note_gap_object(&self, oid: Oid, batch: u64) -> rusqlite::Result<()> {
        let mut put = self.connection.prepare_cached("INSERT OR REPLACE INTO gap_object VALUES (?1, ?2)")?;
        put.execute(params![oid.0, batch]).map(drop)
    }

    pub fn note_gap_name(&self, name: &GapName, batch: u64) -> rusqlite::Result<()> {
        let mut put = self.connection.prepare_cached("INSERT OR IGNORE INTO gap_name VALUES (?1, ?2, ?3, ?4)")?;
        put.execute(params![name.parent.0, name.name, batch, name.before.map(|oid| oid.0)]).map(drop)
    }

    /// Forgets the gap: every target is past it. Within a transaction.
    pub fn close_gap(&mut self) -> rusqlite::Result<()> {
        self.connection.execute_batch("DELETE FROM gap_object; DELETE FROM gap_name;")?;
        self.facts_mut().gap = None;
        Ok(())
    }
}
