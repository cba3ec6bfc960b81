//! Join tokens: single use, short-lived, bound to a host, hashed at rest.

use super::StoreError;
use model::{HostName, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// Most tokens that may wait at the same time.
pub const TOKENS_WAITING_MAX: u64 = 1_000;

/// A token as it is kept: its secret is not.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredToken {
    pub id: String,
    /// As `wire::token::hash` makes it.
    pub hash: String,
    pub host: HostName,
    pub expires: Timestamp,
    pub used: Option<Timestamp>,
}

/// Stores a token and forgets those that expired before `now`. Answers false when too many wait already.
pub fn add(c: &Connection, token: &StoredToken, now: Timestamp) -> Result<bool, StoreError> {
    c.execute("DELETE FROM tokens WHERE expires <= ?1", [now.0])?;
    let waiting: u64 = c.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?;
    if waiting >= TOKENS_WAITING_MAX {
        return Ok(false);
    }
    c.execute(
        "INSERT INTO tokens VALUES(?1, ?2, ?3, ?4, NULL)",
        (&token.id, &token.hash, token.host.as_str(), token.expires.0),
    )?;
    Ok(true)
}

pub fn get(c: &Connection, id: &str) -> Result<Option<StoredToken>, StoreError> {
    let query = "SELECT id, hash, host, expires, used FROM tokens WHERE id = ?1";
    let token = c.query_row(query, [id], |row| {
        Ok(StoredToken {
            id: row.get(0)?,
            hash: row.get(1)?,
            host: HostName(row.get(2)?),
            expires: Timestamp(row.get(3)?),
            used: row.get::<_, Option<u64>>(4)?.map(Timestamp),
        })
    });
    Ok(token.optional()?)
}

/// Uses a token up. Answers false when that was done before, or it has expired.
pub fn take(c: &Connection, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let statement = "UPDATE tokens SET used = ?2 WHERE id = ?1 AND used IS NULL AND expires > ?2";
    Ok(c.execute(statement, (id, now.0))? == 1)
}

/// Takes back every token that a host could still join with.
pub fn remove_of(c: &Connection, host: &HostName) -> Result<(), StoreError> {
    c.execute("DELETE FROM tokens WHERE host = ?1", [host.as_str()])?;
    Ok(())
}
