//! RecoveryPlans for tests of the engine.

#![allow(dead_code, reason = "each test uses some of it")]

use engine::{Options, Recipe, toy::Toy};
use model::{
    RecoveryPlanSpec,
    recovery_plan::{
        ApplyPoints, Approve, Given, OnFailure, Plain, PlanStep, Purpose, Retries, RunChecks, RunScript, ToReplica,
        UndoAction,
    },
    units::Period,
    view::PlanSource,
};

pub fn step(name: &str) -> PlanStep {
    PlanStep { name: name.to_owned(), ..PlanStep::default() }
}

pub fn approve(name: &str) -> PlanStep {
    PlanStep { approve: Some(Approve { message: "The help desk knows?".to_owned() }), ..step(name) }
}

pub fn stop() -> PlanStep {
    PlanStep { stop_services: Some(Plain {}), ..step("stop") }
}

pub fn drain() -> PlanStep {
    PlanStep { wait_for_drain: Some(ToReplica::default()), ..step("drain") }
}

pub fn make_active() -> PlanStep {
    PlanStep { set_active: Some(ToReplica::default()), ..step("make-active") }
}

pub fn start() -> PlanStep {
    PlanStep { start_services: Some(Plain {}), ..step("start") }
}

pub fn check() -> PlanStep {
    PlanStep { check: Some(RunChecks::default()), ..step("check") }
}

pub fn redirect() -> PlanStep {
    PlanStep { redirect: Some(ApplyPoints { apply: vec!["forwarder".into()] }), ..step("redirect") }
}

pub fn reverse() -> PlanStep {
    PlanStep { reverse_replication: Some(Plain {}), ..step("reverse") }
}

pub fn script(words: &[&str]) -> RunScript {
    RunScript { command: words.iter().map(|word| Given::from(*word)).collect(), check: Vec::new() }
}

pub fn run(name: &str, host: &str) -> PlanStep {
    PlanStep { host: Some(host.into()), run: Some(script(&[name])), ..step(name) }
}

pub fn undone_by(words: &[&str], step: PlanStep) -> PlanStep {
    PlanStep { undo: Some(UndoAction { run: script(words) }), ..step }
}

pub fn on_failure(answer: OnFailure, step: PlanStep) -> PlanStep {
    PlanStep { on_failure: Some(answer), ..step }
}

pub fn always(step: PlanStep) -> PlanStep {
    PlanStep { always: true, ..step }
}

pub fn retried(max: u32, step: PlanStep) -> PlanStep {
    PlanStep { retries: Some(Retries { max, delay: Period::from_secs(5) }), ..step }
}

pub fn spec(purpose: Purpose, steps: Vec<PlanStep>) -> RecoveryPlanSpec {
    RecoveryPlanSpec { scenario: "shop".into(), purpose, steps, ..RecoveryPlanSpec::default() }
}

pub fn switchover(steps: Vec<PlanStep>) -> RecoveryPlanSpec {
    spec(Purpose::Switchover, steps)
}

/// A plan with each action there is.
pub fn every_action() -> RecoveryPlanSpec {
    switchover(vec![
        approve("ask"),
        undone_by(&["announce", "--end"], run("announce", "active")),
        stop(),
        drain(),
        make_active(),
        start(),
        retried(2, check()),
        redirect(),
        run("tell", "active"),
        reverse(),
        always(run("tidy", "active")),
    ])
}

pub fn options(spec: RecoveryPlanSpec) -> Options {
    let source = PlanSource { name: "shop-move".into(), generation: 3 };
    Options { plan: Some(Recipe { source, spec }), ..Toy::options(None) }
}
