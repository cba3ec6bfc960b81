//! What happened, for people; the newest `EVENTS_KEPT_EACH` of each kind.

use super::StoreError;
use model::{HostName, RunId, ScenarioName, Timestamp, view::EventView};
use rusqlite::{Connection, Row};

/// Events kept of one kind; older ones go. Counted for each kind, so that a link that comes and goes for weeks does not
/// push out who started which run.
pub const EVENTS_KEPT_EACH: u64 = 10_000;

/// Added to every store, also to one that an older program made.
pub const INDEX: &str = "CREATE INDEX IF NOT EXISTS events_by_kind ON events(kind, id);";

/// Most events one answer lists.
pub const EVENTS_LISTED_MAX: u32 = 5_000;

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub scenario: Option<String>,
    pub since: Option<u64>,
    pub severity: Option<String>,
    /// In upper or lower case.
    pub kind: Option<String>,
    pub run: Option<String>,
    pub limit: Option<u32>,
}

/// Stores an event and answers it with its id.
pub fn add(c: &Connection, event: EventView) -> Result<EventView, StoreError> {
    c.execute(
        "INSERT INTO events(at, severity, kind, scenario, host, run, message) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            event.at.0,
            &event.severity,
            &event.kind,
            event.scenario.as_ref().map(ScenarioName::as_str),
            event.host.as_ref().map(HostName::as_str),
            event.run.as_ref().map(RunId::as_str),
            &event.message,
        ),
    )?;
    let id = c.last_insert_rowid().unsigned_abs();
    let mut old = c.prepare_cached(
        "DELETE FROM events WHERE kind = ?1
           AND id <= (SELECT id FROM events WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?;
    old.execute((&event.kind, EVENTS_KEPT_EACH))?;
    Ok(EventView { id, ..event })
}

/// The newest events that match, oldest first.
pub fn list(c: &Connection, filter: &Filter) -> Result<Vec<EventView>, StoreError> {
    let query = "SELECT id, at, severity, kind, scenario, host, run, message FROM events
        WHERE (?1 IS NULL OR scenario = ?1) AND (?2 IS NULL OR at >= ?2) AND (?3 IS NULL OR severity = ?3)
          AND (?4 IS NULL OR run = ?4) AND (?5 IS NULL OR kind = ?5 COLLATE NOCASE) ORDER BY id DESC LIMIT ?6";
    let mut statement = c.prepare_cached(query)?;
    let limit = filter.limit.unwrap_or(EVENTS_LISTED_MAX).min(EVENTS_LISTED_MAX);
    let since = filter.since.map(|at| at.min(i64::MAX as u64));
    let rows =
        statement.query_map((&filter.scenario, since, &filter.severity, &filter.run, &filter.kind, limit), event)?;
    let mut events = rows.collect::<Result<Vec<_>, _>>()?;
    events.reverse();
    Ok(events)
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventView> {
    Ok(EventView {
        id: row.get(0)?,
        at: Timestamp(row.get(1)?),
        severity: row.get(2)?,
        kind: row.get(3)?,
        scenario: row.get::<_, Option<String>>(4)?.map(ScenarioName),
        host: row.get::<_, Option<String>>(5)?.map(HostName),
        run: row.get::<_, Option<String>>(6)?.map(RunId),
        message: row.get(7)?,
    })
}
