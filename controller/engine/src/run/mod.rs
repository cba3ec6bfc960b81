//! A plan being carried out: an event log over its steps, a transition table and a pure `advance`.
//!
//! The caller stores the events, *then* publishes the ledger. Recovery after a crash is `Run::replay`; what the
//! ledger lacks of orders already in the log is asked again on the next turn.

mod advance;
mod event;
mod person;
mod truth;
mod view;

pub use event::{Event, IllegalEvent, State, What};
pub use person::Refusal;

use crate::{
    plan::{Manner, Plan},
    steps::{AnyStep, Undo},
};
use model::{ErrandResult, RunId, Timestamp, recovery_plan::OnFailure, view::RunState};
use serde::{Deserialize, Serialize};

/// What a turn of a run ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Next {
    Wait {
        step: String,
        why: String,
    },
    /// Waits for a person.
    Paused {
        step: String,
        why: String,
    },
    Done,
    /// Failed or aborted before the point of no return, and everything was taken back.
    RolledBack {
        why: String,
    },
    /// Final: something could not be taken back, or a person ended it where it stood.
    Stuck {
        step: String,
        why: String,
    },
}

/// What the log says about one step.
#[derive(Clone, Debug, Default)]
struct Record {
    state: State,
    attempt: u32,
    /// The attempts made before a person resumed it: they do not count any more.
    attempts_before: u32,
    /// The ledger revision that carries the order in force.
    since: u64,
    asked_at: Timestamp,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    note: String,
    result: Option<ErrandResult>,
    /// Asked once everything else was taken back, or while it is.
    aftermath: bool,
}

/// One execution of a plan.
#[derive(Clone, Debug)]
pub struct Run {
    id: RunId,
    plan: Plan,
    by: String,
    log: Vec<Event>,
    records: Vec<Record>,
    /// Why everything is being taken back.
    turning: Option<String>,
    /// Why the first undo that failed did so.
    undo_failure: Option<(String, String)>,
    /// The step at which a person ended it, and why.
    given_up: Option<(String, String)>,
    /// Patience counts from here at the earliest.
    grace_from: Timestamp,
}

impl Run {
    /// A run that nothing was done for yet. `id` must never have been used before.
    pub fn start(id: RunId, plan: Plan, by: String) -> Self {
        let records = vec![Record::default(); plan.steps.len()];
        let (log, turning, undo_failure, given_up) = (Vec::new(), None, None, None);
        Self { id, plan, by, log, records, turning, undo_failure, given_up, grace_from: Timestamp::default() }
    }

    /// Rebuilds a run from its log.
    ///
    /// **Errors** when the log could not have come from this plan.
    pub fn replay(id: RunId, plan: Plan, by: String, log: &[Event]) -> Result<Self, IllegalEvent> {
        let mut run = Self::start(id, plan, by);
        log.iter().try_for_each(|event| run.record(event))?;
        Ok(run)
    }

    /// Lets patience count from `now` at the earliest: for a controller that comes back after a while, since
    /// agents need a moment to report again. To be called once after a restart, not before every turn.
    pub fn grant_grace(&mut self, now: Timestamp) {
        self.grace_from = now;
    }

    /// Shifts what is counted from by as much as the clock was set: no step fails, and none waits longer, because of it.
    pub fn clock_was_set(&mut self, before: Timestamp, after: Timestamp) {
        let shifted = |at: Timestamp| Timestamp(at.0.saturating_add(after.0).saturating_sub(before.0));
        self.grace_from = shifted(self.grace_from);
        for record in &mut self.records {
            record.asked_at = shifted(record.asked_at);
        }
    }

    pub fn id(&self) -> &RunId {
        &self.id
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn by(&self) -> &str {
        &self.by
    }

    pub fn log(&self) -> &[Event] {
        &self.log
    }

    pub fn state(&self) -> RunState {
        match self.end() {
            Some(Next::Done) => RunState::Done,
            Some(Next::RolledBack { .. }) => RunState::RolledBack,
            Some(_) => RunState::Stuck,
            None if self.waiting_at().is_some() => RunState::Paused,
            None => RunState::Running,
        }
    }

    /// Whether nothing more can happen: done, rolled back or stuck.
    pub fn is_over(&self) -> bool {
        self.end().is_some()
    }

    /// How the run ended, once it has. Nothing is over while a step is open.
    fn end(&self) -> Option<Next> {
        if let Some((step, why)) = &self.given_up {
            return Some(Next::Stuck { step: step.clone(), why: why.clone() });
        }
        let all = |done: fn(State) -> bool| self.records.iter().all(|record| done(record.state));
        let Some(why) = &self.turning else {
            return all(|state| matches!(state, State::Reached | State::Skipped)).then_some(Next::Done);
        };
        let records = self.records.iter().enumerate();
        let settled = records.into_iter().all(|(at, record)| match self.is_always(at) {
            true => !matches!(record.state, State::Untouched | State::Asked),
            false => matches!(record.state, State::Untouched | State::Undone | State::UndoFailed),
        });
        if !settled {
            return None;
        }
        Some(match &self.undo_failure {
            None => Next::RolledBack { why: format!("{why}{}", self.left_behind()) },
            Some((step, undo)) => Next::Stuck { step: step.clone(), why: format!("{why}; taking it back: {undo}") },
        })
    }

    /// The point of no return is crossed as soon as its step was asked.
    pub fn crossed(&self) -> bool {
        let touched = |record: &Record| record.state != State::Untouched;
        let steps = self.plan.steps.iter().zip(&self.records);
        steps.into_iter().any(|(step, record)| touched(record) && step.undo() == Undo::Never)
    }

    /// What was to be done in any case and was not.
    fn left_behind(&self) -> String {
        let failed =
            self.records.iter().zip(&self.plan.manners).filter(|(record, manner)| {
                manner.always.is_some() && record.aftermath && record.state == State::Failed
            });
        failed.map(|(record, manner)| format!("; {}: {}", manner.name, record.note)).collect()
    }

    /// Whether the roles have moved, or may have.
    pub(crate) fn moved(&self) -> bool {
        let steps = self.plan.steps.iter().zip(&self.records);
        let promoted = |step: &AnyStep| matches!(step, AnyStep::PromoteTarget(_));
        steps.into_iter().any(|(step, record)| promoted(step) && record.state != State::Untouched)
    }

    fn manner(&self, at: usize) -> Option<&Manner> {
        self.plan.manner(at)
    }

    /// Whether this step is done in any case, and never taken back.
    fn is_always(&self, at: usize) -> bool {
        self.manner(at).is_some_and(|manner| manner.always.is_some())
    }

    /// What follows a failure of this step. `crossed` is how the run stood before it was known.
    fn answer(&self, at: usize, crossed: bool) -> OnFailure {
        let said = self.manner(at).and_then(|manner| manner.on_failure);
        match (said, crossed) {
            (Some(OnFailure::Undo) | None, true) => OnFailure::Pause,
            (None, false) => OnFailure::Undo,
            (Some(said), _) => said,
        }
    }

    /// The step that waits for a person to say yes.
    fn asking_at(&self) -> Option<usize> {
        let at = self.current().filter(|at| self.turning.is_none() && self.records[*at].state == State::Asked)?;
        self.question(at).is_some().then_some(at)
    }

    /// What a step asks of a person.
    fn question(&self, at: usize) -> Option<&str> {
        match self.plan.steps.get(at)? {
            AnyStep::Approve(approve) => Some(&approve.message),
            _ => None,
        }
    }

    /// The step at which the run waits for a person.
    fn waiting_at(&self) -> Option<usize> {
        self.paused_at().or(self.asking_at())
    }

    fn paused_at(&self) -> Option<usize> {
        if self.turning.is_some() {
            return None;
        }
        self.records.iter().position(|record| record.state == State::Paused)
    }

    /// The step whose turn it is.
    fn current(&self) -> Option<usize> {
        self.records.iter().position(|record| !matches!(record.state, State::Reached | State::Skipped))
    }

    fn record(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        let illegal = |state| IllegalEvent { step: event.step.clone(), what: format!("{:?}", event.what), state };
        let at = event.step.parse::<usize>().ok().and_then(|path| path.checked_sub(1));
        let at = at.filter(|at| *at < self.records.len()).ok_or_else(|| illegal(None))?;
        let (answer, turning) = (self.answer(at, self.crossed()), self.turning.is_some());
        let record = &mut self.records[at];
        record.aftermath |= turning && record.state == State::Untouched;
        record.state = record.state.next(&event.what).ok_or_else(|| illegal(Some(record.state)))?;
        record.take(event);
        match &event.what {
            What::Failed { why } if !turning && answer == OnFailure::Undo => self.turning = Some(why.clone()),
            What::AbortAsked { by } => self.turning = Some(format!("aborted by {by}")),
            What::GivenUp { by, reason } => {
                self.given_up = Some((event.step.clone(), format!("given up by {by}: {reason}")));
            }
            What::UndoFailed { why } if self.undo_failure.is_none() => {
                self.undo_failure = Some((event.step.clone(), why.clone()));
            }
            _ => {}
        }
        self.log.push(event.clone());
        Ok(())
    }
}

impl Record {
    /// What an event changes besides the state.
    fn take(&mut self, event: &Event) {
        match &event.what {
            What::Asked { revision } | What::UndoAsked { revision } => {
                self.since = *revision;
                self.attempt = self.attempt.max(1);
                self.asked_at = event.at;
                self.started = self.started.or(Some(event.at));
            }
            What::Retried { revision, attempt, .. } => {
                (self.since, self.attempt) = (*revision, *attempt);
                (self.asked_at, self.finished) = (event.at, None);
            }
            What::Reached { note, result } => {
                (self.note, self.result) = (note.clone(), result.clone());
                self.finished = Some(event.at);
            }
            What::Failed { why } | What::Paused { why } | What::UndoFailed { why } => {
                self.note.clone_from(why);
                self.finished = Some(event.at);
            }
            What::Approved { by, reason } => {
                let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
                self.note = format!("approved by {by}{reason}");
                self.finished = Some(event.at);
            }
            What::Skipped { by, reason } => {
                self.note = format!("left out by {by}: {reason}");
                self.finished = Some(event.at);
            }
            What::GivenUp { by, reason } => {
                let before = if self.note.is_empty() { String::new() } else { format!("{}; ", self.note) };
                self.note = format!("{before}given up by {by}: {reason}");
                self.finished = Some(event.at);
            }
            What::Undone => self.finished = Some(event.at),
            What::Resumed { .. } => self.attempts_before = self.attempt,
            What::AbortAsked { .. } => {}
        }
    }
}
