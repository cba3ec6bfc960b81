//! Waits until scenarios are protected, and ends at once when they cannot become so without a person.

use crate::{
    client::{Change, Feed, query},
    context::Context,
    exit::{Exit, Failure, Outcome},
    follow::interrupts,
    output::amount,
};
use model::{
    Role, ScenarioName,
    view::{MemberView, ScenarioState, ScenarioView},
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use wire::api::{List, StoredScenario};

/// Longest wait anybody can mean; more would overflow the clock.
const WAIT_MAX: Duration = Duration::from_secs(365 * 86_400);

/// A scenario and the generation that has to be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: ScenarioName,
    pub generation: u64,
}

/// How a scenario stands for somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// Protected, in words.
    Settled(String),
    Waiting(String),
    /// Nothing will change by itself.
    Hopeless(String),
}

fn standing(wanted: &Wanted, status: &ScenarioView) -> Standing {
    // A replica that was just added is neither behind nor ahead yet: only what is known to be true counts.
    let holds = |kind: &str| status.conditions.iter().any(|known| known.kind == kind && known.status == "True");
    let protected = ["RootsReady", "Synchronized", "Protected", "ManifestCurrent"].into_iter().all(holds);
    let why = if status.why.is_empty() { "not told yet".to_owned() } else { status.why.clone() };
    if status.observed_generation < wanted.generation {
        return Standing::Waiting(match &status.run {
            Some(run) => format!("in force after run {run}"),
            None => format!("generation {} is not in force yet", wanted.generation),
        });
    }
    match status.state {
        ScenarioState::Protecting if protected => Standing::Settled("protected".to_owned()),
        ScenarioState::SwitchedOver => {
            let host = status.active.as_ref().map(|active| active.host.to_string()).unwrap_or_default();
            Standing::Settled(format!("in force; active away from home on {host}"))
        }
        ScenarioState::Halted => Standing::Hopeless(format!("halted: {why}")),
        ScenarioState::Stopped => Standing::Hopeless("suspended; standin resume lets it go on".to_owned()),
        ScenarioState::Synchronizing => Standing::Waiting(copying(status).unwrap_or(why)),
        _ => Standing::Waiting(why),
    }
}

/// `copying to dublin, 3.1 GiB of 212 GiB`
fn copying(status: &ScenarioView) -> Option<String> {
    let copied = |member: &MemberView| {
        let progress = member.progress.as_ref()?;
        let of =
            |total: Option<u64>, show: fn(u64) -> String| total.map(|n| format!(" of {}", show(n))).unwrap_or_default();
        let bytes = format!("{}{}", amount::bytes(progress.bytes_done), of(progress.bytes_total, amount::bytes));
        let entries = format!("{}{}", amount::count(progress.entries_done), of(progress.entries_total, amount::count));
        Some(format!("{} {}: {bytes}, {entries} entries", progress.phase, member.name))
    };
    let standbys = status.members.iter().filter(|member| member.role != Role::Active);
    let lines: Vec<String> = standbys.filter_map(copied).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// Waits for all of them. Ctrl-C leaves: what is going on goes on.
pub async fn wait(cx: &mut Context, wanted: Vec<Wanted>, limit: Option<Duration>) -> Outcome {
    let mut left: BTreeMap<ScenarioName, (Wanted, String)> =
        wanted.into_iter().map(|wanted| (wanted.name.clone(), (wanted, "not told yet".to_owned()))).collect();
    if left.is_empty() {
        return Ok(Exit::Done);
    }
    let names = left.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    cx.tell(&format!("Waiting for {names} to be protected; Ctrl-C leaves, the work goes on"));
    let begin = Instant::now();
    let deadline = begin + limit.unwrap_or(WAIT_MAX).min(WAIT_MAX);
    let mut interrupts = interrupts()?;
    let mut feed = Feed::new(&cx.client, query(&[("kind", Some("scenario"))]));
    let mut tell = interval(cx.progress_every);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tell.reset();
    while !left.is_empty() {
        tokio::select! {
            change = feed.next() => match change {
                Change::Event(event) => event.scenario.into_iter().try_for_each(|seen| take(cx, &mut left, &seen, begin))?,
                Change::Connected => {
                    let list: List<StoredScenario> = cx.client.get("/v1/scenarios").await?;
                    list.items.iter().try_for_each(|seen| take(cx, &mut left, seen, begin))?;
                }
                Change::Lost(_) => cx.tell("  the controller does not answer; waiting for it"),
                Change::Ended(failure) => return Err(failure),
            },
            _ = tell.tick() => left.iter().for_each(|(name, (_, why))| cx.tell(&format!("  {name}: {why}"))),
            _ = interrupts.recv() => return Err(not_yet("left", &left)),
            () = sleep_until(deadline) => return Err(not_yet("the time given with --timeout is over", &left)),
        }
    }
    Ok(Exit::Done)
}

fn take(
    cx: &Context,
    left: &mut BTreeMap<ScenarioName, (Wanted, String)>,
    seen: &StoredScenario,
    begin: Instant,
) -> Outcome<()> {
    let name = ScenarioName(seen.metadata.name.clone());
    let Some((wanted, why)) = left.get_mut(&name) else {
        return Ok(());
    };
    match standing(wanted, &seen.status) {
        Standing::Settled(how) => {
            cx.tell(&format!("  {name}: {how}, after {}", amount::took(begin.elapsed())));
            left.remove(&name);
        }
        Standing::Waiting(now) => *why = now,
        Standing::Hopeless(now) => {
            let failure =
                Failure::new(Exit::Failed, format!("{name} was applied and cannot become protected by itself"));
            return Err(failure.fact(now).help(format!("standin describe scenario {name}")));
        }
    }
    Ok(())
}

fn not_yet(why: &str, left: &BTreeMap<ScenarioName, (Wanted, String)>) -> Failure {
    let mut failure =
        Failure::new(Exit::Pending, format!("{why}; what was applied stays applied and the work goes on"));
    for (name, (_, why)) in left {
        failure = failure.fact(format!("{name}: {why}"));
    }
    failure.help("standin status")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::Condition;

    #[test]
    fn an_end_is_told_from_a_wait() {
        let wanted = Wanted { name: "mail".into(), generation: 3 };
        let condition = |kind: &str| Condition {
            kind: kind.to_owned(),
            status: "True".to_owned(),
            reason: String::new(),
            message: String::new(),
            last_transition_time: None,
        };
        let conditions = ["RootsReady", "ManifestCurrent", "Protected", "Synchronized"].map(condition).to_vec();
        let status = |state, observed_generation| ScenarioView {
            state,
            observed_generation,
            conditions: conditions.clone(),
            ..ScenarioView::default()
        };
        let at = |state, generation| standing(&wanted, &status(state, generation));
        assert!(matches!(at(ScenarioState::Protecting, 3), Standing::Settled(_)));
        assert!(matches!(at(ScenarioState::Protecting, 2), Standing::Waiting(_)), "the old generation protects");
        assert!(matches!(at(ScenarioState::Synchronizing, 3), Standing::Waiting(_)));
        let unknown = ScenarioView { conditions: Vec::new(), ..status(ScenarioState::Protecting, 3) };
        assert!(matches!(standing(&wanted, &unknown), Standing::Waiting(_)), "nobody knows how far a new replica is");
        assert!(matches!(at(ScenarioState::Halted, 3), Standing::Hopeless(_)));
        assert!(matches!(at(ScenarioState::Stopped, 3), Standing::Hopeless(_)));
    }
}
