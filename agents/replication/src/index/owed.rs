//! Objects that a target was not given as they are. They are said again until that succeeds, also after a restart.

use super::Index;
use crate::meta::Oid;
use rusqlite::params;

/// Beside the tables that have a version: an index that was made before this one existed gets it and stays.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS owed (oid INTEGER PRIMARY KEY)";

impl Index {
    /// Notes objects that are to be said again. Within a transaction.
    pub fn owe(&mut self, oids: &[Oid]) -> rusqlite::Result<()> {
        self.any_owed |= !oids.is_empty();
        let mut put = self.connection.prepare_cached("INSERT OR IGNORE INTO owed VALUES (?1)")?;
        oids.iter().try_for_each(|oid| put.execute([oid.0]).map(drop))
    }

    /// Whether `oid` is to be said again. Costs nothing while nothing is.
    pub fn owes(&self, oid: Oid) -> rusqlite::Result<bool> {
        Ok(self.any_owed && self.connection.prepare_cached("SELECT 1 FROM owed WHERE oid = ?1")?.exists([oid.0])?)
    }

    /// `oid` was said again, or is gone.
    pub fn settle_owed(&self, oid: Oid) -> rusqlite::Result<()> {
        if self.any_owed {
            self.connection.prepare_cached("DELETE FROM owed WHERE oid = ?1")?.execute([oid.0])?;
        }
        Ok(())
    }

    /// Up to `limit` objects after `after` that are to be said again, in order.
    pub fn owed(&mut self, after: Oid, limit: usize) -> rusqlite::Result<Vec<Oid>> {
        if !self.any_owed {
            return Ok(Vec::new());
        }
        let found: Vec<Oid> = self
            .connection
            .prepare_cached("SELECT oid FROM owed WHERE oid > ?1 ORDER BY oid LIMIT ?2")?
            .query_map(params![after.0, limit], |row| row.get(0).map(Oid))?
            .collect::<Result<_, _>>()?;
        self.any_owed = !found.is_empty() || after > Oid(0);
        Ok(found)
    }
}
