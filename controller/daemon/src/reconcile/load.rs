//! A controller that starts: everything from the store, runs taken up where their logs end.

use super::{
    board::{Board, Current, Former, observed, settings},
    publish::{publish_hosts, withdraw},
    tick::turn,
};
use crate::{
    hub::Hub,
    reconcile::shown,
    store::{
        StoreError, agents,
        ledgers::{self, StoredLedger},
        objects, reports,
        runs::{self, OpenRun},
        specs, views,
    },
};
use engine::{Event, Plan, Run};
use model::{ScenarioName, ScenarioSpec};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Why a controller could not take up its work.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    #[error("the log of run {run} is not legal")]
    Run { run: String, source: engine::IllegalEvent },
    #[error("the settings that run {run} has pinned are not in the store")]
    Settings { run: String },
}

/// Fills the board and publishes what every host should be, before any agent is listened to.
pub async fn load(hub: &Hub) -> Result<(), LoadError> {
    let mut board = hub.board.lock().await;
    let (known, reported, stored) =
        hub.store.reading(|c| Ok((agents::all(c)?, reports::all(c)?, specs::all(c)?))).await?;
    hub.remember_keys(known);
    for (host, (status, seen)) in reported {
        hub.roster.remember(host, status, seen);
    }
    for spec in stored.values() {
        hub.posts.publish(spec.clone());
    }
    board.specs = stored;
    load_scenarios(hub, &mut board).await?;
    load_runs(hub, &mut board).await?;
    let names: Vec<ScenarioName> = board.scenarios.keys().cloned().collect();
    for name in &names {
        turn(hub, &mut board, name).await?;
    }
    withdraw(hub, &mut board, &observed(hub)).await?;
    Ok(publish_hosts(hub, &mut board, &observed(hub)).await?)
}

async fn load_scenarios(hub: &Hub, board: &mut Board) -> Result<(), LoadError> {
    let (all, mut ledgers, mut views) =
        hub.store.reading(|c| Ok((objects::all(c)?, ledgers::all(c)?, views::all(c)?))).await?;
    for object in all {
        let name = ScenarioName::from(object.name());
        let scenario = object.kind() == model::Kind::Scenario;
        board.take(object, ledgers.remove(&name).filter(|_| scenario));
        if let Some(entry) = board.scenarios.get_mut(&name).filter(|_| scenario) {
            entry.view = views.remove(&name).unwrap_or_default();
        }
    }
    load_former(hub, board, ledgers).await
}

/// Ledgers without a scenario are those of deleted ones.
async fn load_former(
    hub: &Hub,
    board: &mut Board,
    ledgers: BTreeMap<ScenarioName, StoredLedger>,
) -> Result<(), LoadError> {
    for (name, stored) in ledgers {
        let key = name.clone();
        let last = hub.store.reading(move |c| objects::last_scenario(c, key.as_str())).await?;
        if let Some((generation, spec)) = last {
            board.former.insert(name, Former { stored, generation, spec });
        }
    }
    Ok(())
}

async fn load_runs(hub: &Hub, board: &mut Board) -> Result<(), LoadError> {
    type Open = (OpenRun<Plan, Event>, Option<ScenarioSpec>);
    let read = |c: &Connection| -> Result<Vec<Open>, StoreError> {
        let open = runs::open(c)?.into_iter();
        open.map(|run| Ok((pinned(c, &run)?, run))).map(|pair| pair.map(|(spec, run)| (run, spec))).collect()
    };
    let open = hub.store.reading(read).await?;
    for (open, spec) in open {
        let id = open.id.0.clone();
        let spec = spec.ok_or_else(|| LoadError::Settings { run: id.clone() })?;
        take_up(hub, board, open, spec).map_err(|source| LoadError::Run { run: id, source })?;
    }
    Ok(())
}

fn pinned(c: &Connection, run: &OpenRun<Plan, Event>) -> Result<Option<ScenarioSpec>, StoreError> {
    objects::scenario_at(c, run.scenario.as_str(), run.generation)
}

fn take_up(
    hub: &Hub,
    board: &mut Board,
    open: OpenRun<Plan, Event>,
    spec: ScenarioSpec,
) -> Result<(), engine::IllegalEvent> {
    let OpenRun { id, scenario, generation, plan, by, started, events } = open;
    let mut run = Run::replay(id.clone(), plan, by, &events)?;
    let observed = observed(hub);
    // Agents need a moment to come back; that is not the run's fault.
    run.grant_grace(observed.now);
    let Some(entry) = board.scenarios.get_mut(&scenario) else { return Ok(()) };
    let logged = events.len();
    let view = model::view::RunView { id: id.clone(), started, ..Default::default() };
    entry.run = Some(Current { run, spec, generation, logged, view });
    let Some(entry) = board.scenarios.get(&scenario) else { return Ok(()) };
    let keys = hub.keys();
    let settings = settings(&scenario, entry, &board.hosts, &keys);
    let view = entry.run.as_ref().map(|c| shown(&c.run, &settings, &entry.stored.ledger, &observed, started));
    if let Some((current, view)) = board.scenarios.get_mut(&scenario).and_then(|e| e.run.as_mut()).zip(view) {
        current.view = view;
    }
    tracing::info!(run = %id, scenario = %scenario, "a run is taken up again");
    Ok(())
}
