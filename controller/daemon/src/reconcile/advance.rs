//! Carries a run on: what the engine decides is stored in one transaction, and only then taken over.

use super::board::{Board, Current, Entry, settings};
use crate::{
    hub::{Hub, Severity, event},
    store::{
        StoreError, events,
        ledgers::{self, StoredLedger},
        runs,
    },
};
use engine::{Event, Observed, Run, What};
use model::{
    Ledger, MemberName, ScenarioName, Timestamp,
    view::{EventView, RunState, RunView},
};
use wire::api::WatchEvent;

/// One turn of the run that holds the scenario, if one does.
pub async fn advance(hub: &Hub, board: &mut Board, name: &ScenarioName, observed: &Observed) -> Result<(), StoreError> {
    let Some(entry) = board.scenarios.get(name) else { return Ok(()) };
    let Some(current) = &entry.run else { return Ok(()) };
    let keys = hub.keys();
    let settings = settings(name, entry, &board.hosts, &keys);
    let (mut run, mut ledger) = (current.run.clone(), entry.stored.ledger.clone());
    let (events, _) = run.advance(&mut ledger, &settings, observed);
    let view = shown(&run, &settings, &ledger, observed, current.view.started);
    if events.is_empty() && ledger == entry.stored.ledger && !run.is_over() {
        return show_run(hub, board, name, view);
    }
    let step = Turned { run, ledger, events, view };
    record(hub, board, name, step, observed.now).await
}

/// The run as shown; it started when it was asked for, not at its first step.
pub(crate) fn shown(
    run: &Run,
    settings: &engine::Settings<'_>,
    ledger: &Ledger,
    observed: &Observed,
    started: Timestamp,
) -> RunView {
    let mut view = run.view(settings, ledger, observed);
    view.started = started;
    if run.is_over() {
        view.finished = view.finished.or(Some(observed.now));
    }
    view
}

/// What a turn made of a run.
pub(super) struct Turned {
    pub run: Run,
    pub ledger: Ledger,
    pub events: Vec<Event>,
    pub view: RunView,
}

/// Stores log, ledger and what people are told of it, together; then takes it over.
async fn record(
    hub: &Hub,
    board: &mut Board,
    name: &ScenarioName,
    turned: Turned,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(entry) = board.scenarios.get_mut(name) else { return Ok(()) };
    let Some(current) = &entry.run else { return Ok(()) };
    let Turned { run, ledger, events, view } = turned;
    let told = told(entry, &ledger, &events, &view);
    let stored = changed(&entry.stored, ledger, &view, now);
    let (first, scenario) = (current.logged, name.clone());
    let logged = first + events.len();
    let (ledger_now, view_now) = (stored.clone(), view.clone());
    let write = hub.store.writing(move |c| {
        runs::append(c, &view_now.id, first, &events)?;
        runs::show(c, &view_now)?;
        ledgers::put(c, &scenario, &ledger_now)?;
        told.into_iter().map(|event| events::add(c, event)).collect::<Result<Vec<_>, _>>()
    });
    let told = write.await?;
    entry.stored = stored;
    if let Some(current) = &mut entry.run {
        *current = Current { run, logged, view: view.clone(), ..current.clone() };
    }
    if view.finished.is_some() {
        entry.run = None;
        // What was deferred by the run is in force from now on.
        hub.triggers.scenario(name.clone());
    }
    hub.feed.send(WatchEvent { run: Some(view), ..WatchEvent::default() });
    told.into_iter().for_each(|event| hub.show(event));
    Ok(())
}

fn show_run(hub: &Hub, board: &mut Board, name: &ScenarioName, view: RunView) -> Result<(), StoreError> {
    if let Some(current) = board.scenarios.get_mut(name).and_then(|entry| entry.run.as_mut())
        && current.view != view
    {
        current.view = view.clone();
        hub.feed.send(WatchEvent { run: Some(view), ..WatchEvent::default() });
    }
    Ok(())
}

fn changed(before: &StoredLedger, ledger: Ledger, view: &RunView, now: Timestamp) -> StoredLedger {
    if ledger == before.ledger {
        return before.clone();
    }
    let moved = ledger.active().is_some() && last_active(&ledger) != last_active(&before.ledger);
    let changed_by = format!("{}, by run {} ({})", view.by, view.id, view.verb);
    let mut stored = StoredLedger { ledger, changed_at: now, changed_by, ..before.clone() };
    if moved {
        stored.moved_at = now;
        stored.moved_by = view.verb.clone();
    }
    stored
}

/// The member that is or was active last.
fn last_active(ledger: &Ledger) -> Option<&MemberName> {
    ledger.active().or_else(|| ledger.lineage.values().next_back())
}

/// What people are told of a turn.
fn told(entry: &Entry, ledger: &Ledger, events: &[Event], view: &RunView) -> Vec<EventView> {
    let mut told = Vec::new();
    for (member, now) in &ledger.members {
        if entry.stored.ledger.role(member) != now.role {
            let role = format!("{:?}", now.role).to_lowercase();
            let message = format!("{member} is {role} at epoch {}", ledger.epoch);
            told.push(event(Severity::Info, "RoleChanged", message));
        }
    }
    for happened in events {
        if let What::Paused { why } = &happened.what {
            let message = format!("run {} is paused at step {}: {why}", view.id, happened.step);
            told.push(event(Severity::Error, "RunPaused", message));
        }
    }
    let asked = events.iter().any(|happened| matches!(happened.what, What::Asked { .. }));
    if let Some(question) = view.question.as_ref().filter(|_| asked) {
        let yes = view.choices.first().map_or("", String::as_str);
        let message = format!("run {} asks: {question}; say yes with {yes}", view.id);
        told.push(event(Severity::Warning, "ApprovalWanted", message));
    }
    if view.finished.is_some() {
        told.push(ended(view));
    }
    let about = |event| EventView { scenario: Some(view.scenario.clone()), run: Some(view.id.clone()), ..event };
    told.into_iter().map(about).collect()
}

fn ended(view: &RunView) -> EventView {
    let (severity, how) = match view.state {
        RunState::Done => (Severity::Info, "is done"),
        RunState::RolledBack => (Severity::Warning, "was rolled back"),
        _ => (Severity::Error, "is stuck"),
    };
    let why = view.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    event(severity, "RunFinished", format!("{} {} {how}{why}", view.verb, view.id))
}
