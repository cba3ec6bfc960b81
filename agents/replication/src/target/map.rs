//! What the target has and under which number: objects, their names, and the batch that is being placed.
//!
//! A batch is first recorded here whole (`pnode`, `plink`), with the inodes that were staged for it, and committed
//! together with `pending`. From then on it is carried out from this record alone, as often as it takes: the source
//! is not needed, and a crash in the middle leaves nothing to guess.

use crate::message::{Content, decode_meta, encode_meta};
use crate::meta::{Meta, Oid};
use model::{Epoch, Mark};
use rusqlite::{Connection, OptionalExtension, Row, config::DbConfig, params};
use std::path::Path;

/// Version of the schema; another one is not read.
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE object(oid INTEGER PRIMARY KEY, inode INTEGER NOT NULL, handle BLOB NOT NULL, meta BLOB NOT NULL);
    CREATE TABLE dentry(parent INTEGER NOT NULL, name BLOB NOT NULL, oid INTEGER NOT NULL,
                        PRIMARY KEY(parent, name)) WITHOUT ROWID;
    CREATE INDEX dentry_oid ON dentry(oid);
    CREATE TABLE pnode(oid INTEGER PRIMARY KEY, meta BLOB NOT NULL, content INTEGER NOT NULL,
                       root INTEGER, stage BLOB, inode INTEGER, handle BLOB);
    CREATE TABLE plink(parent INTEGER NOT NULL, name BLOB NOT NULL, oid INTEGER NOT NULL,
                       PRIMARY KEY(parent, name)) WITHOUT ROWID;
    CREATE INDEX plink_oid ON plink(oid);
    PRAGMA user_version = 1;
";

pub(super) const NAMES: &str = "SELECT parent, name, oid FROM dentry WHERE oid = ? ORDER BY parent, name";

/// `plink` with this object: the name stands for nothing.
pub(super) const NOTHING: Oid = Oid(0);

/// By which an inode is known again: its number and, where the file system gives one, its handle with a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    pub inode: u64,
    pub handle: Vec<u8>,
}

impl FileId {
    /// Of an object that cannot exist on this host, such as a device without the right to make one.
    pub const NONE: Self = Self { inode: 0, handle: Vec::new() };
}

/// What is known of an object that is in its place.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub id: FileId,
    pub meta: Meta,
}

/// Where a new inode waits for its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    /// Index of the root in whose staging directory it is.
    pub root: u32,
    pub name: Vec<u8>,
    pub id: FileId,
}

/// An object of the batch in hand.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub meta: Meta,
    pub content: Content,
    pub staged: Option<Staged>,
}

/// A name and the object it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub parent: Oid,
    pub name: Vec<u8>,
    pub oid: Oid,
}

pub(super) struct Map {
    pub(super) db: Connection,
}

type Result<T> = rusqlite::Result<T>;

/// The pseudo directory whose entries are in the staging directory of a root while they are between two places.
pub(super) fn limbo(root: u32) -> Oid {
    Oid(u64::MAX - u64::from(root))
}

/// The root whose limbo `oid` is.
pub(super) fn limbo_root(oid: Oid) -> Option<u32> {
    u32::try_from(u64::MAX - oid.0).ok().filter(|root| u64::from(*root) < Oid::FIRST.0)
}

/// The index of the root that `oid` is.
pub(super) fn root_index(oid: Oid) -> Option<u32> {
    (oid.0 >= 1 && oid < Oid::FIRST).then(|| (oid.0 - 1) as u32)
}

pub(super) fn sql(oid: Oid) -> i64 {
    oid.0 as i64
}

pub(super) fn oid_at(row: &Row<'_>, column: usize) -> Result<Oid> {
    Ok(Oid(row.get::<_, i64>(column)? as u64))
}

pub(super) fn meta_at(row: &Row<'_>, column: usize) -> Result<Meta> {
    decode_meta(row.get_ref(column)?.as_blob()?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(e)))
}

pub(super) fn id_at(row: &Row<'_>, column: usize) -> Result<FileId> {
    Ok(FileId { inode: row.get::<_, i64>(column)? as u64, handle: row.get(column + 1)? })
}

pub(super) fn name_at(row: &Row<'_>) -> Result<Name> {
    Ok(Name { parent: oid_at(row, 0)?, name: row.get(1)?, oid: oid_at(row, 2)? })
}

impl Map {
    pub fn open(path: &Path) -> Result<Self> {
        let db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::from_secs(10))?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA cache_size = -16000;",
        )?;
        db.set_prepared_statement_cache_capacity(64);
        // Without it a statement is planned anew for every value that is bound to it.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            0 => db.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?,
            SCHEMA_VERSION => {}
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
        db.execute_batch(super::patch::TABLE)?;
        db.execute_batch(super::diverged::TABLE)?;
        Ok(Self { db })
    }

    pub fn begin(&self) -> Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE")
    }

    pub fn commit(&self) -> Result<()> {
        self.db.execute_batch("COMMIT")
    }

    /// Takes back what was done since `begin`; does nothing when nothing was begun.
    pub fn rollback(&self) {
        if !self.db.is_autocommit() {
            // A failed rollback leaves the transaction open, and the next `begin` fails.
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }

    pub(super) fn run(&self, text: &str, values: impl rusqlite::Params) -> Result<usize> {
        self.db.prepare_cached(text)?.execute(values)
    }

    pub(super) fn one<T>(
        &self,
        text: &str,
        values: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.db.prepare_cached(text)?.query_row(values, read).optional()
    }

    pub(super) fn all<T>(
        &self,
        text: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.db.prepare_cached(text)?.query_map(values, read)?.collect()
    }

    // --- single values

    pub fn value(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.one("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0))
    }

    pub fn set_value(&self, key: &str, value: Option<&[u8]>) -> Result<()> {
        match value {
            Some(value) => self.run("INSERT OR REPLACE INTO meta VALUES(?, ?)", params![key, value])?,
            None => self.run("DELETE FROM meta WHERE key = ?", [key])?,
        };
        Ok(())
    }

    pub fn mark(&self, key: &str) -> Result<Option<Mark>> {
        let bytes = self.value(key)?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(u128::from_be_bytes);
        Ok(bytes.map(|both| Mark { epoch: Epoch((both >> 64) as u64), batch: both as u64 }))
    }

    pub fn set_mark(&self, key: &str, mark: Option<Mark>) -> Result<()> {
        let bytes = mark.map(|mark| ((u128::from(mark.epoch.0) << 64) | u128::from(mark.batch)).to_be_bytes());
        self.set_value(key, bytes.as_ref().map(<[u8; 16]>::as_slice))
    }

    // --- what is in place

    pub fn known(&self, oid: Oid) -> Result<Option<Known>> {
        self.one("SELECT inode, handle, meta FROM object WHERE oid = ?", [sql(oid)], |row| {
            Ok(Known { id: id_at(row, 0)?, meta: meta_at(row, 2)? })
        })
    }

    pub fn set_known(&self, oid: Oid, known: &Known) -> Result<()> {
        let Known { id, meta } = known;
        let values = params![sql(oid), id.inode as i64, id.handle, encode_meta(meta)];
        self.run("INSERT OR REPLACE INTO object VALUES(?, ?, ?, ?)", values).map(drop)
    }

    pub fn forget_object(&self, oid: Oid) -> Result<()> {
        self.settle_diverged(oid, 0, i64::MAX as u64)?;
        self.run("DELETE FROM object WHERE oid = ?", [sql(oid)]).map(drop)
    }

    pub fn child(&self, parent: Oid, name: &[u8]) -> Result<Option<Oid>> {
        self.one("SELECT oid FROM dentry WHERE parent = ? AND name = ?", params![sql(parent), name], |row| {
            oid_at(row, 0)
        })
    }

    pub fn children(&self, parent: Oid) -> Result<Vec<Name>> {
        self.all("SELECT parent, name, oid FROM dentry WHERE parent = ?", [sql(parent)], name_at)
    }

    /// The names of an object, in a fixed order.
    pub fn names(&self, oid: Oid) -> Result<Vec<Name>> {
        self.all(NAMES, [sql(oid)], name_at)
    }

    pub fn first_name(&self, oid: Oid) -> Result<Option<Name>> {
        self.one("SELECT parent, name, oid FROM dentry WHERE oid = ? LIMIT 1", [sql(oid)], name_at)
    }

    pub fn link(&self, name: &Name) -> Result<()> {
        let values = params![sql(name.parent), name.name, sql(name.oid)];
        self.run("INSERT OR REPLACE INTO dentry VALUES(?, ?, ?)", values).map(drop)
    }

    pub fn unlink(&self, parent: Oid, name: &[u8]) -> Result<()> {
        self.run("DELETE FROM dentry WHERE parent = ? AND name = ?", params![sql(parent), name]).map(drop)
    }

    /// What lies between two places: negative parents are the limbo directories.
    pub fn in_limbo(&self) -> Result<Vec<Name>> {
        self.all("SELECT parent, name, oid FROM dentry WHERE parent < 0", [], name_at)
    }

    /// Forgets all objects and names.
    pub fn clear(&self) -> Result<()> {
        self.clear_pending()?;
        self.db.execute_batch("DELETE FROM object; DELETE FROM dentry; DELETE FROM diverged")
    }
}
