//! Blocks of files that are not what a change was meant for: a synchronization gave them as they were later, or somebody
//! wrote to the replica. Nothing is done to them until the source has said what they should be, which is asked for in
//! every session until then.

use super::map::{Map, oid_at, sql};
use crate::message::{BLOCKS_MAX, Message};
use crate::meta::Oid;
use rusqlite::params;
use std::collections::{BTreeMap, HashSet};

/// Beside the tables that have a version: a map that was made before this one existed gets it and stays.
pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS diverged(oid INTEGER NOT NULL, block INTEGER NOT NULL,
                                        PRIMARY KEY(oid, block)) WITHOUT ROWID;";

impl Map {
    pub fn note_diverged(&self, oid: Oid, block: u64) -> rusqlite::Result<()> {
        self.run("INSERT OR IGNORE INTO diverged VALUES(?, ?)", params![sql(oid), block as i64]).map(drop)
    }

    /// The blocks of `oid` from `from` on and before `until` are what they should be.
    pub fn settle_diverged(&self, oid: Oid, from: u64, until: u64) -> rusqlite::Result<()> {
        let values = params![sql(oid), from as i64, until as i64];
        self.run("DELETE FROM diverged WHERE oid = ? AND block >= ? AND block < ?", values).map(drop)
    }

    pub fn has_diverged(&self, oid: Oid) -> rusqlite::Result<bool> {
        self.one("SELECT 1 FROM diverged WHERE oid = ? LIMIT 1", [sql(oid)], |_| Ok(())).map(|found| found.is_some())
    }

    fn diverged(&self) -> rusqlite::Result<Vec<(Oid, u64)>> {
        let limit = BLOCKS_MAX as i64;
        self.all("SELECT oid, block FROM diverged ORDER BY oid, block LIMIT ?", [limit], |row| {
            Ok((oid_at(row, 0)?, row.get::<_, i64>(1)? as u64))
        })
    }
}

/// What a session has asked for already.
#[derive(Default)]
pub(super) struct Asked(HashSet<(Oid, u64)>);

impl Asked {
    /// What is to be asked for now. Blocks that were made good are forgotten.
    pub fn next(&mut self, map: &Map) -> rusqlite::Result<Vec<Message>> {
        let diverged = map.diverged()?;
        let mut files: BTreeMap<Oid, Vec<u64>> = BTreeMap::new();
        for (oid, block) in &diverged {
            if !self.0.contains(&(*oid, *block)) {
                files.entry(*oid).or_default().push(*block);
            }
        }
        self.0 = diverged.into_iter().collect();
        Ok(files.into_iter().map(|(oid, blocks)| Message::Diverged { oid, blocks }).collect())
    }
}
