//! Objects as people wrote them, with every generation of their specs that a run may still rest on.

use super::{
    StoreError,
    database::{next, parse, text},
};
use model::{HostSpec, Kind, Metadata, Object, ScenarioSpec};
use rusqlite::{Connection, OptionalExtension, Row};

/// Generations of one object that are kept besides those pinned by open runs.
const GENERATIONS_KEPT: u64 = 50;

/// Stores an object under the generation in its metadata and gives it the next resource version.
pub fn put(c: &Connection, object: &Object) -> Result<u64, StoreError> {
    let version = next(c, "resourceVersion")?;
    let meta = object.metadata();
    let generation = meta.generation.unwrap_or(1);
    let spec = match object {
        Object::Host(_, spec) => text("a host", spec)?,
        Object::Scenario(_, spec) => text("a scenario", spec)?,
    };
    let kind = object.kind().as_str();
    c.execute(
        "INSERT INTO objects VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(kind, name) DO UPDATE SET
         generation = ?4, resource_version = ?5, metadata = ?7, spec = ?8",
        (
            kind,
            &meta.name,
            meta.uid.as_deref().unwrap_or_default(),
            generation,
            version,
            meta.created_at.unwrap_or_default().0,
            text("metadata", meta)?,
            &spec,
        ),
    )?;
    c.execute("INSERT OR REPLACE INTO generations VALUES(?1, ?2, ?3, ?4)", (kind, &meta.name, generation, &spec))?;
    let oldest = generation.saturating_sub(GENERATIONS_KEPT);
    let pinned =
        "SELECT 1 FROM runs WHERE runs.scenario = ?2 AND runs.generation = generations.generation AND finished IS NULL";
    c.execute(
        &format!("DELETE FROM generations WHERE kind = ?1 AND name = ?2 AND generation < ?3 AND NOT EXISTS({pinned})"),
        (kind, &meta.name, oldest),
    )?;
    Ok(version)
}

/// Stores what is known of an object beside what people wrote; its version stays.
pub fn put_metadata(c: &Connection, object: &Object) -> Result<(), StoreError> {
    let (kind, metadata) = (object.kind().as_str(), text("metadata", object.metadata())?);
    c.execute("UPDATE objects SET metadata = ?3 WHERE kind = ?1 AND name = ?2", (kind, object.name(), metadata))?;
    Ok(())
}

/// Removes an object. Generations of a scenario stay: runs and events name them, and it may come back.
pub fn remove(c: &Connection, kind: Kind, name: &str) -> Result<(), StoreError> {
    c.execute("DELETE FROM objects WHERE kind = ?1 AND name = ?2", (kind.as_str(), name))?;
    if kind != Kind::Scenario {
        c.execute("DELETE FROM generations WHERE kind = ?1 AND name = ?2", (kind.as_str(), name))?;
    }
    Ok(())
}

/// Every object, hosts first, by name.
pub fn all(c: &Connection) -> Result<Vec<Object>, StoreError> {
    let query =
        "SELECT kind, uid, generation, resource_version, created_at, metadata, spec FROM objects ORDER BY kind, name";
    let mut statement = c.prepare_cached(query)?;
    let rows = statement.query_map([], columns)?;
    rows.map(|row| object(row?)).collect()
}

/// The spec of a scenario as it was at one generation.
pub fn scenario_at(c: &Connection, name: &str, generation: u64) -> Result<Option<ScenarioSpec>, StoreError> {
    let query = "SELECT spec FROM generations WHERE kind = 'Scenario' AND name = ?1 AND generation = ?2";
    let found: Option<String> = c.query_row(query, (name, generation), |row| row.get(0)).optional()?;
    found.map(|spec| parse("a scenario", &spec)).transpose()
}

/// The last generation of a scenario, stored or deleted.
pub fn last_scenario(c: &Connection, name: &str) -> Result<Option<(u64, ScenarioSpec)>, StoreError> {
    let query =
        "SELECT generation, spec FROM generations WHERE kind = 'Scenario' AND name = ?1 ORDER BY generation DESC";
    let found: Option<(u64, String)> = c.query_row(query, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(generation, spec)| Ok((generation, parse("a scenario", &spec)?))).transpose()
}

/// An object as it was at one generation; of its metadata only the name is known.
pub fn at(c: &Connection, kind: Kind, name: &str, generation: u64) -> Result<Option<Object>, StoreError> {
    let query = "SELECT spec FROM generations WHERE kind = ?1 AND name = ?2 AND generation = ?3";
    let found: Option<String> = c.query_row(query, (kind.as_str(), name, generation), |row| row.get(0)).optional()?;
    let metadata = || Metadata { name: name.to_owned(), generation: Some(generation), ..Metadata::default() };
    found.map(|spec| typed(kind.as_str(), metadata(), &spec)).transpose()
}

struct Columns {
    kind: String,
    uid: String,
    generation: u64,
    version: u64,
    created_at: u64,
    metadata: String,
    spec: String,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        kind: row.get(0)?,
        uid: row.get(1)?,
        generation: row.get(2)?,
        version: row.get(3)?,
        created_at: row.get(4)?,
        metadata: row.get(5)?,
        spec: row.get(6)?,
    })
}

fn object(columns: Columns) -> Result<Object, StoreError> {
    let metadata = Metadata {
        uid: Some(columns.uid),
        generation: Some(columns.generation),
        resource_version: Some(columns.version.to_string()),
        created_at: Some(model::Timestamp(columns.created_at)),
        ..parse("metadata", &columns.metadata)?
    };
    typed(&columns.kind, metadata, &columns.spec)
}

fn typed(kind: &str, metadata: Metadata, spec: &str) -> Result<Object, StoreError> {
    if kind == Kind::Host.as_str() {
        Ok(Object::Host(metadata, parse::<HostSpec>("a host", spec)?))
    } else {
        Ok(Object::Scenario(metadata, parse::<ScenarioSpec>("a scenario", spec)?))
    }
}
