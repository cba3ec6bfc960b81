//! A run as shown.

use super::{Next, Record, Run, State};
use crate::{
    compose::head,
    plan::step_view,
    settings::{Observed, Place, Settings},
    steps::Progress,
};
use model::{
    Ledger, Role,
    errand::Comparison,
    view::{RunState, RunView, StepView, Verb},
};

impl Run {
    /// The run with what is true now and the commands that go on from here.
    pub fn view(&self, settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> RunView {
        let state = self.state();
        let over = self.is_over();
        RunView {
            id: self.id.clone(),
            scenario: self.plan.scenario.clone(),
            verb: self.plan.verb.as_str().to_owned(),
            title: self.plan.title.clone(),
            plan: self.plan.source.clone(),
            by: self.by.clone(),
            started: self.log.first().map(|event| event.at).unwrap_or_default(),
            finished: if over { self.log.last().map(|event| event.at) } else { None },
            state,
            why: self.why(),
            steps: self.step_views(settings, ledger, observed),
            true_now: if state == RunState::Running { Vec::new() } else { self.true_now(settings, ledger, observed) },
            waiting_step: self.waiting_at().map(|at| (at + 1).to_string()),
            question: self.asking_at().and_then(|at| self.question(at)).map(str::to_owned),
            choices: if over { self.afterwards(settings, ledger, observed) } else { self.choices() },
            comparison: self.comparison(),
        }
    }

    fn why(&self) -> Option<String> {
        match self.end() {
            Some(Next::RolledBack { why } | Next::Stuck { why, .. }) => Some(why),
            Some(_) => None,
            None => {
                let asks = self.asking_at().map(|at| format!("step {} waits for a yes", at + 1));
                self.paused_at().map(|at| self.records[at].note.clone()).or(asks).or_else(|| self.turning.clone())
            }
        }
    }

    fn comparison(&self) -> Option<Comparison> {
        self.records.iter().rev().find_map(|record| record.result.as_ref()?.comparison.clone())
    }

    fn step_views(&self, settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<StepView> {
        let steps = self.plan.steps.iter().zip(&self.records).enumerate();
        steps
            .map(|(at, (step, record))| {
                let waits_for = match record.state {
                    State::Asked | State::Undoing => Some(self.see(at, ledger, settings, observed)),
                    _ => None,
                };
                let step = self.step(at).unwrap_or(step);
                record_view(step_view(at, step, self.plan.manner(at)), record, waits_for)
            })
            .collect()
    }

    /// The commands that make sense once the run is over.
    fn afterwards(&self, settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<String> {
        let name = settings.scenario;
        let away = ledger.active().is_some_and(|active| !active.is_primary());
        let moved = matches!(self.plan.verb, Verb::Switchover | Verb::Failover | Verb::Switchback | Verb::Resume);
        let diverged = ledger.members.iter().any(|(member, known)| {
            member.is_primary() && known.role != Role::Active && known.divergence.is_some_and(|d| !d.drained)
        });
        let home = if diverged { " --discard home" } else { "" };
        match self.state() {
            RunState::Done if away && moved && !ledger.reverse => {
                vec![format!("standin resume {name} --reverse"), format!("standin switchback {name}{home}")]
            }
            RunState::Done if away && moved => vec![format!("standin switchback {name}{home}")],
            RunState::Done => Vec::new(),
            _ if self.given_up.is_some() => ways_on(settings, ledger, observed),
            _ => vec![format!("standin status {name}"), format!("standin events {name}")],
        }
    }
}

/// The runs that may go on from roles which nobody completed: by the members that answer.
fn ways_on(settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<String> {
    let (name, active) = (settings.scenario, head(ledger).and_then(|member| settings.place(member)));
    let answers = |place: &Place| observed.connected(&place.host);
    let others = settings.places().into_iter().filter(|place| active.as_ref() != Some(place) && answers(place));
    let drains = ledger.active().is_some() && active.as_ref().is_some_and(answers);
    let way = |place: Place| match (drains, place.member.is_primary()) {
        (true, true) => format!("standin switchback {name}"),
        (true, false) => format!("standin switchover {name} --to {}", place.member),
        (false, _) => format!("standin failover {name} --to {}", place.member),
    };
    [format!("standin status {name}")].into_iter().chain(others.map(way)).collect()
}

fn record_view(step: StepView, record: &Record, waits_for: Option<Progress>) -> StepView {
    let note = match waits_for {
        Some(Progress::Waiting(why) | Progress::Again(why) | Progress::Impossible(why)) => why,
        Some(Progress::Reached(_)) => String::new(),
        None => record.note.clone(),
    };
    StepView {
        state: record.state.as_str().to_owned(),
        started: record.started,
        finished: record.finished,
        note,
        ..step
    }
}
