//! What a person says to a run that is going on.

use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    reconcile::{Board, observed, settings, shown},
    state::now,
    store::{events, runs},
};
use engine::{Event, Run};
use model::{
    ScenarioName,
    view::{EventView, RunView},
};
use wire::api::{AbortRequest, ResumeRequest, WatchEvent};

/// Lets a paused run go on, or leaves the step out at which it stands.
pub async fn resume(hub: &Hub, id: &str, request: ResumeRequest, by: &str) -> Result<RunView, Refusal> {
    let ResumeRequest { step, skip, reason } = request;
    let words = match (&skip, &reason) {
        (Some(step), Some(reason)) => format!("{by} resumed run {id} without step {step}: {reason}"),
        _ => format!("{by} resumed run {id}"),
    };
    let by = by.to_owned();
    say(hub, id, ("RunResumed", words), move |run| run.resume(by, step, skip, reason, now())).await
}

/// Has everything taken back, or ends the run where it stands.
pub async fn abort(hub: &Hub, id: &str, request: AbortRequest, by: &str) -> Result<RunView, Refusal> {
    let AbortRequest { as_it_is, reason } = request;
    let words = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let by = by.to_owned();
    if as_it_is {
        let words = format!("{by} ended run {id} as it is{words}");
        return say(hub, id, ("RunGivenUp", words), move |run| run.give_up(by, reason, now())).await;
    }
    let words = format!("{by} aborted run {id}{words}");
    say(hub, id, ("RunAborted", words), move |run| run.abort(by, now())).await
}

/// Stores what was said before anything follows from it.
async fn say(
    hub: &Hub,
    id: &str,
    (kind, words): (&str, String),
    word: impl FnOnce(&mut Run) -> Result<Vec<Event>, engine::Refusal>,
) -> Result<RunView, Refusal> {
    let mut board = hub.board.lock().await;
    let name = scenario_of(hub, &board, id).await?;
    let Some(current) = board.scenarios.get(&name).and_then(|entry| entry.run.as_ref()) else {
        return Err(Refusal::missing(format!("there is no run {}", id.escape_debug())));
    };
    let mut run = current.run.clone();
    let said = word(&mut run).map_err(|refusal| {
        let start = if refusal.moved { Refusal::conflict(refusal.message) } else { Refusal::refused(refusal.message) };
        refusal.help.into_iter().fold(start, Refusal::help)
    })?;
    let (run_id, first) = (current.view.id.clone(), current.logged);
    let logged = first + said.len();
    let told =
        EventView { scenario: Some(name.clone()), run: Some(run_id.clone()), ..event(Severity::Info, kind, words) };
    let write = hub.store.writing(move |c| {
        runs::append(c, &run_id, first, &said)?;
        events::add(c, told)
    });
    let told = write.await?;
    let view = take(hub, &mut board, &name, run, logged);
    hub.show(told);
    hub.triggers.scenario(name);
    Ok(view)
}

async fn scenario_of(hub: &Hub, board: &Board, id: &str) -> Result<ScenarioName, Refusal> {
    if let Some(run) = board.shown_run(id) {
        return Ok(run.scenario);
    }
    let key = id.to_owned();
    match hub.store.reading(move |c| runs::view(c, &key)).await? {
        Some(_) => Err(Refusal::refused(format!("run {id} is over")).help(format!("standin run show {id}"))),
        None => Err(Refusal::missing(format!("there is no run {}", id.escape_debug()))),
    }
}

fn take(hub: &Hub, board: &mut Board, name: &ScenarioName, run: Run, logged: usize) -> RunView {
    let keys = hub.keys();
    let view = board.scenarios.get(name).and_then(|entry| {
        let settings = settings(name, entry, &board.hosts, &keys);
        let started = entry.run.as_ref()?.view.started;
        Some(shown(&run, &settings, &entry.stored.ledger, &observed(hub), started))
    });
    let view = view.unwrap_or_default();
    if let Some(current) = board.scenarios.get_mut(name).and_then(|entry| entry.run.as_mut()) {
        current.run = run;
        current.logged = logged;
        current.view = view.clone();
    }
    hub.feed.send(WatchEvent { run: Some(view.clone()), ..WatchEvent::default() });
    view
}
