//! A run as a stream of changes: one line each where nothing can be rewritten, or one JSON object each.

use crate::output::{amount, time};
use model::{
    Timestamp,
    view::{RunState, RunView, StepView},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wire::api::RUN_SCHEMA;

/// What has been told of a run, so that each change is told once.
#[derive(Default)]
pub struct Tracker {
    started: bool,
    ended: Option<RunState>,
    steps: BTreeMap<String, (String, String)>,
}

/// One change of a run.
pub enum Told<'a> {
    Started,
    Step { step: &'a StepView, number: usize, state_changed: bool },
    Ended,
}

impl Tracker {
    /// The changes since the last call, in order.
    pub fn changes<'a>(&mut self, run: &'a RunView) -> Vec<Told<'a>> {
        let mut told = Vec::new();
        if !std::mem::replace(&mut self.started, true) {
            told.push(Told::Started);
        }
        for (at, step) in run.steps.iter().enumerate() {
            if step.state == "untouched" {
                continue;
            }
            let now = (step.state.clone(), step.note.clone());
            let before = self.steps.insert(step.path.clone(), now.clone());
            if before.as_ref() != Some(&now) {
                let state_changed = before.is_none_or(|(state, _)| state != step.state);
                told.push(Told::Step { step, number: at + 1, state_changed });
            }
        }
        let over = (run.state != RunState::Running).then_some(run.state);
        if over.is_some() && self.ended != over {
            told.push(Told::Ended);
        }
        self.ended = over;
        told
    }
}

/// `2026-11-20T08:33:15Z r-7q4k step 2/9 stop-services ok 13.1s`
pub fn line(run: &RunView, told: &Told<'_>, now: Timestamp) -> Option<String> {
    let (at, text) = match told {
        Told::Started => {
            let by = if run.by.is_empty() { String::new() } else { format!(" by={}", run.by) };
            (run.started, format!("run started {} {} {}{by}", run.verb, run.scenario, run.title.replace(" -> ", "->")))
        }
        Told::Step { state_changed: false, .. } => return None,
        Told::Step { step, number, .. } => {
            let (word, note) = (word(&step.state), step.note.replace('\n', " "));
            // What was said of an earlier attempt, or while the order is on its way, is no news of this one.
            let note = if matches!(step.state.as_str(), "asked" | "undoing") { String::new() } else { note };
            let at = match step.state.as_str() {
                "asked" => step.started,
                "undoing" => None,
                _ => step.finished,
            };
            let name = step.name.replace(' ', "-");
            let took = match (step.started, step.finished) {
                (Some(from), Some(to)) if !matches!(step.state.as_str(), "asked" | "undoing") => {
                    format!(" {}", amount::took(to.since(from)))
                }
                _ => String::new(),
            };
            let note = if note.is_empty() { note } else { format!(" {note}") };
            (at.unwrap_or(now), format!("step {number}/{} {name} {word}{took}{note}", run.steps.len()))
        }
        Told::Ended => {
            let at = run.finished.unwrap_or(now);
            let why = run.why.as_ref().map(|why| format!(" {}", why.replace('\n', " "))).unwrap_or_default();
            let word = ended_word(run.state);
            (at, format!("run {word} {}{why}", amount::took(at.since(run.started))))
        }
    };
    Some(format!("{} {} {text}", time::utc(at), run.id))
}

fn word(state: &str) -> &str {
    match state {
        "asked" => "started",
        "reached" => "ok",
        "undoFailed" => "undo-failed",
        other => other,
    }
}

fn ended_word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Paused => "paused",
        RunState::Done => "done",
        RunState::RolledBack => "rolled-back",
        RunState::Stuck => "stuck",
    }
}

/// First line of a stream of JSON objects.
pub fn first_object() -> Value {
    json!({ "schema": RUN_SCHEMA })
}

/// The same change as a JSON object.
pub fn object(run: &RunView, told: &Told<'_>) -> Value {
    match told {
        Told::Started => json!({
            "event": "runStarted", "run": run.id, "at": run.started, "scenario": run.scenario, "verb": run.verb,
            "title": run.title, "by": run.by, "steps": run.steps.len(),
        }),
        Told::Step { step, number, state_changed } => {
            let event = match (state_changed, step.state.as_str()) {
                (false, _) => "stepProgress",
                (true, "asked" | "undoing") => "stepStarted",
                (true, _) => "stepFinished",
            };
            json!({
                "event": event, "run": run.id, "number": number, "path": step.path, "name": step.name,
                "state": step.state, "started": step.started, "finished": step.finished, "note": step.note,
            })
        }
        Told::Ended => json!({
            "event": "runFinished", "run": run.id, "at": run.finished, "state": run.state, "why": run.why,
            "trueNow": run.true_now, "question": run.question, "choices": run.choices, "comparison": run.comparison,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::{START, paused, running};
    use super::*;
    use crate::output::machine;

    fn told(runs: &[RunView], mut show: impl FnMut(&RunView, &Told<'_>) -> Option<String>) -> String {
        let mut tracker = Tracker::default();
        let mut lines = Vec::new();
        for run in runs {
            for told in tracker.changes(run) {
                lines.extend(show(run, &told));
            }
        }
        lines.join("\n")
    }

    fn three_looks() -> Vec<RunView> {
        let mut progressed = running();
        progressed.steps[2].note = "waiting for mx1 to fence".into();
        vec![running(), running(), progressed, paused()]
    }

    #[test]
    fn lines_tell_each_change_of_state_once() {
        let now = Timestamp(START + 80_000);
        insta::assert_snapshot!(told(&three_looks(), |run, told| line(run, told, now)));
    }

    #[test]
    fn objects_tell_progress_too() {
        insta::assert_snapshot!(told(&three_looks(), |run, told| {
            Some(machine::value(&object(run, told)).unwrap().to_string())
        }));
    }
}
