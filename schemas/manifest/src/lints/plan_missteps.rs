//! Findings about broken rules of plans; the rules themselves are the model's, since the engine asks them too.

use super::{Item, World};
use crate::finding::{Finding, Severity};
use model::{
    plan_rules::{Misstep, Rule, missteps},
    recovery_plan::PlanStep,
};

/// A finding for each broken rule of this kind, in each plan.
pub fn report(world: &World<'_>, code: &'static str, rule: Rule, findings: &mut Vec<Finding>) {
    let scenarios = world.scenarios_by_name();
    for (item, plan) in world.plans() {
        let unclear = |(n, step): (usize, &PlanStep)| {
            let pointer = format!("/spec/steps/{n}");
            item.is_bad(&pointer) || step.action().is_none() && item.is_bad_within(&pointer)
        };
        if plan.steps.iter().enumerate().any(unclear) {
            continue; // a step that does not say what to do may be any of them
        }
        let scenario = scenarios.get(plan.scenario.as_str()).copied();
        for misstep in missteps(plan, scenario.map(|(_, spec)| spec)) {
            if misstep.rule == rule {
                findings.extend(finding(item, scenario.map(|(item, _)| item), code, misstep));
            }
        }
    }
}

fn finding(item: &Item, scenario: Option<&Item>, code: &'static str, misstep: Misstep) -> Option<Finding> {
    let at = |pointer: &str| item.place(format!("/spec{pointer}"));
    let mut finding = at(&misstep.pointer).error(code, misstep.message)?.label(misstep.label);
    if misstep.warning {
        finding = finding.severity(Severity::Warning);
    }
    if let Some((pointer, label)) = misstep.other {
        finding = at(&pointer).as_context(finding, label);
    }
    if let Some(((pointer, label), scenario)) = misstep.scenario.zip(scenario) {
        // What is not written is true by default: the scenario itself is shown then.
        let place = scenario.place(format!("/spec{pointer}"));
        let place = if place.span().is_some() { place } else { scenario.place("/metadata/name") };
        finding = place.as_context(finding, label);
    }
    Some(finding)
}
