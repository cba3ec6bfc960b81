//! From a request to a plan, and from a plan to a run.

use super::follow;
use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    reconcile::{Board, Current, Entry, observed, settings, shown},
    state::now,
    store::{StoreError, events, runs},
    time::utc,
};
use engine::{Observed, Options, Plan, Run};
use model::{
    RunId, ScenarioName,
    view::{EventView, PlanView, RunView},
};
use wire::api::{PlanManifest, RunOptions, RunRequest, WatchEvent};

/// The letters of a run's id: no `0`, `1`, `l` or `o`, so that it can be read out.
const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// Letters in a run's id, about a million ids.
const ID_LETTERS: usize = 4;

/// Ids that are tried before one is given up.
const ID_TRIES: usize = 64;

/// The plan for a request, with its blockers.
pub async fn plan(hub: &Hub, request: &RunRequest, by: &str) -> Result<PlanView, Refusal> {
    let board = hub.board.lock().await;
    let entry = entry_of(&board, &request.scenario)?;
    ensure_revision(entry, request)?;
    Ok(planned(hub, &board, entry, request, by, &observed(hub))?.view())
}

/// The plan that would be followed, as people write it.
///
/// **Errors** when no manifest can say it.
pub async fn plan_manifest(hub: &Hub, request: &RunRequest, by: &str) -> Result<PlanManifest, Refusal> {
    let board = hub.board.lock().await;
    let entry = entry_of(&board, &request.scenario)?;
    let options = options(&board, entry, request, by)?;
    follow::as_manifest(entry, request, options)
}

/// Stores the start of a run; the reconciler carries it out.
///
/// **Errors** with a conflict when the ledger has moved since the plan was shown or another run holds the scenario,
/// and with the plan when it has blockers.
pub async fn start(hub: &Hub, request: RunRequest, by: &str) -> Result<RunView, Refusal> {
    let mut board = hub.board.lock().await;
    let entry = entry_of(&board, &request.scenario)?;
    ensure_revision(entry, &request)?;
    let observed = observed(hub);
    let plan = planned(hub, &board, entry, &request, by, &observed)?;
    follow::ensure_plan(&request, &plan)?;
    ensure_free(entry, &plan)?;
    let (name, spec) = (request.scenario.clone(), entry.spec.clone());
    let id = hub.store.reading(fresh_id).await?.ok_or_else(|| Refusal::failed("no id is left for a run"))?;
    let run = Run::start(id, plan.clone(), by.to_owned());
    let keys = hub.keys();
    let entry = entry_of(&board, &name)?;
    let view = shown(&run, &settings(&name, entry, &board.hosts, &keys), &entry.stored.ledger, &observed, observed.now);
    let view = RunView { finished: None, ..view };
    let current = Current { run, spec, generation: plan.generation, logged: 0, view: view.clone() };
    let told = started(&plan, &view, &request.options);
    let write = {
        let view = view.clone();
        hub.store.writing(move |c| {
            runs::start(c, &plan, plan.generation, &view)?;
            events::add(c, told)
        })
    };
    let told = write.await?;
    if let Some(entry) = board.scenarios.get_mut(&name) {
        entry.run = Some(current);
    }
    hub.show(told);
    hub.feed.send(WatchEvent { run: Some(view.clone()), ..WatchEvent::default() });
    hub.triggers.scenario(name);
    Ok(view)
}

fn entry_of<'a>(board: &'a Board, name: &ScenarioName) -> Result<&'a Entry, Refusal> {
    let found = board.scenarios.get(name);
    found.ok_or_else(|| Refusal::missing(format!("there is no scenario {}", name.as_str().escape_debug())))
}

fn planned(
    hub: &Hub,
    board: &Board,
    entry: &Entry,
    request: &RunRequest,
    by: &str,
    observed: &Observed,
) -> Result<Plan, Refusal> {
    let options = options(board, entry, request, by)?;
    let keys = hub.keys();
    let settings = settings(&request.scenario, entry, &board.hosts, &keys);
    let busy = entry.run.as_ref().map(|run| &run.view.id);
    Ok(engine::plan(request.verb, &options, &settings, &entry.stored.ledger, observed, busy))
}

fn options(board: &Board, entry: &Entry, request: &RunRequest, by: &str) -> Result<Options, Refusal> {
    let plan = follow::plan(board, entry, request)?;
    let asked = request.options.clone();
    let RunOptions { to, skip_drain, allow_data_loss, no_fence, discard, reason, reverse, root, host, .. } = asked;
    let (parameters, digest, by) = (asked.parameters, asked.digest, by.to_owned());
    Ok(Options {
        to,
        skip_drain,
        allow_data_loss,
        no_fence,
        discard,
        reason,
        reverse,
        root,
        host,
        digest,
        plan,
        parameters,
        by,
    })
}

/// Says who moved what, when, and how to plan again.
fn ensure_revision(entry: &Entry, request: &RunRequest) -> Result<(), Refusal> {
    let stored = &entry.stored;
    let Some(expected) = request.expect_revision.filter(|expected| *expected != stored.ledger.revision) else {
        return Ok(());
    };
    let (name, verb) = (&request.scenario, request.verb.as_str());
    let fact = format!("the plan was made for ledger revision {expected}; it is {} now", stored.ledger.revision);
    Err(Refusal::conflict(format!("{name} has changed since this plan was made"))
        .fact(fact)
        .fact(format!("changed at {} by {}", utc(stored.changed_at), stored.changed_by))
        .help(format!("plan again: standin plan show {name} --for {verb}")))
}

fn ensure_free(entry: &Entry, plan: &Plan) -> Result<(), Refusal> {
    if let Some(run) = &entry.run {
        let view = &run.view;
        let refusal = Refusal::conflict(format!("run {} holds {}", view.id, plan.scenario));
        return Err(refusal.fact(format!("{} started it", view.by)).help(format!("standin run attach {}", view.id)));
    }
    if plan.blockers.is_empty() {
        return Ok(());
    }
    let verb = plan.verb.as_str();
    let mut refusal = Refusal::refused(format!("{verb} of {} is refused", plan.scenario)).plan(plan.view());
    for blocker in &plan.blockers {
        refusal = refusal.fact(blocker.message.clone());
    }
    Err(refusal)
}

fn started(plan: &Plan, view: &RunView, options: &RunOptions) -> EventView {
    let accepted = [
        ("skip-drain", options.skip_drain),
        ("allow-data-loss", options.allow_data_loss),
        ("no-fence", options.no_fence),
    ];
    let accepted: Vec<String> = accepted.iter().filter(|(_, on)| *on).map(|(flag, _)| format!(" --{flag}")).collect();
    let reason = options.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let (verb, by) = (plan.verb.as_str(), &view.by);
    let message = format!("{by} started {verb}{} {} as run {}{reason}", accepted.concat(), plan.title, view.id);
    EventView {
        scenario: Some(plan.scenario.clone()),
        run: Some(view.id.clone()),
        ..event(Severity::Info, "RunStarted", message)
    }
}

/// An id that no run has had.
fn fresh_id(c: &rusqlite::Connection) -> Result<Option<RunId>, StoreError> {
    for _ in 0..ID_TRIES {
        let random = uuid::Uuid::now_v7().into_bytes();
        // The last bytes of a version 7 UUID are random; the first are the time.
        let letters = random[16 - ID_LETTERS..].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        let id = format!("r-{}", letters.collect::<String>());
        if !runs::exists(c, &id)? {
            return Ok(Some(RunId(id)));
        }
    }
    tracing::error!(at = now().0, "every id that was tried is in use");
    Ok(None)
}
