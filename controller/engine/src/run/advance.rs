//! One turn: look, decide, order. Everything that happens is an event; the ledger follows from the events.

use super::{Event, Next, Run, State, What};
use crate::{
    settings::{Observed, Settings},
    steps::{AnyStep, Asking, Found, Progress, Sight, Undo},
};
use model::{Ledger, PointName, Timestamp, errand::UNDO, recovery_plan::OnFailure};
use std::time::Duration;

/// Attempts a step makes by itself. With the pauses between them they span about half a minute.
const ATTEMPTS_MAX: u32 = 6;

/// "Something happened, look again" or "nothing more to do now".
enum Turn {
    Happened(Event),
    Rest(Next),
}

impl Run {
    /// Goes on as far as the reports allow. The caller stores the events, then publishes the ledger.
    pub fn advance(&mut self, ledger: &mut Ledger, settings: &Settings<'_>, observed: &Observed) -> (Vec<Event>, Next) {
        if self.end().is_none() {
            self.restate(ledger);
            if let Some((host, epoch)) = observed.ahead(settings, ledger) {
                let why = format!("{host} knows epoch {epoch}: the controller's state is older than its agents'");
                return (Vec::new(), Next::Wait { step: self.current().map_or_else(String::new, path), why });
            }
        }
        let mut events = Vec::new();
        loop {
            if let Some(end) = self.end() {
                self.tidy(ledger, settings);
                return (events, end);
            }
            let event = match self.turn(ledger, settings, observed) {
                Turn::Rest(next) => return (events, next),
                Turn::Happened(event) => event,
            };
            if let Err(illegal) = self.record(&event) {
                return (events, Next::Stuck { step: event.step, why: illegal.to_string() });
            }
            events.push(event);
        }
    }

    /// Writes every order of the log into the ledger again: a crash may have come between log and ledger.
    /// Orders are idempotent and asked in the order of the log, so this changes nothing when none did.
    fn restate(&self, ledger: &mut Ledger) {
        let (before, mut revision) = (ledger.clone(), ledger.revision);
        for event in &self.log {
            let Some(at) = position(&event.step) else { continue };
            let attempt = match &event.what {
                What::Asked { .. } | What::UndoAsked { .. } => 1,
                What::Retried { attempt, .. } => *attempt,
                _ => continue,
            };
            let (What::Asked { revision: asked }
            | What::UndoAsked { revision: asked }
            | What::Retried { revision: asked, .. }) = &event.what
            else {
                continue;
            };
            let undoing = matches!(event.what, What::UndoAsked { .. });
            self.order(at, attempt, undoing, ledger);
            revision = revision.max(*asked);
        }
        let changed = *ledger != before;
        ledger.revision = if changed { revision.max(before.revision + 1) } else { revision };
    }

    /// Writes one order into the ledger; its revision is the caller's business.
    fn order(&self, at: usize, attempt: u32, undoing: bool, ledger: &mut Ledger) {
        let cx = self.asking(at, attempt, undoing, ledger);
        let Some(step) = self.step(at) else { return };
        if at == 0 && !undoing {
            self.forget_settled(ledger);
        }
        // One order of a step stands at a time: a host that was silent must not find an attempt beside its own undo.
        let own = cx.errand();
        ledger.errands.retain(|id, _| *id == own || id.stem() != own.stem());
        match (undoing, step.undo()) {
            (false, _) => step.ask(&cx, ledger),
            (true, Undo::With(inverse)) => inverse.ask(&cx, ledger),
            (true, _) => {}
        }
    }

    /// The step at `at`; of one that is done in any case, what is done once everything else was taken back.
    pub(super) fn step(&self, at: usize) -> Option<&AnyStep> {
        let record = self.records.get(at)?;
        let aftermath = if record.state == State::Untouched { self.turning.is_some() } else { record.aftermath };
        let always = self.manner(at).and_then(|manner| manner.always.as_deref()).filter(|_| aftermath);
        always.or_else(|| self.plan.steps.get(at))
    }

    /// What was settled when this was planned is forgotten with the first order; later ones may set it anew.
    fn forget_settled(&self, ledger: &mut Ledger) {
        let settled = self.plan.settled.iter();
        for name in settled {
            if let Some(member) = ledger.members.get_mut(name) {
                member.divergence = None;
            }
        }
    }

    fn asking(&self, at: usize, attempt: u32, undoing: bool, ledger: &Ledger) -> Asking {
        let tail = if undoing { UNDO } else { "" };
        Asking {
            run: self.id.clone(),
            step: format!("{}{tail}", at + 1),
            attempt,
            epoch: ledger.epoch,
            since: self.records.get(at).map_or(0, |record| record.since),
        }
    }

    /// When the run is over the ledger forgets its orders, whose record agents keep, and where points that the manifest
    /// does not have any more sent clients.
    fn tidy(&self, ledger: &mut Ledger, settings: &Settings<'_>) {
        let own = format!("{}/", self.id);
        let known = |point: &PointName| settings.spec.redirection.iter().any(|known| known.name == *point);
        let before = (ledger.errands.len(), ledger.redirected.len());
        ledger.errands.retain(|id, _| !id.0.starts_with(&own));
        ledger.redirected.retain(|point, _| known(point));
        if (ledger.errands.len(), ledger.redirected.len()) != before {
            ledger.revision += 1;
        }
    }

    fn turn(&self, ledger: &mut Ledger, settings: &Settings<'_>, observed: &Observed) -> Turn {
        match self.turning {
            None => self.forward(ledger, settings, observed),
            Some(_) => self.backward(ledger, settings, observed),
        }
    }

    fn forward(&self, ledger: &mut Ledger, settings: &Settings<'_>, observed: &Observed) -> Turn {
        let Some(at) = self.current() else {
            return Turn::Rest(Next::Done);
        };
        let (record, now) = (&self.records[at], observed.now);
        let note = record.note.clone();
        match record.state {
            State::Untouched => happened(at, now, What::Asked { revision: self.ask(at, 1, false, ledger) }),
            State::Resumed => match self.see(at, ledger, settings, observed) {
                // It came about while nobody expected it any more: once is enough.
                Progress::Reached(found) => reached(at, now, found),
                _ => self.retry(at, "resumed".to_owned(), ledger, now),
            },
            State::Paused => Turn::Rest(Next::Paused { step: path(at), why: note }),
            State::Failed => match self.answer(at, self.crossed()) {
                OnFailure::Continue => happened(at, now, What::Skipped { by: "the plan".to_owned(), reason: note }),
                _ => happened(at, now, What::Paused { why: note }),
            },
            _ => match self.see(at, ledger, settings, observed) {
                Progress::Reached(found) => reached(at, now, found),
                Progress::Waiting(why) if self.question(at).is_some() => {
                    Turn::Rest(Next::Paused { step: path(at), why })
                }
                Progress::Waiting(why) => Turn::Rest(Next::Wait { step: path(at), why }),
                Progress::Again(why) => self.retry(at, why, ledger, now),
                Progress::Impossible(why) => happened(at, now, What::Failed { why }),
            },
        }
    }

    /// Carries out what is done in any case, now that everything else was taken back. A failure is noted, no more.
    fn aftermath(&self, ledger: &mut Ledger, settings: &Settings<'_>, observed: &Observed) -> Turn {
        let open = |at: &usize| matches!(self.records[*at].state, State::Untouched | State::Asked);
        let Some(at) = (0..self.records.len()).filter(|at| self.is_always(*at)).find(open) else {
            return Turn::Rest(Next::RolledBack { why: self.turning.clone().unwrap_or_default() });
        };
        let now = observed.now;
        if self.records[at].state == State::Untouched {
            return happened(at, now, What::Asked { revision: self.ask(at, 1, false, ledger) });
        }
        match self.see(at, ledger, settings, observed) {
            Progress::Reached(found) => reached(at, now, found),
            Progress::Waiting(why) => Turn::Rest(Next::Wait { step: path(at), why }),
            Progress::Again(why) => self.retry(at, why, ledger, now),
            Progress::Impossible(why) => happened(at, now, What::Failed { why }),
        }
    }

    /// Takes back the last step that is still there. A step that was only asked may have happened, so it counts.
    /// One that cannot be taken back does not keep the earlier ones: the order they stand for is given all the same.
    fn backward(&self, ledger: &mut Ledger, settings: &Settings<'_>, observed: &Observed) -> Turn {
        let open = |state: State| !matches!(state, State::Untouched | State::Undone | State::UndoFailed);
        let back = (0..self.records.len()).rev().filter(|at| !self.is_always(*at));
        let Some(at) = back.into_iter().find(|at| open(self.records[*at].state)) else {
            return self.aftermath(ledger, settings, observed);
        };
        let now = observed.now;
        if self.records[at].state != State::Undoing {
            return happened(at, now, What::UndoAsked { revision: self.ask(at, 1, true, ledger) });
        }
        match self.see(at, ledger, settings, observed) {
            Progress::Reached(_) => happened(at, now, What::Undone),
            Progress::Waiting(why) => Turn::Rest(Next::Wait { step: path(at), why }),
            Progress::Again(why) | Progress::Impossible(why) => happened(at, now, What::UndoFailed { why }),
        }
    }

    /// Gives the order and answers the ledger revision that carries it.
    fn ask(&self, at: usize, attempt: u32, undoing: bool, ledger: &mut Ledger) -> u64 {
        let before = ledger.clone();
        self.order(at, attempt, undoing, ledger);
        if *ledger != before {
            ledger.revision += 1;
        }
        ledger.revision
    }

    /// Another attempt always has a revision of its own, so that what was reported before says nothing about it.
    fn retry(&self, at: usize, why: String, ledger: &mut Ledger, now: Timestamp) -> Turn {
        let attempt = self.records[at].attempt + 1;
        let before = ledger.revision;
        self.ask(at, attempt, false, ledger);
        ledger.revision = before + 1;
        happened(at, now, What::Retried { revision: ledger.revision, attempt, why })
    }

    /// What the step in force looks like, with its patience and its leftovers taken into account.
    pub(super) fn see(&self, at: usize, ledger: &Ledger, settings: &Settings<'_>, observed: &Observed) -> Progress {
        let record = &self.records[at];
        let undoing = record.state == State::Undoing;
        let inverse = if undoing { self.plan.steps[at].undo() } else { Undo::Nothing };
        let step: &AnyStep = match (&inverse, undoing) {
            (Undo::With(step), true) => step,
            (_, true) => return Progress::Reached(Found::default()),
            (_, false) => self.step(at).unwrap_or(&self.plan.steps[at]),
        };
        let attempt = if undoing { 1 } else { record.attempt };
        let cx = self.asking(at, attempt, undoing, ledger);
        let manner = self.manner(at).filter(|_| !undoing);
        let patience = manner.and_then(|manner| manner.timeout).map_or_else(|| step.patience(), |timeout| timeout.0);
        let retries = manner.and_then(|manner| manner.retries);
        let attempts_max = retries.map_or(ATTEMPTS_MAX, |retries| retries.max.saturating_add(1));
        let tries = attempt.saturating_sub(record.attempts_before);
        let pause = retries.map_or_else(|| pause_before(tries), |retries| retries.delay.0);
        let progress = step.look(&cx, &Sight { scenario: settings.scenario, ledger, observed });
        let asked = observed.now.since(record.asked_at);
        let waited = observed.now.since(record.asked_at.max(self.grace_from));
        let progress = match progress {
            Progress::Impossible(why) if asked < step.settle(&cx) => return Progress::Waiting(why),
            Progress::Waiting(why) if waited > patience => {
                Progress::Impossible(format!("gave up after {}: {why}", crate::text::duration(patience)))
            }
            progress => progress,
        };
        match progress {
            Progress::Impossible(why) if retries.is_some() => again(why, tries, attempts_max, asked, pause),
            Progress::Again(why) => again(why, tries, attempts_max, asked, pause),
            progress => progress,
        }
    }
}

/// Another attempt, once it is time and as long as there may be one. `tries` are those since a person took it up.
fn again(why: String, tries: u32, attempts_max: u32, asked: Duration, pause: Duration) -> Progress {
    match tries {
        1 if attempts_max == 1 => Progress::Impossible(why),
        _ if tries >= attempts_max => Progress::Impossible(format!("{why} (after {tries} attempts)")),
        _ if asked < pause => Progress::Waiting(why),
        _ => Progress::Again(why),
    }
}

/// One second before the second attempt, then twice as long each time.
fn pause_before(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.saturating_sub(1).min(6))
}

fn happened(at: usize, now: Timestamp, what: What) -> Turn {
    Turn::Happened(Event { step: path(at), at: now, what })
}

fn reached(at: usize, now: Timestamp, found: Found) -> Turn {
    happened(at, now, What::Reached { note: found.note, result: found.result.map(|result| *result) })
}

fn path(at: usize) -> String {
    (at + 1).to_string()
}

fn position(path: &str) -> Option<usize> {
    path.parse::<usize>().ok()?.checked_sub(1)
}
