//! A plan for a Scenario that nobody has described, or a Scenario that follows a plan which is not for it.

use super::{Item, Lint, World};
use crate::{escape::quoted, finding::Finding, suggest};
use model::{Kind, RecoveryPlanSpec, ScenarioSpec, recovery_plan::Purpose};
use std::collections::{BTreeMap, BTreeSet};

pub const LINT: Lint = Lint { code: "DR0230", check };

/// Most suggestions that are looked for: no more findings are shown.
const SUGGESTED_MAX: usize = 50;

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut references = References { left: SUGGESTED_MAX, findings };
    let scenarios = names(world, Kind::Scenario, world.surroundings.known_scenarios.iter().map(|name| name.as_str()));
    for (item, plan) in world.plans() {
        references.look(item, "/spec/scenario", "Scenario", plan.scenario.as_str(), &scenarios);
    }
    let known = names(world, Kind::RecoveryPlan, world.surroundings.known_plans.iter().map(|name| name.as_str()));
    let plans: BTreeMap<&str, _> = world.plans().map(|(item, plan)| (item.name.as_str(), (item, plan))).collect();
    for (item, spec) in world.scenarios() {
        let Some(name) = spec.switchover.plan.as_ref().map(|name| name.as_str()) else { continue };
        match plans.get(name) {
            Some((other, plan)) => references.followed(item, spec, other, plan),
            None => references.look(item, "/spec/switchover/plan", "RecoveryPlan", name, &known),
        }
    }
}

/// Names of a kind, here or stored.
fn names<'a>(world: &'a World<'_>, kind: Kind, stored: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let here = world.items.iter().filter(|item| item.kind == kind).map(|item| item.name.as_str());
    here.chain(stored).filter(|name| !name.is_empty()).collect()
}

struct References<'a> {
    left: usize,
    findings: &'a mut Vec<Finding>,
}

impl References<'_> {
    fn look(&mut self, item: &Item, pointer: &str, kind: &str, name: &str, known: &BTreeSet<&str>) {
        if known.contains(name) {
            return;
        }
        let place = item.place(pointer);
        let Some(finding) = place.error(LINT.code, format!("no {kind} named {}", quoted(name))) else { return };
        let near = (self.left > 0).then(|| suggest::closest(name, known.iter().copied())).flatten();
        self.left = self.left.saturating_sub(1);
        self.findings.push(match (near, place.span()) {
            (Some(meant), Some(span)) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
            _ => finding.label(format!("no such {kind}")),
        });
    }

    /// The plan that a Scenario follows is for this Scenario, and for a switchover.
    fn followed(&mut self, item: &Item, spec: &ScenarioSpec, other: &Item, plan: &RecoveryPlanSpec) {
        let (label, field) = match (plan.scenario.as_str() == item.name, plan.purpose) {
            (true, Purpose::Switchover) => return,
            (false, _) => ("it is for another scenario", "/spec/scenario"),
            (true, Purpose::Switchback) => ("it is for a switchback", "/spec/purpose"),
        };
        let name = spec.switchover.plan.as_ref().map_or("", |name| name.as_str());
        let message = format!("a switchover of {} cannot follow the plan {}", quoted(&item.name), quoted(name));
        let finding = item.place("/spec/switchover/plan").error(LINT.code, message);
        self.findings.extend(finding.map(|f| other.place(field).as_context(f.label(label), "said here")));
    }
}
