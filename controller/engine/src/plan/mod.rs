//! A plan: ordered steps, what was looked at, what will be lost, and every reason why it cannot be run.
//!
//! Same inputs, same plan. Blockers are collected, never only the first.

mod builtin;
mod compose;
mod draft;
mod failover;
mod guards;
mod manner;
mod recipe;
mod settled;
mod switchback;
mod switchover;
mod upkeep;

use crate::{
    settings::{Observed, Options, Settings},
    steps::{AnyStep, Undo},
};
use draft::Draft;
use model::{
    Ledger, MemberName, RunId, ScenarioName,
    view::{BlockerView, PlanSource, PlanView, StepView, Verb},
};
use serde::{Deserialize, Serialize};

pub use builtin::builtin;
pub(crate) use guards::way_on;
pub use manner::Manner;

/// Ordered moves towards one goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub verb: Verb,
    pub scenario: ScenarioName,
    /// In words, such as `mx1 -> dublin (mx2)`.
    pub title: String,
    /// The manifest generation it was made from; a run pins it.
    pub generation: u64,
    /// The ledger revision it was made for; refused at any other.
    pub ledger_revision: u64,
    /// What was looked at and holds, in sentences.
    pub checks: Vec<String>,
    /// What will be lost or set aside, in sentences.
    pub losses: Vec<String>,
    /// Members whose divergence is over: the run forgets it with its first order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<MemberName>,
    pub steps: Vec<AnyStep>,
    /// How each step is carried out, where a RecoveryPlan says so: as many as there are steps, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manners: Vec<Manner>,
    /// The RecoveryPlan it is made from; `None` for the built-in plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PlanSource>,
    pub blockers: Vec<BlockerView>,
}

/// Makes the plan for `verb`. `busy` is the run that holds the scenario, if one does.
pub fn plan(
    verb: Verb,
    options: &Options,
    settings: &Settings<'_>,
    ledger: &Ledger,
    observed: &Observed,
    busy: Option<&RunId>,
) -> Plan {
    let mut draft = Draft::new(options, settings, ledger, observed);
    if let Some(run) = busy {
        draft.held_by(run);
    }
    draft.require_newest_ledger();
    match verb {
        Verb::Switchover => switchover::draft(&mut draft),
        Verb::Failover => failover::draft(&mut draft),
        Verb::Switchback => switchback::draft(&mut draft),
        Verb::Suspend => upkeep::suspend(&mut draft),
        Verb::Resume => upkeep::resume(&mut draft),
        Verb::Synchronize => upkeep::synchronize(&mut draft),
        Verb::Compare => upkeep::compare(&mut draft),
        Verb::AdoptRoot => upkeep::adopt_root(&mut draft),
        Verb::Approve => upkeep::approve(&mut draft),
    }
    draft.finish(verb)
}

impl Plan {
    /// How a step is carried out, where a RecoveryPlan says so.
    pub fn manner(&self, at: usize) -> Option<&Manner> {
        self.manners.get(at)
    }

    /// As shown to people and tools.
    pub fn view(&self) -> PlanView {
        PlanView {
            scenario: self.scenario.clone(),
            verb: self.verb.as_str().to_owned(),
            title: self.title.clone(),
            ledger_revision: self.ledger_revision,
            generation: self.generation,
            plan: self.source.clone(),
            checks: self.checks.clone(),
            losses: self.losses.clone(),
            steps: self.steps.iter().enumerate().map(|(at, step)| step_view(at, step, self.manners.get(at))).collect(),
            blockers: self.blockers.clone(),
        }
    }
}

/// A step nobody has touched. Paths count from 1.
pub(crate) fn step_view(at: usize, step: &AnyStep, manner: Option<&Manner>) -> StepView {
    let said = manner.map(Manner::said).unwrap_or_default();
    StepView {
        path: (at + 1).to_string(),
        name: manner.map_or_else(|| step.name(), |manner| manner.name.clone()),
        title: format!("{}{said}", step.title()),
        point_of_no_return: step.undo() == Undo::Never,
        state: "untouched".to_owned(),
        ..StepView::default()
    }
}
