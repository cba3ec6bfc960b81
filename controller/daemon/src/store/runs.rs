//! Runs: the plan each carries out, its log, and how it was last shown. The engine owns what plan and events say.

use super::{
    StoreError,
    database::{parse, text},
};
use model::{RunId, ScenarioName, Timestamp, view::RunView};
use rusqlite::{Connection, OptionalExtension};
use serde::{Serialize, de::DeserializeOwned};

/// Runs one answer lists.
pub const RUNS_LISTED_MAX: u32 = 500;

/// Runs of one scenario that are kept once they are over, with their logs; older ones go.
pub const RUNS_KEPT_EACH: u32 = 200;

/// What is needed to take up a run where its log ends.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenRun<P, E> {
    pub id: RunId,
    pub scenario: ScenarioName,
    pub generation: u64,
    pub plan: P,
    pub by: String,
    pub started: Timestamp,
    pub events: Vec<E>,
}

/// Stores the start of a run. One scenario has at most one open run; the database refuses a second.
pub fn start<P: Serialize>(c: &Connection, plan: &P, generation: u64, view: &RunView) -> Result<(), StoreError> {
    c.execute(
        "INSERT INTO runs VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8)",
        (
            view.id.as_str(),
            view.scenario.as_str(),
            generation,
            text("a plan", plan)?,
            &view.by,
            format!("{:?}", view.state),
            view.started.0,
            text("a run", view)?,
        ),
    )?;
    Ok(())
}

/// Appends to the log of a run; `first` is the number of events it has already.
pub fn append<E: Serialize>(c: &Connection, run: &RunId, first: usize, events: &[E]) -> Result<(), StoreError> {
    for (offset, event) in events.iter().enumerate() {
        let seq = (first + offset) as u64;
        c.execute("INSERT INTO run_events VALUES(?1, ?2, ?3)", (run.as_str(), seq, text("a run event", event)?))?;
    }
    Ok(())
}

/// Stores how a run is shown, and that it is over once `finished` is set.
pub fn show(c: &Connection, view: &RunView) -> Result<(), StoreError> {
    c.execute(
        "UPDATE runs SET state = ?2, finished = ?3, view = ?4 WHERE id = ?1",
        (view.id.as_str(), format!("{:?}", view.state), view.finished.map(|t| t.0), text("a run", view)?),
    )?;
    if view.finished.is_some() { forget_old(c, &view.scenario) } else { Ok(()) }
}

/// In the order in which they were stored: the clock may have been set meanwhile.
fn forget_old(c: &Connection, scenario: &ScenarioName) -> Result<(), StoreError> {
    let query = "DELETE FROM runs WHERE scenario = ?1 AND finished IS NOT NULL AND rowid NOT IN
        (SELECT rowid FROM runs WHERE scenario = ?1 AND finished IS NOT NULL ORDER BY rowid DESC LIMIT ?2)
        RETURNING id";
    let mut statement = c.prepare_cached(query)?;
    let gone = statement.query_map((scenario.as_str(), RUNS_KEPT_EACH), |row| row.get::<_, String>(0))?;
    for run in gone.collect::<Result<Vec<_>, _>>()? {
        c.execute("DELETE FROM run_events WHERE run = ?1", [run])?;
    }
    Ok(())
}

/// Every run that is not over, with its log.
pub fn open<P: DeserializeOwned, E: DeserializeOwned>(c: &Connection) -> Result<Vec<OpenRun<P, E>>, StoreError> {
    let query = "SELECT id, scenario, generation, plan, by, started FROM runs WHERE finished IS NULL";
    let mut statement = c.prepare_cached(query)?;
    let rows = statement.query_map([], |row| {
        let head: (String, String, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let tail: (String, String, u64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((head, tail))
    })?;
    rows.map(|row| {
        let ((id, scenario, generation), (plan, by, started)) = row?;
        Ok(OpenRun {
            events: log(c, &id)?,
            id: RunId(id),
            scenario: ScenarioName(scenario),
            generation,
            plan: parse("a plan", &plan)?,
            by,
            started: Timestamp(started),
        })
    })
    .collect()
}

fn log<E: DeserializeOwned>(c: &Connection, run: &str) -> Result<Vec<E>, StoreError> {
    let mut statement = c.prepare_cached("SELECT json FROM run_events WHERE run = ?1 ORDER BY seq")?;
    let rows = statement.query_map([run], |row| row.get::<_, String>(0))?;
    rows.map(|row| parse("a run event", &row?)).collect()
}

pub fn exists(c: &Connection, run: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = c.query_row("SELECT 1 FROM runs WHERE id = ?1", [run], |row| row.get(0)).optional()?;
    Ok(found.is_some())
}

pub fn view(c: &Connection, run: &str) -> Result<Option<RunView>, StoreError> {
    let found: Option<String> =
        c.query_row("SELECT view FROM runs WHERE id = ?1", [run], |row| row.get(0)).optional()?;
    found.map(|json| parse("a run", &json)).transpose()
}

/// The newest runs, newest first.
pub fn list(c: &Connection, scenario: Option<&str>) -> Result<Vec<RunView>, StoreError> {
    let query = "SELECT view FROM runs WHERE ?1 IS NULL OR scenario = ?1 ORDER BY started DESC, id LIMIT ?2";
    let mut statement = c.prepare_cached(query)?;
    let rows = statement.query_map((scenario, RUNS_LISTED_MAX), |row| row.get::<_, String>(0))?;
    rows.map(|row| parse("a run", &row?)).collect()
}
