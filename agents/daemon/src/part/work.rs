//! Carries out errands, each in a task of its own.

use super::{
    actor::{Part, State},
    environment,
    side::Side,
};
use crate::{
    agent::lock,
    checks, errands,
    link::{
        dial::{self, Line, OutLink},
        outflow::Outflow,
        session,
    },
    script::{Leftovers, Order, Outcome},
    text,
};
use model::{
    ErrandId, ErrandOutcome, Role, RootName,
    agent_status::LinkState,
    elements::replication::Replication,
    errand::{Comparison, DIFFERENCES_LISTED_MAX, ErrandResult, Work},
    units::Period,
};
use replication::source;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

/// How long an errand waits for the source, the links or the role it needs.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest time for a barrier to come back through the capture.
const BARRIER_WITHIN: Duration = Duration::from_secs(60);
/// How long an errand may go on when the agent stops; longer than a session takes to end.
pub const STOP_GRACE: Duration = Duration::from_secs(8);
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Does the work and records how it ended. When the agent stops, scripts and comparisons get a moment to end; what
/// does not stays begun, and is interrupted.
pub async fn carry_out(part: Arc<Part>, id: ErrandId, work: Work, withdraw: CancellationToken) {
    let grace = match work {
        Work::Redirect { .. } | Work::Run { .. } | Work::Compare { .. } => STOP_GRACE,
        _ => Duration::ZERO,
    };
    // Whatever runs for it is gone before its end is recorded: others wait for that.
    let outcome = {
        let performing = perform(&part, &id, work);
        tokio::pin!(performing);
        tokio::select! {
            () = withdraw.cancelled() => errands::failed("the order was withdrawn while this was under way"),
            outcome = &mut performing => outcome.unwrap_or_else(errands::failed),
            () = part.stop.cancelled() => match timeout(grace, performing).await {
                Ok(Ok(outcome)) => outcome,
                _ => return,
            },
        }
    };
    if withdraw.is_cancelled() {
        part.context.scripts.ended().await;
    }
    end(&part, &id, outcome).await;
    part.wake.notify_one();
}

/// Records an outcome, durably.
pub async fn end(part: &Arc<Part>, id: &ErrandId, outcome: ErrandOutcome) {
    let (part, record_id) = (Arc::clone(part), id.clone());
    let ended = tokio::task::spawn_blocking(move || part.errands.end(&record_id, outcome)).await;
    if !matches!(ended, Ok(Ok(()))) {
        tracing::error!(errand = %id, ?ended, "the outcome of an errand could not be recorded");
    }
}

async fn perform(part: &Arc<Part>, id: &ErrandId, work: Work) -> Result<ErrandOutcome, String> {
    match work {
        Work::Barrier => barrier(part).await,
        Work::Redirect { point, active_host, command, check, timeout } => {
            let active = part.until(Instant::now() + READY_WITHIN, |state| is_active(state).then_some(())).await;
            active.ok_or("refused: this host is not active")?;
            let environment = environment::redirecting(part.environment(), &active_host, point.as_str());
            scripted(
                part,
                &command,
                &check,
                timeout,
                environment,
                ["clients were redirected already", "clients are redirected"],
            )
            .await
        }
        Work::Run { step, active_host, command, check, timeout } => {
            let environment = environment::stepping(part.environment(), &active_host, &step);
            scripted(part, &command, &check, timeout, environment, ["it was done already", "done"]).await
        }
        Work::Checks => check_all(part, None).await,
        Work::SomeChecks { names } => check_all(part, Some(&names)).await,
        Work::Synchronize => synchronize(part, id).await,
        Work::Compare { root } => compare(part, id, root).await,
        Work::AdoptRoot { root } => adopt(part, root).await,
        Work::ApproveRemoval { digest, .. } => approve(part, digest).await,
    }
}

/// Clients are sent only where the role was taken, at an epoch that nothing later is known of.
fn is_active(state: &State) -> bool {
    state.confirmed
        && !state.situation().stale()
        && state.assignment.role == Role::Active
        && state.taken.role == Role::Active
}

/// The mark that holds everything written before now. On a fenced host that is: after its services have stopped.
async fn barrier(part: &Arc<Part>) -> Result<ErrandOutcome, String> {
    // However long the services take to stop: the order is withdrawn when nobody wants to wait any more.
    let fenced = |state: &State| {
        let settled = state.assignment.role != Role::Fenced || state.taken.role == Role::Fenced;
        settled.then_some(())
    };
    while part.until(Instant::now() + READY_WITHIN, fenced).await.is_none() {}
    let open = part.until(Instant::now() + READY_WITHIN, |state| state.open.source().cloned()).await;
    let source = open.ok_or("the source is not open here")?;
    let taken = tokio::task::spawn_blocking(move || source.barrier(BARRIER_WITHIN)).await;
    let mark = taken.map_err(|e| e.to_string())?.map_err(|e| text::chain(&e))?;
    let message = format!("everything written before is in batches up to {mark}");
    Ok(ErrandOutcome::Done(ErrandResult { message, mark: Some(mark), ..ErrandResult::default() }))
}

/// Runs `command` unless `check` says that its work is done, and then `check` again.
async fn scripted(
    part: &Part,
    command: &[String],
    check: &[String],
    timeout: Period,
    environment: environment::Environment,
    [already, now]: [&str; 2],
) -> Result<ErrandOutcome, String> {
    let run = async |words: &[String]| -> Result<Outcome, String> {
        let (command, environment) = (words.to_vec(), environment.clone());
        let order = Order { command, environment, timeout: timeout.0, leftovers: Leftovers::Kill };
        part.context.scripts.run(&order).await.map_err(|e| text::chain(&e))
    };
    let done = |message: String, script: &Outcome| {
        let script = Some(script.hash.clone());
        Ok(ErrandOutcome::Done(ErrandResult { message, script, ..ErrandResult::default() }))
    };
    if !check.is_empty() {
        let before = run(check).await?;
        if before.success() {
            return done(already.to_owned(), &before);
        }
    }
    let moved = run(command).await?;
    if !moved.success() {
        return Err(format!("the command failed: {}", moved.summary()));
    }
    if !check.is_empty() {
        let after = run(check).await?;
        if !after.success() {
            return Err(format!("the command succeeded, but its check does not: {}", after.summary()));
        }
    }
    done(now.to_owned(), &moved)
}

/// One round of the checks, or of those that are named.
async fn check_all(part: &Part, names: Option<&[String]>) -> Result<ErrandOutcome, String> {
    let mut checks = lock(&part.state).assignment.monitoring.checks.clone();
    if let Some(names) = names {
        checks.retain(|check| names.contains(&check.name));
        if checks.len() < names.len() {
            return Err("a check that is asked for is not known here".to_owned());
        }
    }
    let statuses = checks::round(&part.context.scripts, &checks, &part.environment()).await;
    let failed: Vec<String> = statuses
        .iter()
        .filter(|status| status.passed != Some(true))
        .map(|status| format!("{}: {}", status.name, status.message))
        .collect();
    match failed.is_empty() {
        true => Ok(errands::done(format!("{} checks pass", statuses.len()))),
        false => Err(failed.join("; ")),
    }
}

/// The outgoing links, once there is one for each outgoing stream.
async fn links(part: &Part) -> Result<Vec<Arc<OutLink>>, String> {
    let all = |state: &State| {
        let out = state.assignment.streams.iter().filter(|s| s.direction == model::Direction::Out).count();
        (out > 0 && state.links.len() == out).then(|| state.links.clone())
    };
    let found = part.until(Instant::now() + READY_WITHIN, all).await;
    found.ok_or_else(|| "there is no outgoing stream here".to_owned())
}

async fn synchronize(part: &Arc<Part>, id: &ErrandId) -> Result<ErrandOutcome, String> {
    let links = links(part).await?;
    let mut rounds = tokio::task::JoinSet::new();
    for link in &links {
        let link = Arc::clone(link);
        rounds.spawn(async move { link.synchronize().await });
    }
    let mut ticks = interval(PROGRESS_EVERY);
    loop {
        tokio::select! {
            ended = rounds.join_next() => match ended {
                Some(_) => {}
                None => return Ok(errands::done(format!("{} streams compared in full and following", links.len()))),
            },
            _ = ticks.tick() => {
                let held = lock(&part.state).links.clone();
                // A role change or another manifest replaced a link: what was asked for will not come any more.
                if links.iter().any(|link| !held.iter().any(|other| Arc::ptr_eq(link, other))) {
                    return Err("the streams changed while this was under way".to_owned());
                }
                let words: Vec<String> = links.iter().map(|link| describe(link)).collect();
                part.errands.note(id, words.join("; "));
            }
        }
    }
}

fn describe(link: &OutLink) -> String {
    let status = link.status();
    match (status.state, status.progress) {
        (LinkState::Down, _) => format!("{}: not connected", status.target),
        (LinkState::Synchronizing, Some(p)) => format!("{}: {} {}", status.target, p.phase, p.entries_done),
        (LinkState::Synchronizing, None) => format!("{}: synchronizing", status.target),
        (LinkState::Connected | LinkState::Following, _) => format!("{}: connected", status.target),
    }
}

async fn compare(part: &Arc<Part>, id: &ErrandId, root: Option<RootName>) -> Result<ErrandOutcome, String> {
    let links = links(part).await?;
    let mut whole = Comparison::default();
    for link in &links {
        part.errands.note(id, format!("comparing with {}", link.line.stream.target));
        let one = compare_one(part, &link.line, root.clone()).await?;
        whole.entries += one.entries;
        whole.bytes += one.bytes;
        whole.differences += one.differences;
        whole.unreadable += one.unreadable;
        let room = DIFFERENCES_LISTED_MAX.saturating_sub(whole.listed.len());
        let target = &link.line.stream.target;
        whole.listed.extend(one.listed.into_iter().take(room).map(|mut difference| {
            difference.target = target.clone();
            difference
        }));
    }
    let message = match (whole.differences, whole.unreadable) {
        (0, 0) => format!("equal: {} entries, {} bytes", whole.entries, whole.bytes),
        (differences, 0) => format!("{differences} differences in {} entries", whole.entries),
        (differences, unreadable) => format!("{differences} differences, and {unreadable} entries could not be read"),
    };
    Ok(ErrandOutcome::Done(ErrandResult { message, comparison: Some(whole), ..ErrandResult::default() }))
}

/// Compares over a connection of its own; the stream goes on beside it. Ended early, it leaves nothing behind.
async fn compare_one(part: &Part, line: &Line, root: Option<RootName>) -> Result<Comparison, String> {
    let (stream, source, lossy) = (&line.stream, line.source.clone(), line.lossy.clone());
    // A comparison sends a few bytes: no limit is of use.
    let outflow = Outflow::new(&Replication::default());
    let opened = dial::open(&part.context, &part.scenario, stream, &line.replication, &outflow).await;
    let (peer, pump) = opened.map_err(|e| text::chain(&e))?;
    let target = stream.target.clone();
    let work = move |peer: &mut dyn replication::peer::Peer, stop: &AtomicBool| {
        source::compare(&source, target.as_str(), root.as_ref(), &lossy, peer, stop)
    };
    let ended = session::run(format!("compare {}", stream.id()), peer, pump, &part.stop, work).await;
    ended.map_err(|e| e.to_string())?.map_err(|e| text::chain(&e))
}

/// Keeps everything closed while a root gets its new identity.
struct Hold<'a>(&'a Part);

impl<'a> Hold<'a> {
    fn new(part: &'a Part) -> Self {
        lock(&part.state).holds += 1;
        part.wake.notify_one();
        Self(part)
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).holds -= 1;
        self.0.wake.notify_one();
    }
}

async fn approve(part: &Arc<Part>, digest: String) -> Result<ErrandOutcome, String> {
    let open = part.until(Instant::now() + READY_WITHIN, |state| state.open.source().cloned()).await;
    let source = open.ok_or("the source is not open here")?;
    let approved = tokio::task::spawn_blocking(move || source.approve(digest)).await;
    let message = approved.map_err(|e| e.to_string())?.map_err(|e| text::chain(&e))?;
    Ok(errands::done(message))
}

async fn adopt(part: &Arc<Part>, name: RootName) -> Result<ErrandOutcome, String> {
    let roots = lock(&part.state).assignment.roots.clone();
    let root = roots.into_iter().find(|root| root.name == name).ok_or("this host has no such root")?;
    let hold = Hold::new(part);
    let closed =
        part.until(Instant::now() + READY_WITHIN, |state| matches!(state.open.side, Side::Nothing).then_some(()));
    closed.await.ok_or("the root is still in use")?;
    let place = part.place();
    let adopted = tokio::task::spawn_blocking(move || place.adopt(&root)).await;
    drop(hold);
    adopted.map_err(|e| e.to_string())?.map_err(|e| text::chain(&e))?;
    Ok(errands::done(format!("root {name} is known as it is now")))
}
