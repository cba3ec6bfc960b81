//! What a target has, as it lists it, in a table on disk: a listing may be larger than memory.

use crate::{
    message::{Entry, decode_meta, encode_meta},
    session::SessionError,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// The listing of a target.
pub(super) struct Theirs {
    connection: Connection,
    /// It has more than its roots.
    any: std::cell::Cell<bool>,
}

impl Theirs {
    /// An empty table in a file that goes away with it.
    pub fn new(directory: &Path, target: &str) -> Result<Self, SessionError> {
        let path = directory.join(format!("mirror-{target}.db"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(SessionError::io("removing an old listing")(error));
            }
            _ => {}
        }
        let connection = Connection::open(&path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;
             CREATE TABLE theirs (
                 root INTEGER NOT NULL, path BLOB NOT NULL, object INTEGER NOT NULL, hash BLOB, meta BLOB NOT NULL,
                 equal INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (root, path)) WITHOUT ROWID;
             CREATE TABLE adopted (object INTEGER PRIMARY KEY, oid INTEGER NOT NULL);",
        )?;
        // Nothing is kept of it: it is only open, not there.
        std::fs::remove_file(&path).map_err(SessionError::io("unlinking a listing"))?;
        Ok(Self { connection, any: std::cell::Cell::new(false) })
    }

    /// Whether the target listed anything below its roots.
    pub fn has_any(&self) -> bool {
        self.any.get()
    }

    pub fn add(&self, entries: Vec<Entry>) -> Result<(), SessionError> {
        self.any.set(self.any.get() || entries.iter().any(|entry| !entry.path.is_empty()));
        self.connection.execute_batch("BEGIN")?;
        {
            let mut put = self.connection.prepare_cached(
                "INSERT OR REPLACE INTO theirs (root, path, object, hash, meta) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for entry in entries {
                let object = entry.object as i64;
                put.execute(params![entry.root, entry.path, object, entry.hash, encode_meta(&entry.meta)])?;
            }
        }
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    /// The entry at `path`, and whether it was found equal to the source's already.
    pub fn at(&self, root: u32, path: &[u8]) -> Result<Option<(Entry, bool)>, SessionError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT root, path, object, hash, meta, equal FROM theirs WHERE root = ?1 AND path = ?2")?;
        Ok(query.query_row(params![root, path], |row| Ok((entry(row)?, row.get(5)?))).optional()?)
    }

    /// The first entry after `path`, in byte order.
    pub fn after(&self, root: u32, path: &[u8]) -> Result<Option<Entry>, SessionError> {
        let mut query = self.connection.prepare_cached(
            "SELECT root, path, object, hash, meta FROM theirs WHERE (root, path) > (?1, ?2) ORDER BY root, path LIMIT 1",
        )?;
        Ok(query.query_row(params![root, path], entry).optional()?)
    }

    pub fn set_equal(&self, root: u32, path: &[u8]) -> Result<(), SessionError> {
        let mut put = self.connection.prepare_cached("UPDATE theirs SET equal = 1 WHERE root = ?1 AND path = ?2")?;
        put.execute(params![root, path])?;
        Ok(())
    }

    /// Forgets `path` and what is below it: it was set aside.
    pub fn remove(&self, root: u32, path: &[u8]) -> Result<(), SessionError> {
        let (from, to) = ([path, b"/"].concat(), [path, b"0"].concat());
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM theirs WHERE root = ?1 AND (path = ?2 OR (path >= ?3 AND path < ?4))")?;
        delete.execute(params![root, path, from, to])?;
        Ok(())
    }

    /// Whether `object` of the target may become `oid`: it is not another one's already.
    pub fn adopt(&self, object: u64, oid: u64) -> Result<bool, SessionError> {
        let object = object as i64;
        let mut put = self.connection.prepare_cached("INSERT OR IGNORE INTO adopted VALUES (?1, ?2)")?;
        put.execute(params![object, oid])?;
        let mut query = self.connection.prepare_cached("SELECT oid FROM adopted WHERE object = ?1")?;
        Ok(query.query_row([object], |row| row.get::<_, u64>(0))? == oid)
    }
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    let meta = decode_meta(row.get_ref(4)?.as_blob()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Blob, Box::new(error)))?;
    let object: i64 = row.get(2)?;
    Ok(Entry { root: row.get(0)?, path: row.get(1)?, meta, object: object as u64, hash: row.get(3)? })
}
