//! How each scenario was last shown, so that conditions keep the time of their last transition over a restart.

use super::{
    StoreError,
    database::{parse, text},
};
use model::{ScenarioName, view::ScenarioView};
use rusqlite::Connection;
use std::collections::BTreeMap;

pub fn put(c: &Connection, scenario: &ScenarioName, view: &ScenarioView) -> Result<(), StoreError> {
    c.execute("INSERT OR REPLACE INTO views VALUES(?1, ?2)", (scenario.as_str(), text("a view", view)?))?;
    Ok(())
}

pub fn remove(c: &Connection, scenario: &ScenarioName) -> Result<(), StoreError> {
    c.execute("DELETE FROM views WHERE scenario = ?1", [scenario.as_str()])?;
    Ok(())
}

pub fn all(c: &Connection) -> Result<BTreeMap<ScenarioName, ScenarioView>, StoreError> {
    let mut statement = c.prepare_cached("SELECT scenario, json FROM views")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (scenario, json): (String, String) = row?;
        Ok((ScenarioName(scenario), parse("a view", &json)?))
    })
    .collect()
}
