//! Which key each host joined with. A host is its key: a certificate with another one is not that host.

use super::StoreError;
use model::{HostName, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub struct StoredAgent {
    /// blake3 of the public key, in hexadecimal.
    pub key: String,
    /// PEM; its serial number is in it.
    pub certificate: String,
    pub joined_at: Timestamp,
}

/// Stores the key of a host; a later join replaces an earlier one.
pub fn put(c: &Connection, host: &HostName, agent: &StoredAgent) -> Result<(), StoreError> {
    c.execute(
        "INSERT OR REPLACE INTO agents VALUES(?1, ?2, ?3, ?4)",
        (host.as_str(), &agent.key, &agent.certificate, agent.joined_at.0),
    )?;
    Ok(())
}

/// Forgets the key of a host: whoever shows it is nobody.
pub fn remove(c: &Connection, host: &HostName) -> Result<(), StoreError> {
    c.execute("DELETE FROM agents WHERE host = ?1", [host.as_str()])?;
    Ok(())
}

pub fn all(c: &Connection) -> Result<BTreeMap<HostName, StoredAgent>, StoreError> {
    let mut statement = c.prepare_cached("SELECT host, key, certificate, joined_at FROM agents")?;
    let rows = statement.query_map([], |row| {
        let agent = StoredAgent { key: row.get(1)?, certificate: row.get(2)?, joined_at: Timestamp(row.get(3)?) };
        Ok((HostName(row.get(0)?), agent))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
