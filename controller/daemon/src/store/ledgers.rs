//! Ledgers, with who moved them last and when the active role moved last.

use super::{
    StoreError,
    database::{parse, text},
};
use model::{Ledger, ScenarioName, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// A ledger and the history that people ask about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredLedger {
    pub ledger: Ledger,
    /// When another member became active.
    pub moved_at: Timestamp,
    /// `initial`, or the verb of the run that moved the active role.
    pub moved_by: String,
    pub changed_at: Timestamp,
    /// Who changed it last, in words.
    pub changed_by: String,
}

pub fn put(c: &Connection, scenario: &ScenarioName, stored: &StoredLedger) -> Result<(), StoreError> {
    c.execute(
        "INSERT OR REPLACE INTO ledgers VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            scenario.as_str(),
            stored.ledger.revision,
            text("a ledger", &stored.ledger)?,
            stored.moved_at.0,
            &stored.moved_by,
            stored.changed_at.0,
            &stored.changed_by,
        ),
    )?;
    Ok(())
}

pub fn all(c: &Connection) -> Result<BTreeMap<ScenarioName, StoredLedger>, StoreError> {
    let query = "SELECT scenario, json, moved_at, moved_by, changed_at, changed_by FROM ledgers";
    let mut statement = c.prepare_cached(query)?;
    let rows = statement.query_map([], |row| {
        let scenario: String = row.get(0)?;
        let json: String = row.get(1)?;
        let stored = StoredLedger {
            ledger: Ledger::default(),
            moved_at: Timestamp(row.get(2)?),
            moved_by: row.get(3)?,
            changed_at: Timestamp(row.get(4)?),
            changed_by: row.get(5)?,
        };
        Ok((scenario, json, stored))
    })?;
    rows.map(|row| {
        let (scenario, json, stored) = row?;
        Ok((ScenarioName(scenario), StoredLedger { ledger: parse("a ledger", &json)?, ..stored }))
    })
    .collect()
}
