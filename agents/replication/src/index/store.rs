//! The database file, its transactions and the facts that are one of a kind.

use super::Gap;
use crate::{failpoint, meta::Oid, preserve::Preserve};
use model::{Epoch, Mark};
use rusqlite::{Connection, OptionalExtension, config::DbConfig, params};
use std::{collections::HashSet, path::Path, time::Duration};

/// Raised with every change of the tables; an index of another version is built anew.
const VERSION: i64 = 2;
/// Prepared statements kept; there are fewer.
const STATEMENTS: usize = 64;
/// How long a writer waits for another, such as a checkpoint.
const BUSY: Duration = Duration::from_secs(10);

const TABLES: &str = "
    CREATE TABLE fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE object (
        oid INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, size INTEGER NOT NULL,
        ctime INTEGER NOT NULL, ctime_nsec INTEGER NOT NULL, racy INTEGER NOT NULL, links INTEGER NOT NULL,
        hash BLOB, meta BLOB NOT NULL);
    CREATE TABLE dentry (
        parent INTEGER NOT NULL, name BLOB NOT NULL, oid INTEGER NOT NULL, PRIMARY KEY (parent, name)) WITHOUT ROWID;
    CREATE INDEX dentry_oid ON dentry (oid);
    CREATE TABLE target (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, batch INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE gap_object (oid INTEGER PRIMARY KEY, batch INTEGER NOT NULL);
    CREATE TABLE gap_name (
        parent INTEGER NOT NULL, name BLOB NOT NULL, batch INTEGER NOT NULL, before INTEGER,
        PRIMARY KEY (parent, name, batch)) WITHOUT ROWID;
";

/// What the index knows only one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub lineage: String,
    /// The last batch.
    pub last: Mark,
    pub next_oid: u64,
    /// The spool holds what comes after this batch, but for the gap.
    pub spool_base: u64,
    /// The last batch that was written to the spool.
    pub spool_tail: u64,
    pub gap: Option<Gap>,
    /// The first scan of this lineage is complete.
    pub scanned_once: bool,
}

/// The writing connection: one per source.
pub struct Index {
    pub(super) connection: Connection,
    facts: Facts,
    /// Something may be in the table `owed`.
    pub(super) any_owed: bool,
    pub(super) unit_key: [u8; 32],
    /// What the table `written` holds.
    pub(super) written: HashSet<Oid>,
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it a statement is planned anew for every value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

impl Index {
    /// Opens the index at `path`, beginning a new lineage when there is none.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = connect(path)?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            begin_lineage(&connection)?;
        }
        let facts = complete(&connection)?;
        let any_owed = connection.prepare("SELECT 1 FROM owed")?.exists([])?;
        let unit_key = unit_key(&connection)?;
        let written = super::written::load(&connection)?;
        Ok(Self { connection, facts, any_owed, unit_key, written })
    }

    /// Begins a new lineage unless the index was made of what `preserve` keeps: what is not in it cannot be told.
    pub fn ensure_preserves(&mut self, preserve: Preserve) -> rusqlite::Result<()> {
        let known: Option<u16> = self
            .connection
            .query_row("SELECT value FROM fact WHERE name = 'preserve'", [], |row| row.get(0))
            .optional()?;
        // One that does not say so is from when everything was.
        if known.map_or(Preserve::ALL.bits(), |bits| bits) != preserve.bits() && self.facts.last != Mark::default() {
            tracing::info!("something else is to be preserved than before: targets are synchronized again");
            begin_lineage(&self.connection)?;
            (self.facts, self.any_owed) = (complete(&self.connection)?, false);
            self.unit_key = unit_key(&self.connection)?;
            self.written.clear();
        }
        let sql = "INSERT OR REPLACE INTO fact VALUES ('preserve', ?1)";
        self.connection.execute(sql, [preserve.bits()]).map(drop)
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Changes facts; durable with the next commit.
    pub fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    pub fn begin(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")
    }

    /// Rows changed since the index was opened, to tell whether there is something to commit.
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Makes everything since `begin` durable, with the facts.
    pub fn commit(&self) -> rusqlite::Result<()> {
        write_facts(&self.connection, &self.facts)?;
        failpoint::pass("source.index.commit");
        self.connection.execute_batch("COMMIT")
    }

    /// Drops everything since `begin`, facts too.
    pub fn rollback(&mut self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        self.facts = read_facts(&self.connection)?;
        self.written = super::written::load(&self.connection)?;
        Ok(())
    }

    /// Assigns an object number, which is never assigned again.
    pub fn assign(&mut self) -> Oid {
        let oid = Oid(self.facts.next_oid);
        self.facts.next_oid += 1;
        oid
    }

    /// How far `target` is durable, if it ever was in this lineage.
    pub fn target(&self, name: &str) -> rusqlite::Result<Option<Mark>> {
        self.connection
            .prepare_cached("SELECT epoch, batch FROM target WHERE name = ?1")?
            .query_row([name], |row| Ok(Mark { epoch: Epoch(row.get(0)?), batch: row.get(1)? }))
            .optional()
    }

    pub fn set_target(&self, name: &str, mark: Option<Mark>) -> rusqlite::Result<()> {
        match mark {
            Some(mark) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO target VALUES (?1, ?2, ?3)")?
                .execute(params![name, mark.epoch.0, mark.batch])?,
            None => self.connection.prepare_cached("DELETE FROM target WHERE name = ?1")?.execute([name])?,
        };
        Ok(())
    }

    /// Forgets all targets but `kept`.
    pub fn forget_targets(&self, kept: &[String]) -> rusqlite::Result<()> {
        let names: Vec<String> = self
            .connection
            .prepare_cached("SELECT name FROM target")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for name in names.iter().filter(|name| !kept.contains(name)) {
            self.set_target(name, None)?;
        }
        Ok(())
    }

    /// Files, and bytes in them, in all roots.
    pub fn sums(&self) -> rusqlite::Result<(u64, u64)> {
        self.connection
            .prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM object WHERE kind = 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// Makes the tables that have no version, where they are not there, and reads the facts.
fn complete(connection: &Connection) -> rusqlite::Result<Facts> {
    connection.execute_batch(super::owed::TABLE)?;
    connection.execute_batch(super::signature::TABLES)?;
    connection.execute_batch(super::objects::LARGE_INDEX)?;
    connection.execute_batch(super::written::TABLE)?;
    read_facts(connection)
}

fn begin_lineage(connection: &Connection) -> rusqlite::Result<()> {
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for table in tables {
        connection.execute_batch(&format!("DROP TABLE \"{table}\""))?;
    }
    connection.execute_batch(TABLES)?;
    let facts = Facts {
        lineage: uuid::Uuid::now_v7().to_string(),
        last: Mark::default(),
        next_oid: Oid::FIRST.0,
        spool_base: 0,
        spool_tail: 0,
        gap: None,
        scanned_once: false,
    };
    write_facts(connection, &facts)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")
}

/// The key of the hashes that signatures are made of: made once.
fn unit_key(connection: &Connection) -> rusqlite::Result<[u8; 32]> {
    let made = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
    connection.execute("INSERT OR IGNORE INTO fact VALUES ('unit_key', ?1)", [made])?;
    connection.query_row("SELECT value FROM fact WHERE name = 'unit_key'", [], |row| row.get(0))
}

fn write_facts(connection: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO fact VALUES (?1, ?2)")?;
    put.execute(params!["lineage", facts.lineage])?;
    let (first, last) = facts.gap.map_or((0, 0), |gap| (gap.first, gap.last));
    let numbers = [
        ("epoch", facts.last.epoch.0),
        ("batch", facts.last.batch),
        ("next_oid", facts.next_oid),
        ("spool_base", facts.spool_base),
        ("spool_tail", facts.spool_tail),
        ("gap_first", first),
        ("gap_last", last),
        ("gap_open", u64::from(facts.gap.is_some_and(|gap| gap.open))),
        ("scanned_once", u64::from(facts.scanned_once)),
    ];
    for (name, value) in numbers {
        put.execute(params![name, value])?;
    }
    Ok(())
}

fn read_facts(connection: &Connection) -> rusqlite::Result<Facts> {
    let mut get = connection.prepare_cached("SELECT value FROM fact WHERE name = ?1")?;
    let mut number = |name: &str| get.query_row([name], |row| row.get::<_, u64>(0));
    let gap = Gap { first: number("gap_first")?, last: number("gap_last")?, open: number("gap_open")? != 0 };
    let facts = Facts {
        lineage: String::new(),
        last: Mark { epoch: Epoch(number("epoch")?), batch: number("batch")? },
        next_oid: number("next_oid")?,
        spool_base: number("spool_base")?,
        spool_tail: number("spool_tail")?,
        gap: (gap.first != 0).then_some(gap),
        scanned_once: number("scanned_once")? != 0,
    };
    let lineage = get.query_row(["lineage"], |row| row.get(0))?;
    Ok(Facts { lineage, ..facts })
}
