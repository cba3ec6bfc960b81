//! Carries out runs in the toy world and writes down what happens.

use super::Toy;
use crate::{Event, Next, Options, Plan, Run, What, plan};
use model::{Ledger, RunId, view::Verb};
use std::fmt::Write as _;

/// Turns after which a run counts as one that never ends.
const TURNS_MAX: u32 = 400;

/// Turns without any news after which the toy's time goes by in days.
const IDLE_TURNS_MAX: u32 = 20;

/// What is done to a run on its way.
#[derive(Clone, Debug, Default)]
pub struct Hardship {
    /// While this step is in force, nobody does anything.
    pub frozen: Option<usize>,
    /// The controller dies after every turn and replays its log.
    pub crashes: bool,
    /// It dies between writing the log and publishing the ledger, every time.
    pub loses_ledger: bool,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Played {
    pub plan: Plan,
    pub next: Next,
    pub run: Run,
    pub log: Vec<Event>,
    /// Everything that was shown, as text.
    pub transcript: String,
}

impl Toy {
    pub fn options(to: Option<&str>) -> Options {
        Options { to: to.map(Into::into), by: "anna".to_owned(), ..Options::default() }
    }

    pub fn plan(&self, verb: Verb, options: &Options) -> Plan {
        plan(verb, options, &self.settings(), &self.ledger, &self.observed(), self.busy.as_ref())
    }

    /// Plans and carries out, without hardship.
    pub fn play(&mut self, verb: Verb, options: &Options) -> Played {
        self.play_through(verb, options, &Hardship::default(), |_| {})
    }

    /// Plans and carries out until the run rests; `watch` is called on every turn.
    pub fn play_through(
        &mut self,
        verb: Verb,
        options: &Options,
        hardship: &Hardship,
        mut watch: impl FnMut(&Toy),
    ) -> Played {
        let plan = self.plan(verb, options);
        let mut transcript = plan_text(&plan);
        self.runs += 1;
        let id = RunId::new(format!("r-{}", self.runs));
        let mut run = Run::start(id, plan.clone(), options.by.clone());
        let mut next = Next::Stuck { step: String::new(), why: "the plan is blocked".to_owned() };
        if plan.blockers.is_empty() {
            next = self.drive(&mut run, hardship, &mut transcript, &mut watch);
            self.write_end(&run, &next, &mut transcript);
        }
        Played { plan, next, log: run.log().to_vec(), run, transcript }
    }

    /// Goes on with a run until it rests.
    pub fn drive(
        &mut self,
        run: &mut Run,
        hardship: &Hardship,
        transcript: &mut String,
        watch: &mut impl FnMut(&Toy),
    ) -> Next {
        let (mut waited, mut idle) = (String::new(), 0);
        for _ in 0..TURNS_MAX {
            let ledger = self.ledger.clone();
            let (events, next) = self.turn(run);
            self.busy = (!run.is_over()).then(|| run.id().clone());
            events.iter().for_each(|event| write_event(transcript, self.now.0, event));
            if hardship.loses_ledger && !events.is_empty() {
                self.lose_ledger(run, ledger);
            }
            if hardship.crashes {
                *run = replayed(run);
            }
            watch(self);
            let Next::Wait { step, why } = &next else {
                return next;
            };
            idle += 1;
            let news = format!("{step} {why}");
            if waited != news {
                idle = 0;
                waited = news;
                let _ = writeln!(transcript, "{:>9}  {step}  ...  {why}", "");
            }
            let turned = run.log().iter().any(|event| matches!(event.what, What::Failed { .. }));
            let frozen = !turned && hardship.frozen.is_some_and(|at| (at + 1).to_string() == *step);
            if frozen || idle > IDLE_TURNS_MAX {
                self.pass(86_400);
            }
            if !frozen {
                self.tick();
            }
        }
        Next::Stuck { step: String::new(), why: "it never ended".to_owned() }
    }

    fn turn(&mut self, run: &mut Run) -> (Vec<Event>, Next) {
        let observed = self.observed();
        let mut ledger = self.ledger.clone();
        let (events, next) = run.advance(&mut ledger, &self.settings(), &observed);
        self.ledger = ledger;
        (events, next)
    }

    /// The log has been written, the ledger has not: the next turn must come to the same ledger.
    fn lose_ledger(&mut self, run: &mut Run, old: Ledger) {
        let published = std::mem::replace(&mut self.ledger, old);
        *run = replayed(run);
        if run.is_over() {
            // The last turn wrote nothing but the end; clearing errands is all there is to do again.
            self.ledger = published;
        }
    }

    /// A person's word to a run, and what follows from it.
    pub fn goes_on(&mut self, played: &mut Played, said: Vec<Event>) {
        said.iter().for_each(|event| write_event(&mut played.transcript, self.now.0, event));
        let next = self.drive(&mut played.run, &Hardship::default(), &mut played.transcript, &mut |_| {});
        self.write_end(&played.run, &next, &mut played.transcript);
        played.log = played.run.log().to_vec();
        played.next = next;
    }

    fn write_end(&self, run: &Run, next: &Next, transcript: &mut String) {
        let view = run.view(&self.settings(), &self.ledger, &self.observed());
        let _ = match next {
            Next::Done => writeln!(transcript, "done"),
            Next::RolledBack { why } => writeln!(transcript, "rolled back: {why}"),
            Next::Paused { step, why } => writeln!(transcript, "paused at {step}: {why}"),
            Next::Stuck { step, why } => writeln!(transcript, "stuck at {step}: {why}"),
            Next::Wait { step, why } => writeln!(transcript, "waits at {step}: {why}"),
        };
        for line in &view.true_now {
            let _ = writeln!(transcript, "  true now  {line}");
        }
        for line in &view.choices {
            let _ = writeln!(transcript, "  choices   {line}");
        }
    }
}

fn replayed(run: &Run) -> Run {
    let again = Run::replay(run.id().clone(), run.plan().clone(), run.by().to_owned(), run.log());
    again.unwrap_or_else(|_| run.clone())
}

/// A plan as the terminal shows it.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = format!("{} {}: {}\n", plan.verb.as_str(), plan.scenario, plan.title);
    let view = plan.view();
    for line in &view.checks {
        let _ = writeln!(text, "  ok    {line}");
    }
    for line in &view.losses {
        let _ = writeln!(text, "  loss  {line}");
    }
    for blocker in &view.blockers {
        let _ = writeln!(text, "  refused: {}", blocker.message);
        for line in &blocker.facts {
            let _ = writeln!(text, "           {line}");
        }
        for line in &blocker.help {
            let _ = writeln!(text, "    help:  {line}");
        }
        if let Some(flag) = &blocker.accepted_by {
            let _ = writeln!(text, "    accepted by {flag}");
        }
    }
    for step in &view.steps {
        let mark = if step.point_of_no_return { "   -- point of no return --" } else { "" };
        let _ = writeln!(text, "  {:>2}  {}{mark}", step.path, step.title);
    }
    text
}

fn write_event(transcript: &mut String, now: u64, event: &Event) {
    let what = match &event.what {
        What::Asked { .. } => "asked".to_owned(),
        What::Reached { note, .. } => format!("reached: {note}"),
        What::Failed { why } => format!("failed: {why}"),
        What::Retried { attempt, why, .. } => format!("attempt {attempt}: {why}"),
        What::Skipped { by, reason } => format!("left out by {by}: {reason}"),
        What::Paused { .. } => "paused".to_owned(),
        What::Approved { by, .. } => format!("approved by {by}"),
        What::Resumed { by } => format!("resumed by {by}"),
        What::AbortAsked { by } => format!("aborted by {by}"),
        What::GivenUp { by, reason } => format!("given up by {by}: {reason}"),
        What::UndoAsked { .. } => "undo asked".to_owned(),
        What::Undone => "undone".to_owned(),
        What::UndoFailed { why } => format!("undo failed: {why}"),
    };
    let _ = writeln!(transcript, "{:>8}s  {}  {what}", now / 1000, event.step);
}
