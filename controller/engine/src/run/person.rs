//! What a person may do to a run: go on, leave a step out, take everything back, end it where it stands.

use super::{Event, Run, What};
use crate::text;
use model::{Timestamp, view::RunState};

/// Why a run does not do what a person wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub message: String,
    /// Whether the run has moved since it was shown.
    pub moved: bool,
    pub help: Vec<String>,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), moved: false, help: Vec::new() }
    }

    fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }
}

impl Run {
    /// Repeats the step at which the run is paused, or leaves it out; says yes where a person is asked. `step` is the
    /// one that the person was shown: a yes is never taken for the answer to another question.
    ///
    /// **Errors** when the run is not paused, another step waits, or it is one that nothing can go on without.
    pub fn resume(
        &mut self,
        by: String,
        step: Option<String>,
        skip: Option<String>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Refusal> {
        let id = self.id.clone();
        self.ensure_shown(step.as_deref())?;
        let asked = self.waiting_at().filter(|at| self.question(*at).is_some());
        if let (Some(at), None) = (asked, &skip) {
            if step.is_none() {
                let question = self.question(at).unwrap_or_default();
                let refusal = Refusal::new(format!("a yes needs the step that asks; step {} asks: {question}", at + 1));
                return Err(refusal.help(self.yes(at)));
            }
            return self.happen((at + 1).to_string(), now, What::Approved { by, reason });
        }
        if let (Some(at), Some(_)) = (asked, &skip) {
            let refusal = Refusal::new(format!("step {} asks a person and cannot be left out", at + 1));
            return Err(refusal.help(format!("say yes:  {}", self.yes(at))));
        }
        let Some(at) = self.paused_at() else {
            return Err(Refusal::new(match self.state() {
                RunState::Running => format!("run {id} is not paused"),
                _ => format!("run {id} is over"),
            })
            .help(format!("standin run show {id}")));
        };
        let step = (at + 1).to_string();
        let what = match skip {
            None => What::Resumed { by },
            Some(skip) => self.skipping(at, &skip, by, reason)?,
        };
        self.happen(step, now, what)
    }

    /// Refuses an answer to another step than the one that waits.
    fn ensure_shown(&self, step: Option<&str>) -> Result<(), Refusal> {
        let waiting = self.waiting_at().map(|at| (at + 1).to_string());
        let (Some(shown), Some(waiting)) = (step, waiting) else { return Ok(()) };
        if shown == waiting {
            return Ok(());
        }
        let id = &self.id;
        let refusal = Refusal::new(format!("run {id} waits at step {waiting}, not at step {}", shown.escape_debug()));
        Err(Refusal { moved: true, ..refusal }.help(format!("look again:  standin run show {id}")))
    }

    fn yes(&self, at: usize) -> String {
        format!("standin run resume {} --step {}", self.id, at + 1)
    }

    fn skipping(&self, at: usize, skip: &str, by: String, reason: Option<String>) -> Result<What, Refusal> {
        let (id, step) = (&self.id, &self.plan.steps[at]);
        if skip != (at + 1).to_string() {
            return Err(Refusal::new(format!("run {id} is paused at step {}, not at step {skip}", at + 1)));
        }
        if !step.skippable() {
            return Err(Refusal::new(format!("step {skip} cannot be left out: {}", step.title()))
                .help(format!("repair, then  standin run resume {id}")));
        }
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        let reason = reason.ok_or_else(|| Refusal::new("leaving a step out needs a reason").help("--reason TEXT"))?;
        Ok(What::Skipped { by, reason })
    }

    /// Takes everything back, as long as that is possible.
    ///
    /// **Errors** when the point of no return is crossed, or the run is over or on its way back already.
    pub fn abort(&mut self, by: String, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let id = self.id.clone();
        if self.is_over() {
            return Err(Refusal::new(format!("run {id} is over")).help(format!("standin run show {id}")));
        }
        if self.turning.is_some() {
            return Err(Refusal::new(format!("run {id} is being taken back already")));
        }
        if self.crossed() {
            let why = if self.moved() { "the roles have moved" } else { "what was begun cannot be taken back" };
            return Err(Refusal::new(format!("run {id} is past the point of no return: {why}"))
                .help(format!("it goes forward only:  standin run resume {id}"))
                .help(format!("where it cannot, end it as it is:  {}", self.as_it_is())));
        }
        let step = (self.current().unwrap_or_default() + 1).to_string();
        self.happen(step, now, What::AbortAsked { by })
    }

    /// Ends the run where it stands; roles, services and clients stay as they are. A new run goes on from there.
    ///
    /// **Errors** without a reason, before the point of no return, and when the run is over.
    pub fn give_up(&mut self, by: String, reason: Option<String>, now: Timestamp) -> Result<Vec<Event>, Refusal> {
        let id = self.id.clone();
        if self.is_over() {
            return Err(Refusal::new(format!("run {id} is over")).help(format!("standin run show {id}")));
        }
        if !self.crossed() {
            let refusal = Refusal::new(format!("run {id} has not passed its point of no return: it can be taken back"));
            return Err(refusal.help(format!("standin run abort {id}")));
        }
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        let reason =
            reason.ok_or_else(|| Refusal::new("ending a run as it is needs a reason").help("--reason TEXT"))?;
        let step = (self.current().unwrap_or_default() + 1).to_string();
        self.happen(step, now, What::GivenUp { by, reason })
    }

    fn as_it_is(&self) -> String {
        format!("standin run abort {} --as-it-is --reason TEXT", self.id)
    }

    fn happen(&mut self, step: String, at: Timestamp, what: What) -> Result<Vec<Event>, Refusal> {
        let event = Event { step, at, what };
        self.record(&event).map_err(|illegal| Refusal::new(illegal.to_string()))?;
        Ok(vec![event])
    }

    /// Exact commands that go on from here.
    pub(super) fn choices(&self) -> Vec<String> {
        let id = &self.id;
        let Some(at) = self.waiting_at() else {
            return Vec::new();
        };
        let asks = self.question(at).is_some();
        let mut choices = vec![if asks { self.yes(at) } else { format!("standin run resume {id}") }];
        if self.asking_at().is_none() && self.plan.steps[at].skippable() {
            choices.push(format!("standin run resume {id} --skip {} --reason TEXT", at + 1));
        }
        choices.push(if self.crossed() { self.as_it_is() } else { format!("standin run abort {id}") });
        choices
    }

    /// `3 of 7 steps`: for lists and logs.
    pub fn progress(&self) -> String {
        let done = self.records.iter().filter(|record| record.finished.is_some()).count();
        format!("{done} of {}", text::count(self.records.len() as u64, "step", "steps"))
    }
}
