//! The tables, and the check that this program may use them.

use super::{StoreError, events, people};
use rusqlite::{Connection, OptionalExtension};

/// The schema this program writes.
pub const SCHEMA_VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE schema_version(version INTEGER NOT NULL, program TEXT NOT NULL);
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE objects(
    kind TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, generation INTEGER NOT NULL,
    resource_version INTEGER NOT NULL, created_at INTEGER NOT NULL, metadata TEXT NOT NULL, spec TEXT NOT NULL,
    PRIMARY KEY(kind, name));
CREATE TABLE generations(
    kind TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, spec TEXT NOT NULL,
    PRIMARY KEY(kind, name, generation));
CREATE TABLE ledgers(
    scenario TEXT PRIMARY KEY, revision INTEGER NOT NULL, json TEXT NOT NULL,
    moved_at INTEGER NOT NULL, moved_by TEXT NOT NULL, changed_at INTEGER NOT NULL, changed_by TEXT NOT NULL);
CREATE TABLE runs(
    id TEXT PRIMARY KEY, scenario TEXT NOT NULL, generation INTEGER NOT NULL, plan TEXT NOT NULL, by TEXT NOT NULL,
    state TEXT NOT NULL, started INTEGER NOT NULL, finished INTEGER, view TEXT NOT NULL);
CREATE INDEX runs_by_scenario ON runs(scenario, started);
CREATE UNIQUE INDEX runs_open ON runs(scenario) WHERE finished IS NULL;
CREATE TABLE run_events(run TEXT NOT NULL, seq INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY(run, seq));
CREATE TABLE events(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, severity TEXT NOT NULL, kind TEXT NOT NULL,
    scenario TEXT, host TEXT, run TEXT, message TEXT NOT NULL);
CREATE TABLE tokens(
    id TEXT PRIMARY KEY, hash TEXT NOT NULL, host TEXT NOT NULL, expires INTEGER NOT NULL, used INTEGER);
CREATE TABLE agents(host TEXT PRIMARY KEY, key TEXT NOT NULL, certificate TEXT NOT NULL, joined_at INTEGER NOT NULL);
CREATE TABLE agent_status(host TEXT PRIMARY KEY, json TEXT NOT NULL, last_seen INTEGER NOT NULL);
CREATE TABLE agent_specs(host TEXT PRIMARY KEY, revision INTEGER NOT NULL, json TEXT NOT NULL);
CREATE TABLE views(scenario TEXT PRIMARY KEY, json TEXT NOT NULL);
";

/// Creates the tables in an empty database, or checks that an existing one is not newer than this program.
pub fn ensure(connection: &mut Connection, program: &str) -> Result<(), StoreError> {
    match stored(connection)? {
        Some((found, program)) if found > SCHEMA_VERSION => {
            return Err(StoreError::Newer { found, supported: SCHEMA_VERSION, program });
        }
        Some(_) => {}
        None => create(connection, program)?,
    }
    // Tables and indexes that an older program does not miss are added without a new version.
    connection.execute_batch(people::TABLE)?;
    connection.execute_batch(events::INDEX)?;
    Ok(connection.execute_batch(super::plans::TABLES)?)
}

fn stored(connection: &Connection) -> Result<Option<(i64, String)>, StoreError> {
    let query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'";
    let exists: i64 = connection.query_row(query, [], |row| row.get(0))?;
    if exists == 0 {
        return Ok(None);
    }
    let query = "SELECT version, program FROM schema_version ORDER BY version DESC LIMIT 1";
    Ok(connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn create(connection: &mut Connection, program: &str) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute("INSERT INTO schema_version VALUES(?1, ?2)", (SCHEMA_VERSION, program))?;
    Ok(transaction.commit()?)
}
