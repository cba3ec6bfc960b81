//! Plans that were used, for as long as they could be shown again; and the key that seals new ones.

use super::StoreError;
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use wire::api::Plan;

/// Added to a database that does not have them yet.
pub const TABLES: &str = "
CREATE TABLE IF NOT EXISTS plans_used(
    id TEXT PRIMARY KEY, used INTEGER NOT NULL, by TEXT NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS keys(name TEXT PRIMARY KEY, value BLOB NOT NULL);
INSERT OR IGNORE INTO keys VALUES('plan', randomblob(32));
";

/// The key that only this controller has. SQLite takes it from the system's own randomness.
pub fn key(c: &Connection) -> Result<[u8; 32], StoreError> {
    Ok(c.query_row("SELECT value FROM keys WHERE name = 'plan'", [], |row| row.get(0))?)
}

/// Uses a plan up, and forgets those that have expired.
///
/// **Errors** when it was used before.
pub fn use_up(c: &Connection, plan: &Plan, now: Timestamp, by: &str) -> Result<(), StoreError> {
    c.execute("DELETE FROM plans_used WHERE expires <= ?1", [now.0])?;
    c.execute("INSERT INTO plans_used VALUES(?1, ?2, ?3, ?4)", (&plan.id, now.0, by, plan.expires.0))?;
    Ok(())
}

/// When a plan was used, and by whom.
pub fn used(c: &Connection, id: &str) -> Result<Option<(Timestamp, String)>, StoreError> {
    let query = "SELECT used, by FROM plans_used WHERE id = ?1";
    Ok(c.query_row(query, [id], |row| Ok((Timestamp(row.get(0)?), row.get(1)?))).optional()?)
}
