//! Files that had writers when they were read last: a later store through a mapping may have moved no time. A source that
//! begins again reads them again, whatever their times say.

use super::Index;
use crate::meta::Oid;
use rusqlite::Connection;
use std::collections::HashSet;

/// Beside the tables that have a version, like the one of what is owed.
pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS written (oid INTEGER PRIMARY KEY)";

pub(super) fn load(connection: &Connection) -> rusqlite::Result<HashSet<Oid>> {
    connection.prepare("SELECT oid FROM written")?.query_map([], |row| row.get(0).map(Oid))?.collect()
}

impl Index {
    /// Notes whether a file had writers when it was read. Within a transaction; costs nothing when that is known.
    pub fn note_written(&mut self, oid: Oid, writers: bool) -> rusqlite::Result<()> {
        let (sql, news) = if writers {
            ("INSERT OR IGNORE INTO written VALUES (?1)", self.written.insert(oid))
        } else {
            ("DELETE FROM written WHERE oid = ?1", self.written.remove(&oid))
        };
        if news {
            self.connection.prepare_cached(sql)?.execute([oid.0])?;
        }
        Ok(())
    }

    pub fn written(&self) -> Vec<Oid> {
        self.written.iter().copied().collect()
    }
}
