//! A reader of the index as it was after one batch, whatever is committed meanwhile.

use super::{
    GapName,
    objects::{COLUMNS, Stored, path_of, stored},
};
use crate::{
    capture::Key,
    meta::{ObjectKind, Oid},
};
use model::{Epoch, Mark};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// One name, and what tells whether its object has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: Vec<u8>,
    pub oid: Oid,
    pub kind: ObjectKind,
    pub key: Key,
    pub ctime: (i64, u32),
    pub size: u64,
    pub racy: bool,
}

/// The state after the batch `mark`.
pub struct Snapshot {
    connection: Connection,
    pub mark: Mark,
}

impl Snapshot {
    /// Holds the state of the index at `path` as it is now.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = super::store::connect(path)?;
        connection.execute_batch("BEGIN DEFERRED")?;
        let fact = |name: &str| {
            connection.query_row("SELECT value FROM fact WHERE name = ?1", [name], |row| row.get::<_, u64>(0))
        };
        let mark = Mark { epoch: Epoch(fact("epoch")?), batch: fact("batch")? };
        Ok(Self { connection, mark })
    }

    /// Holds the state of the index as it is now, instead.
    pub fn renew(&mut self) -> rusqlite::Result<()> {
        self.connection.execute_batch("COMMIT; BEGIN DEFERRED")
    }

    /// All names in a directory, with what tells whether their objects have changed.
    pub fn listed(&self, directory: Oid) -> rusqlite::Result<Vec<Listed>> {
        let sql = "SELECT d.name, o.oid, o.kind, o.key, o.ctime, o.ctime_nsec, o.size, o.racy
            FROM dentry d JOIN object o ON o.oid = d.oid WHERE d.parent = ?1";
        let listed = |row: &rusqlite::Row<'_>| {
            Ok(Listed {
                name: row.get(0)?,
                oid: Oid(row.get(1)?),
                kind: ObjectKind::from_byte(row.get(2)?).unwrap_or(ObjectKind::File),
                key: Key::from(row.get_ref(3)?.as_blob()?),
                ctime: (row.get(4)?, row.get(5)?),
                size: row.get(6)?,
                racy: row.get(7)?,
            })
        };
        self.connection.prepare_cached(sql)?.query_map([directory.0], listed)?.collect()
    }

    /// Up to `limit` files after `after`, in order, with their sizes.
    pub fn files(&self, after: Oid, limit: usize) -> rusqlite::Result<Vec<(Oid, u64)>> {
        self.connection
            .prepare_cached("SELECT oid, size FROM object WHERE kind = 1 AND oid > ?1 ORDER BY oid LIMIT ?2")?
            .query_map(params![after.0, limit], |row| Ok((Oid(row.get(0)?), row.get(1)?)))?
            .collect()
    }

    pub fn object(&self, oid: Oid) -> rusqlite::Result<Option<Stored>> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM object WHERE oid = ?1"))?
            .query_row([oid.0], stored)
            .optional()
    }

    pub fn names_of(&self, oid: Oid) -> rusqlite::Result<Vec<(Oid, Vec<u8>)>> {
        self.connection
            .prepare_cached("SELECT parent, name FROM dentry WHERE oid = ?1")?
            .query_map([oid.0], |row| Ok((Oid(row.get(0)?), row.get(1)?)))?
            .collect()
    }

    pub fn named(&self, parent: Oid, name: &[u8]) -> rusqlite::Result<Option<Oid>> {
        self.connection
            .prepare_cached("SELECT oid FROM dentry WHERE parent = ?1 AND name = ?2")?
            .query_row(params![parent.0, name], |row| row.get(0).map(Oid))
            .optional()
    }

    /// Up to `limit` names in a directory after `after`, in byte order, with their objects.
    pub fn page(
        &self,
        directory: Oid,
        after: &[u8],
        limit: usize,
    ) -> rusqlite::Result<Vec<(Vec<u8>, Oid, ObjectKind)>> {
        self.connection
            .prepare_cached(
                "SELECT d.name, d.oid, o.kind FROM dentry d JOIN object o ON o.oid = d.oid
                 WHERE d.parent = ?1 AND d.name > ?2 ORDER BY d.name LIMIT ?3",
            )?
            .query_map(params![directory.0, after, limit], |row| {
                let kind = ObjectKind::from_byte(row.get(2)?).unwrap_or(ObjectKind::File);
                Ok((row.get(0)?, Oid(row.get(1)?), kind))
            })?
            .collect()
    }

    pub fn path_of(&self, oid: Oid) -> rusqlite::Result<Option<(u32, Vec<u8>)>> {
        let mut query = self.connection.prepare_cached("SELECT parent, name FROM dentry WHERE oid = ?1 LIMIT 1")?;
        path_of(oid, &mut query)
    }

    /// Number of objects, and bytes in files.
    pub fn sums(&self) -> rusqlite::Result<(u64, u64)> {
        self.connection
            .query_row("SELECT count(*), coalesce(sum(size), 0) FROM object", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Objects that changed after `batch` while the gap was noted.
    pub fn gap_objects(&self, batch: u64) -> rusqlite::Result<Vec<Oid>> {
        self.connection
            .prepare_cached("SELECT oid FROM gap_object WHERE batch > ?1 ORDER BY oid")?
            .query_map([batch], |row| row.get(0).map(Oid))?
            .collect()
    }

    /// Names that changed after `batch`, with what they stood for then.
    pub fn gap_names(&self, batch: u64) -> rusqlite::Result<Vec<GapName>> {
        self.connection
            .prepare_cached(
                "SELECT parent, name, before, min(batch) FROM gap_name WHERE batch > ?1 GROUP BY parent, name",
            )?
            .query_map([batch], |row| {
                let before: Option<u64> = row.get(2)?;
                Ok(GapName { parent: Oid(row.get(0)?), name: row.get(1)?, before: before.map(Oid) })
            })?
            .collect()
    }
}
