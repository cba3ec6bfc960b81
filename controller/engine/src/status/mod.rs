//! How a scenario is: conditions first, state and health from them, one reason in words.

mod conditions;
mod members;

use crate::{
    compose::upstream,
    plan::way_on,
    settings::{Observed, Place, Settings},
    text,
};
use conditions::Fact;
use model::{
    AssignmentStatus, Ledger, MemberName, Timestamp,
    agent_status::{HaltReason, HeldRemoval, Progress, RootState, TargetState},
    view::{ActiveView, Health, RunState, RunView, ScenarioState, ScenarioView, Verb},
};

/// Everything `status` is made from, with the questions that several conditions ask.
pub(crate) struct Scene<'a> {
    pub settings: &'a Settings<'a>,
    pub ledger: &'a Ledger,
    pub observed: &'a Observed,
    pub run: Option<&'a RunView>,
}

/// Makes the `status` of a scenario.
pub fn status(
    settings: &Settings<'_>,
    ledger: &Ledger,
    observed: &Observed,
    run: Option<&RunView>,
    last_role_change: Option<(Timestamp, String)>,
) -> ScenarioView {
    let run = run.filter(|run| matches!(run.state, RunState::Running | RunState::Paused));
    let scene = Scene { settings, ledger, observed, run };
    let mut facts = scene.facts();
    let (health, why) = scene.health(&facts);
    facts.push(Fact::ready(health, &why));
    ScenarioView {
        observed_generation: settings.generation,
        state: scene.state(),
        health,
        why,
        epoch: ledger.epoch,
        active: scene.active().map(|place| active_view(place, last_role_change)),
        reverse: ledger.reverse,
        run: run.map(|run| run.id.clone()),
        members: scene.members(),
        conditions: facts.iter().map(Fact::condition).collect(),
    }
}

fn active_view(place: Place, change: Option<(Timestamp, String)>) -> ActiveView {
    let (since, cause) = change.map_or((None, "initial".to_owned()), |(at, cause)| (Some(at), cause));
    ActiveView { member: place.member, host: place.host, since, cause }
}

/// Where to look at what would go.
fn listed(held: &HeldRemoval) -> String {
    let some = held.sample.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    format!("such as {some}; all are in {}", held.list)
}

/// How far a synchronization is, such as `copying: 61% (1.2 of 2.0 GiB)`.
pub(crate) fn progress_text(progress: &Progress) -> String {
    let done = text::bytes(progress.bytes_done);
    let entries = text::count(progress.entries_done, "entry", "entries");
    match progress.bytes_total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = (progress.bytes_done.min(total) as f64 / total as f64 * 100.0).floor();
            format!("{}: {percent}% ({done} of {})", progress.phase, text::bytes(total))
        }
        None => format!("{}: {entries}, {done} so far", progress.phase),
    }
}

impl<'a> Scene<'a> {
    pub fn fresh(&self, place: &Place) -> Option<&'a AssignmentStatus> {
        self.observed.fresh(self.settings.scenario, &place.host)
    }

    pub fn active(&self) -> Option<Place> {
        self.settings.place(self.ledger.active()?)
    }

    /// Source and target of each stream there should be.
    pub fn edges(&self) -> Vec<(Place, Place)> {
        let places = self.settings.places().into_iter();
        places
            .filter_map(|target| {
                let source = self.settings.place(upstream(self.ledger, &target.member)?)?;
                Some((source, target))
            })
            .collect()
    }

    /// The home primary, while it receives nothing although another member is active.
    pub fn home_left_behind(&self) -> Option<Place> {
        let active = self.ledger.active()?;
        (!active.is_primary() && !self.ledger.reverse).then(|| self.settings.place(&MemberName::primary()))?
    }

    pub fn halted(&self) -> Vec<(Place, String)> {
        let mut halted = Vec::new();
        for place in self.settings.places() {
            for root in self.fresh(&place).map(|report| &report.roots).into_iter().flatten() {
                if let RootState::Halted { reason, message } = &root.state {
                    let command = way_on(self.settings.scenario, &place, root);
                    let way_on = match (reason, &root.held_removal) {
                        // It says itself what can be done.
                        (HaltReason::CannotHold, _) => String::new(),
                        (HaltReason::RootMissing, _) => {
                            format!("; mount or restore it; if it was made anew: {command}")
                        }
                        (_, Some(held)) => format!("; {}; if that is meant: {command}", listed(held)),
                        _ => format!("; if that is meant: {command}"),
                    };
                    let text = format!("halted on {}: {message}{way_on}", place.host);
                    halted.push((place.clone(), text));
                }
            }
        }
        halted
    }

    fn state(&self) -> ScenarioState {
        let moves = [Verb::Switchover, Verb::Failover, Verb::Switchback].map(Verb::as_str);
        let reported = |place: &Place| self.observed.last(self.settings.scenario, &place.host).is_some();
        let syncing = |(_, target): &(Place, Place)| {
            let report = self.observed.last(self.settings.scenario, &target.host);
            let state = report.and_then(|report| report.target.as_ref()).map(|target| target.state);
            state != Some(TargetState::Synced)
        };
        if self.run.is_some_and(|run| moves.contains(&run.verb.as_str())) {
            ScenarioState::SwitchingOver
        } else if self.ledger.suspended.is_some() {
            ScenarioState::Stopped
        } else if !self.halted().is_empty() {
            ScenarioState::Halted
        } else if !self.settings.places().iter().all(reported) {
            ScenarioState::Preparing
        } else if self.ledger.active().is_none() {
            ScenarioState::Unknown
        } else if self.ledger.active().is_some_and(|active| !active.is_primary()) {
            ScenarioState::SwitchedOver
        } else if self.edges().iter().any(syncing) {
            ScenarioState::Synchronizing
        } else {
            ScenarioState::Protecting
        }
    }

    /// The worst of what the facts mean, and the first of those that mean it.
    fn health(&self, facts: &[Fact]) -> (Health, String) {
        let mut found: Vec<(Health, String)> = Vec::new();
        match self.run {
            Some(run) if run.question.is_some() => {
                let question = run.question.clone().unwrap_or_default();
                found.push((Health::Degraded, format!("run {} asks: {question}", run.id)));
            }
            Some(run) if run.state == RunState::Paused => {
                let why = run.why.clone().unwrap_or_default();
                found.push((Health::Failed, format!("run {} is paused: {why}", run.id)));
            }
            Some(run) => found.push((Health::Degraded, format!("run {}: {} {}", run.id, run.verb, run.title))),
            None => {}
        }
        if let Some(suspended) = &self.ledger.suspended {
            found.push((Health::Suspended, format!("suspended by {}: {}", suspended.by, suspended.reason)));
        }
        found.extend(facts.iter().filter_map(Fact::alarm));
        let worst = found.iter().map(|(health, _)| *health).max().unwrap_or(Health::Ok);
        let why = found.into_iter().find(|(health, _)| *health == worst).map(|(_, why)| why);
        (worst, why.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
