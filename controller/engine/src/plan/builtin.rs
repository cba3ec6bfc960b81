//! The built-in plans, as anybody could write them.

use model::{
    RecoveryPlanSpec, ScenarioName, ScenarioSpec,
    recovery_plan::{ApplyPoints, Plain, PlanStep, Purpose, RunChecks, ToReplica},
};

/// The steps of a switchover or switchback when no RecoveryPlan says otherwise.
///
/// **Guarantees** that a run of it and a run of the same steps from a manifest order the same.
pub fn builtin(purpose: Purpose, scenario: &ScenarioName, spec: &ScenarioSpec, drained: bool) -> RecoveryPlanSpec {
    let step = |name: &str| PlanStep { name: name.to_owned(), ..PlanStep::default() };
    let services = !spec.services.commands.is_empty();
    let mut steps = Vec::new();
    if purpose == Purpose::Switchback {
        steps.push(PlanStep { reverse_replication: Some(Plain {}), ..step("copy-home") });
    }
    if services {
        steps.push(PlanStep { stop_services: Some(Plain {}), ..step("stop-services") });
    }
    if drained {
        steps.push(PlanStep { wait_for_drain: Some(ToReplica::default()), ..step("drain") });
    }
    steps.push(PlanStep { set_active: Some(ToReplica::default()), ..step("make-active") });
    if services {
        steps.push(PlanStep { start_services: Some(Plain {}), ..step("start-services") });
    }
    if !spec.monitoring.checks.is_empty() {
        steps.push(PlanStep { check: Some(RunChecks::default()), ..step("check") });
    }
    let apply: Vec<_> = spec.redirection.iter().map(|point| point.name.clone()).collect();
    if !apply.is_empty() {
        steps.push(PlanStep { redirect: Some(ApplyPoints { apply }), ..step("redirect") });
    }
    RecoveryPlanSpec { scenario: scenario.clone(), purpose, description: None, parameters: Vec::new(), steps }
}
