//! Objects and the names that stand for them.

use super::Index;
use crate::{
    capture::Key,
    codec::{Reader, Writer},
    meta::{Meta, ObjectKind, Oid},
};
use rusqlite::{CachedStatement, OptionalExtension, Row, params};
use std::collections::HashSet;

/// An object as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub oid: Oid,
    pub key: Key,
    pub meta: Meta,
    /// Change time, seconds and nanoseconds: moved by every change and not settable.
    pub ctime: (i64, u32),
    /// The change time was so recent when it was read that a later change may have left it the same.
    pub racy: bool,
    /// The file system's count of names, some of which may lie outside the roots.
    pub links: u64,
    /// Hash of the content when it was last read; unknown when it never was.
    pub hash: Option<[u8; 32]>,
}

/// Beside the tables that have a version, like the one of what is owed. Holds the large files alone: those of 64 MiB and
/// more, which are looked at by the clock. Queries have to say it in the same words.
pub(super) const LARGE_INDEX: &str =
    "CREATE INDEX IF NOT EXISTS object_large ON object (oid) WHERE kind = 1 AND size >= 67108864";

/// A large file, as far as it takes to see whether it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Large {
    pub oid: Oid,
    pub key: Key,
    pub ctime: (i64, u32),
    pub size: u64,
}

pub(super) const COLUMNS: &str = "oid, key, ctime, ctime_nsec, racy, links, hash, meta";

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let blob = row.get_ref(7)?.as_blob()?;
    let meta = Reader(blob)
        .meta()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Blob, Box::new(error)))?;
    Ok(Stored {
        oid: Oid(row.get(0)?),
        key: Key::from(row.get_ref(1)?.as_blob()?),
        meta,
        ctime: (row.get(2)?, row.get(3)?),
        racy: row.get(4)?,
        links: row.get(5)?,
        hash: row.get(6)?,
    })
}

impl Index {
    fn prepared(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    pub fn object(&self, oid: Oid) -> rusqlite::Result<Option<Stored>> {
        self.prepared("SELECT oid, key, ctime, ctime_nsec, racy, links, hash, meta FROM object WHERE oid = ?1")?
            .query_row([oid.0], stored)
            .optional()
    }

    pub fn object_by_key(&self, key: &Key) -> rusqlite::Result<Option<Stored>> {
        self.prepared("SELECT oid, key, ctime, ctime_nsec, racy, links, hash, meta FROM object WHERE key = ?1")?
            .query_row([key.as_bytes()], stored)
            .optional()
    }

    pub fn put_object(&self, object: &Stored) -> rusqlite::Result<()> {
        let mut meta = Writer(Vec::with_capacity(64));
        meta.meta(&object.meta);
        self.prepared("INSERT OR REPLACE INTO object VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(
            params![
                object.oid.0,
                object.key.as_bytes(),
                object.meta.kind as u8,
                object.meta.size as i64,
                object.ctime.0,
                object.ctime.1,
                object.racy,
                object.links,
                object.hash,
                meta.0
            ],
        )?;
        Ok(())
    }

    pub fn remove_object(&mut self, oid: Oid) -> rusqlite::Result<()> {
        self.settle_owed(oid)?;
        self.forget_signature(oid)?;
        self.note_written(oid, false)?;
        self.prepared("DELETE FROM object WHERE oid = ?1")?.execute([oid.0]).map(drop)
    }

    /// Up to `limit` large files after `after`, in order.
    pub fn large(&self, after: Oid, limit: usize) -> rusqlite::Result<Vec<Large>> {
        let sql = "SELECT oid, key, ctime, ctime_nsec, size FROM object
            WHERE kind = 1 AND size >= 67108864 AND oid > ?1 ORDER BY oid LIMIT ?2";
        let large = |row: &Row<'_>| {
            let key = Key::from(row.get_ref(1)?.as_blob()?);
            Ok(Large { oid: Oid(row.get(0)?), key, ctime: (row.get(2)?, row.get(3)?), size: row.get(4)? })
        };
        self.prepared(sql)?.query_map(params![after.0, limit], large)?.collect()
    }

    /// What `name` in `parent` stands for.
    pub fn named(&self, parent: Oid, name: &[u8]) -> rusqlite::Result<Option<Oid>> {
        self.prepared("SELECT oid FROM dentry WHERE parent = ?1 AND name = ?2")?
            .query_row(params![parent.0, name], |row| row.get(0).map(Oid))
            .optional()
    }

    pub fn put_name(&self, parent: Oid, name: &[u8], oid: Oid) -> rusqlite::Result<()> {
        self.prepared("INSERT OR REPLACE INTO dentry VALUES (?1, ?2, ?3)")?
            .execute(params![parent.0, name, oid.0])
            .map(drop)
    }

    pub fn remove_name(&self, parent: Oid, name: &[u8]) -> rusqlite::Result<()> {
        self.prepared("DELETE FROM dentry WHERE parent = ?1 AND name = ?2")?.execute(params![parent.0, name]).map(drop)
    }

    /// All names of an object.
    pub fn names_of(&self, oid: Oid) -> rusqlite::Result<Vec<(Oid, Vec<u8>)>> {
        self.prepared("SELECT parent, name FROM dentry WHERE oid = ?1")?
            .query_map([oid.0], |row| Ok((Oid(row.get(0)?), row.get(1)?)))?
            .collect()
    }

    /// All names in a directory.
    pub fn names_in(&self, directory: Oid) -> rusqlite::Result<Vec<(Vec<u8>, Oid)>> {
        self.some_names_in(directory, u32::MAX)
    }

    /// Names in a directory, at most `limit` of them.
    pub fn some_names_in(&self, directory: Oid, limit: u32) -> rusqlite::Result<Vec<(Vec<u8>, Oid)>> {
        self.prepared("SELECT name, oid FROM dentry WHERE parent = ?1 LIMIT ?2")?
            .query_map((directory.0, limit), |row| Ok((row.get(0)?, Oid(row.get(1)?))))?
            .collect()
    }

    /// How many names below a directory, at any depth, stand for objects with numbers below `oid`.
    pub fn count_older_names_below(&self, directory: Oid, oid: Oid) -> rusqlite::Result<u64> {
        let sql = "WITH RECURSIVE below(oid) AS (
                SELECT oid FROM dentry WHERE parent = ?1 AND oid < ?2
                UNION ALL SELECT dentry.oid FROM dentry JOIN below ON dentry.parent = below.oid WHERE dentry.oid < ?2)
            SELECT count(*) FROM below";
        self.prepared(sql)?.query_row((directory.0, oid.0), |row| row.get::<_, i64>(0)).map(|n| n as u64)
    }

    /// How many names a directory has, counted up to `limit`.
    pub fn count_names_in(&self, directory: Oid, limit: u32) -> rusqlite::Result<u32> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM dentry WHERE parent = ?1 LIMIT ?2)";
        self.prepared(sql)?.query_row((directory.0, limit), |row| row.get(0))
    }

    /// How many names there are below a directory at any depth, counted up to `limit`.
    pub fn count_names_below(&self, directory: Oid, limit: u32) -> rusqlite::Result<u32> {
        let sql = "WITH RECURSIVE below(oid) AS (
                SELECT oid FROM dentry WHERE parent = ?1
                UNION ALL SELECT dentry.oid FROM dentry JOIN below ON dentry.parent = below.oid)
            SELECT count(*) FROM (SELECT 1 FROM below LIMIT ?2)";
        self.prepared(sql)?.query_row((directory.0, limit), |row| row.get(0))
    }

    /// Files that have more names than are in the index, at most `limit` of them.
    pub fn linked_outside(&self, limit: u32) -> rusqlite::Result<Vec<Oid>> {
        let sql = "SELECT oid FROM object WHERE kind = 1 AND links > 1
            AND links > (SELECT count(*) FROM dentry WHERE dentry.oid = object.oid) LIMIT ?1";
        self.prepared(sql)?.query_map([limit], |row| row.get(0).map(Oid))?.collect()
    }

    /// How many names there are in all.
    pub fn count_names(&self) -> rusqlite::Result<u64> {
        self.prepared("SELECT count(*) FROM dentry")?.query_row((), |row| row.get::<_, i64>(0)).map(|n| n as u64)
    }

    /// The root and the path below it by which `oid` is reached; `None` for what has no name.
    pub fn path_of(&self, oid: Oid) -> rusqlite::Result<Option<(u32, Vec<u8>)>> {
        let mut query = self.prepared("SELECT parent, name FROM dentry WHERE oid = ?1 LIMIT 1")?;
        path_of(oid, &mut query)
    }

    /// Keys of all directories, and of files with more names than one.
    pub fn keys(&self, mut each: impl FnMut(Key, Oid, bool)) -> rusqlite::Result<()> {
        let mut query =
            self.prepared("SELECT key, oid, kind FROM object WHERE kind = 2 OR (kind = 1 AND links > 1)")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let directory = row.get::<_, u8>(2)? == ObjectKind::Directory as u8;
            each(Key::from(row.get_ref(0)?.as_blob()?), Oid(row.get(1)?), directory);
        }
        Ok(())
    }
}

/// Nesting from which on a cycle is looked for: directories that moved into each other while they were looked at.
const DEPTH_USUAL: usize = 64;

pub(super) fn path_of(oid: Oid, query: &mut CachedStatement<'_>) -> rusqlite::Result<Option<(u32, Vec<u8>)>> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut seen = HashSet::new();
    let mut at = oid;
    while at >= Oid::FIRST {
        if names.len() >= DEPTH_USUAL && !seen.insert(at) {
            return Ok(None);
        }
        let up = query.query_row([at.0], |row| Ok((Oid(row.get(0)?), row.get(1)?))).optional()?;
        let Some((parent, name)) = up else { return Ok(None) };
        names.push(name);
        at = parent;
    }
    names.reverse();
    Ok((at < Oid::FIRST && at.0 > 0).then(|| ((at.0 - 1) as u32, names.join(&b'/'))))
}
