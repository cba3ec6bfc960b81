//! The last report of each host: kept so that a restarted controller knows what was, never taken for what is.

use super::{
    StoreError,
    database::{parse, text},
};
use model::{AgentStatus, HostName, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeMap;

pub fn put(c: &Connection, host: &HostName, status: &AgentStatus, seen: Timestamp) -> Result<(), StoreError> {
    c.execute(
        "INSERT OR REPLACE INTO agent_status VALUES(?1, ?2, ?3)",
        (host.as_str(), text("a report", status)?, seen.0),
    )?;
    Ok(())
}

/// Forgets what a host said that is not one any more.
pub fn remove(c: &Connection, host: &HostName) -> Result<(), StoreError> {
    c.execute("DELETE FROM agent_status WHERE host = ?1", [host.as_str()])?;
    Ok(())
}

pub fn all(c: &Connection) -> Result<BTreeMap<HostName, (AgentStatus, Timestamp)>, StoreError> {
    let mut statement = c.prepare_cached("SELECT host, json, last_seen FROM agent_status")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (host, json, seen): (String, String, u64) = row?;
        Ok((HostName(host), (parse("a report", &json)?, Timestamp(seen))))
    })
    .collect()
}
