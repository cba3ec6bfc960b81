//! A step names a host, replica, check or redirection point that its scenario does not have.

use super::{Item, Lint, World, world::members};
use crate::{escape::quoted, finding::Finding, suggest};
use model::{
    RecoveryPlanSpec, ScenarioSpec,
    names::RESERVED_NAMES,
    recovery_plan::{Given, ParameterKind},
};

pub const LINT: Lint = Lint { code: "DR0231", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let scenarios = world.scenarios_by_name();
    let mut suggested = 0;
    for (item, plan) in world.plans() {
        if let Some((other, scenario)) = scenarios.get(plan.scenario.as_str()) {
            steps(item, plan, &Known::of(other, scenario), &mut suggested, findings);
        }
    }
}

/// What a scenario has.
struct Known<'a> {
    item: &'a Item,
    hosts: Vec<&'a str>,
    replicas: Vec<&'a str>,
    checks: Vec<&'a str>,
    points: Vec<&'a str>,
}

impl<'a> Known<'a> {
    fn of(item: &'a Item, spec: &'a ScenarioSpec) -> Self {
        Self {
            item,
            hosts: members(spec).into_iter().map(|(_, host, _)| host).collect(),
            replicas: spec.replicas.iter().map(|replica| replica.name.as_str()).collect(),
            checks: spec.monitoring.checks.iter().map(|check| check.name.as_str()).collect(),
            points: spec.redirection.iter().map(|point| point.name.as_str()).collect(),
        }
    }
}

fn steps(item: &Item, plan: &RecoveryPlanSpec, known: &Known<'_>, suggested: &mut usize, findings: &mut Vec<Finding>) {
    let mut look = |what: &str, name: &str, among: &[&str], pointer: String, at: &str| {
        if !among.contains(&name) {
            *suggested += 1;
            let near = (*suggested <= suggest::SUGGESTED_MAX).then(|| suggest::closest(name, among.iter().copied()));
            let finding = missing(item, known, what, (name, near.flatten()), &pointer, at);
            findings
                .extend(finding.map(|f| f.note(format!("{what}s of {}: {}", known.item.name, suggest::names(among)))));
        }
    };
    for (n, step) in plan.steps.iter().enumerate() {
        let at = |field: &str| format!("/spec/steps/{n}{field}");
        if let Some(name) = step.host.as_ref().and_then(Given::literal).filter(|name| !RESERVED_NAMES.contains(name)) {
            look("host", name, &known.hosts, at("/host"), "/spec/primary/host");
        }
        for (field, value, kinds) in step.values() {
            let replica = value.literal().filter(|name| kinds == [ParameterKind::Replica] && *name != "target");
            if let Some(name) = replica {
                look("replica", name, &known.replicas, at(&field), "/spec/replicas");
            }
        }
        for (m, name) in step.check.iter().flat_map(|check| &check.checks).enumerate() {
            look("check", name, &known.checks, at(&format!("/check/checks/{m}")), "/spec/monitoring");
        }
        for (m, point) in step.redirect.iter().flat_map(|redirect| &redirect.apply).enumerate() {
            look(
                "redirection",
                point.as_str(),
                &known.points,
                at(&format!("/redirect/apply/{m}")),
                "/spec/redirection",
            );
        }
    }
    for (n, parameter) in plan.parameters.iter().enumerate() {
        let among = match parameter.kind {
            ParameterKind::Text => continue,
            ParameterKind::Host => &known.hosts,
            ParameterKind::Replica => &known.replicas,
        };
        if let Some(name) = &parameter.default {
            look(parameter.kind.as_str(), name, among, format!("/spec/parameters/{n}/default"), "/spec/replicas");
        }
    }
}

fn missing(
    item: &Item,
    known: &Known<'_>,
    what: &str,
    (name, near): (&str, Option<&str>),
    pointer: &str,
    at: &str,
) -> Option<Finding> {
    let place = item.place(pointer);
    let finding = place.error(LINT.code, format!("{} has no {what} {}", known.item.name, quoted(name)))?;
    let finding = match (near, place.span()) {
        (Some(meant), Some(span)) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
        _ => finding.label(format!("no such {what}")),
    };
    Some(known.item.place(at).as_context(finding, "of this scenario"))
}
