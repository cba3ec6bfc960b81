//! The spec last published to each host, and the revision that rises with every change of it. That of a deleted host
//! stays: should the host come back, its agent still holds that revision, and no revision may stand for two specs.

use super::{
    StoreError,
    database::{parse, text},
};
use model::{AgentSpec, HostName};
use rusqlite::Connection;
use std::collections::BTreeMap;

pub fn put(c: &Connection, spec: &AgentSpec) -> Result<(), StoreError> {
    let json = text("a spec", spec)?;
    c.execute("INSERT OR REPLACE INTO agent_specs VALUES(?1, ?2, ?3)", (spec.host.as_str(), spec.revision, json))?;
    Ok(())
}

pub fn all(c: &Connection) -> Result<BTreeMap<HostName, AgentSpec>, StoreError> {
    let mut statement = c.prepare_cached("SELECT host, json FROM agent_specs")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (host, json): (String, String) = row?;
        Ok((HostName(host), parse("a spec", &json)?))
    })
    .collect()
}
