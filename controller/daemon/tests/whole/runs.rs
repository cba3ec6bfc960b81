use crate::{
    agent::{idle, perfect},
    fixture::{Fixture, SHOP, set, switchover},
    http::Watch,
};
use model::{
    Epoch, Ledger, MemberName,
    view::{EventView, PlanView, RunState, RunView, ScenarioState, Verb},
};
use std::sync::atomic::{AtomicBool, Ordering};
use wire::api::{AbortRequest, ApplyResult, List, RunOptions, RunRequest};

fn protecting(s: &wire::api::StoredScenario) -> bool {
    s.status.state == ScenarioState::Protecting
}

#[tokio::test]
async fn a_switchover_runs_to_its_end_and_back() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let (mx1, mx2) = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    let before = fixture.until("protecting", protecting).await;
    let plan: PlanView = fixture.post("/v1/plans", &switchover()).await.ok();
    assert!(plan.blockers.is_empty(), "{plan:#?}");
    let mut watch = Watch::open(&fixture.socket(), "kind=run").await;
    let request = RunRequest { expect_revision: Some(plan.ledger_revision), ..switchover() };
    let run: RunView = fixture.post("/v1/runs", &request).await.ok();
    assert!(run.id.as_str().len() == 6 && run.id.as_str().starts_with("r-") && run.started.0 > 0);
    let done = fixture.run_done(run.id.as_str()).await;
    assert!(done.steps.iter().all(|step| step.state == "reached") && done.finished.is_some(), "{done:#?}");
    watch.until(|event| event.run.as_ref().is_some_and(|r| r.id == run.id && r.state == RunState::Done)).await;
    let after = fixture.until("over", |s| s.status.active.as_ref().is_some_and(|a| a.host == "mx2".into())).await;
    assert!(after.ledger.epoch > before.ledger.epoch);
    assert_eq!(after.status.active.unwrap().cause, "switchover");
    let roles = |spec: &model::AgentSpec| (spec.scenarios[&"shop".into()].role, spec.scenarios[&"shop".into()].serving);
    assert_eq!(roles(mx2.specs.borrow().as_ref().unwrap()), (model::Role::Active, true));
    assert!(!roles(mx1.specs.borrow().as_ref().unwrap()).1);
    let back: RunView = fixture.post("/v1/runs", &RunRequest { verb: Verb::Switchback, ..switchover() }).await.ok();
    fixture.run_done(back.id.as_str()).await;
    fixture.until("home", |s| s.ledger.active() == Some(&MemberName::primary())).await;
    let events: List<EventView> = fixture.get(&format!("/v1/events?run={}", run.id)).await.ok();
    let kinds: Vec<_> = events.items.iter().map(|event| event.kind.as_str()).collect();
    assert!(kinds.contains(&"RunStarted") && kinds.contains(&"RoleChanged") && kinds.contains(&"RunFinished"));
    let runs: List<RunView> = fixture.get("/v1/runs?scenario=shop").await.ok();
    assert_eq!(runs.items.len(), 2);
}

#[tokio::test]
async fn a_plan_that_rests_on_an_older_ledger_is_refused_and_told_who_moved_it() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    fixture.until("protecting", protecting).await;
    let plan: PlanView = fixture.post("/v1/plans", &switchover()).await.ok();
    let reason = Some("a new disk".to_owned());
    let options = RunOptions { reason, ..RunOptions::default() };
    let suspend = RunRequest { verb: Verb::Suspend, options, ..switchover() };
    let run: RunView = fixture.post("/v1/runs", &suspend).await.ok();
    fixture.run_done(run.id.as_str()).await;
    let request = RunRequest { expect_revision: Some(plan.ledger_revision), ..switchover() };
    let problem = fixture.post("/v1/runs", &request).await.problem(409, 4);
    assert!(problem.facts.iter().any(|fact| fact.contains(run.id.as_str())), "{problem:?}");
    assert!(problem.help.iter().any(|help| help.contains("standin plan show shop --for switchover")));
}

#[tokio::test]
async fn blockers_are_answered_with_the_plan() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let problem = fixture.post("/v1/runs", &switchover()).await.problem(412, 6);
    assert!(!problem.plan.unwrap().blockers.is_empty());
    let runs: List<RunView> = fixture.get("/v1/runs").await.ok();
    assert!(runs.items.is_empty());
    fixture.get("/v1/runs/r-none").await.problem(404, 1);
    fixture.post("/v1/runs/r-none/abort", &AbortRequest::default()).await.problem(404, 1);
}

/// Lets errands be answered, so that a run stands still where it first needs one.
static ANSWERING: AtomicBool = AtomicBool::new(false);

fn answering_later(spec: &model::AgentSpec) -> model::AgentStatus {
    if ANSWERING.load(Ordering::SeqCst) { perfect(spec) } else { idle(spec) }
}

#[tokio::test]
async fn a_killed_controller_takes_its_run_up_and_ends_it() {
    let mut fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", answering_later).await, fixture.agent("mx2", answering_later).await);
    fixture.until("protecting", protecting).await;
    let run: RunView = fixture.post("/v1/runs", &switchover()).await.ok();
    let id = run.id.as_str().to_owned();
    let drains = |run: &RunView| run.steps.iter().any(|step| step.name.contains("drain") && step.state == "asked");
    fixture.run_until(&id, "draining", drains).await;
    let other = SHOP.replace("name: forwarder", "name: other");
    let deferred: ApplyResult = fixture.post("/v1/apply", &set(&other)).await.ok();
    assert_eq!(deferred.changes[0].deferred_by.as_deref(), Some(id.as_str()));
    fixture.post("/v1/runs", &switchover()).await.problem(409, 4);
    let before: Ledger = fixture.scenario().await.ledger;
    fixture.kill();
    fixture.open().await;
    let after = fixture.scenario().await;
    assert_eq!(after.ledger, before, "what was published is what was stored");
    assert_eq!(after.status.observed_generation, 1, "the run still pins its generation");
    ANSWERING.store(true, Ordering::SeqCst);
    let done = fixture.run_done(&id).await;
    assert_eq!(done.started, run.started);
    assert!(done.steps.iter().any(|step| step.title.contains("forwarder")), "by the settings it was planned from");
    let moved = fixture.until("moved", |s| s.status.observed_generation == 2).await;
    assert_eq!(moved.ledger.active(), Some(&"dublin".into()));
    assert!(moved.ledger.epoch > Epoch(1));
}

/// Killed once after each step was begun; the fleet ends where it would have ended anyway.
#[tokio::test]
async fn a_run_ends_the_same_wherever_its_controller_is_killed() {
    let mut fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    fixture.until("protecting", protecting).await;
    let steps = fixture.post("/v1/plans", &switchover()).await.ok::<PlanView>().steps.len();
    for step in 0..steps {
        let verb = if step % 2 == 0 { Verb::Switchover } else { Verb::Switchback };
        fixture.until("ready", |s| s.status.members.iter().all(|member| member.connected)).await;
        let run = fixture.started(&RunRequest { verb, ..switchover() }).await;
        let begun = |run: &RunView| run.steps.iter().skip(step).any(|s| s.state != "untouched");
        fixture.run_until(run.id.as_str(), "begun", begun).await;
        fixture.kill();
        fixture.open().await;
        fixture.run_done(run.id.as_str()).await;
        let active = fixture.scenario().await.ledger.active().cloned();
        let expected = if step % 2 == 0 { MemberName::from("dublin") } else { MemberName::primary() };
        assert_eq!(active, Some(expected), "killed at step {step}");
    }
}

#[tokio::test]
async fn an_aborted_run_is_rolled_back() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", idle).await, fixture.agent("mx2", idle).await);
    fixture.until("protecting", protecting).await;
    let run: RunView = fixture.post("/v1/runs", &switchover()).await.ok();
    let path = format!("/v1/runs/{}/abort", run.id);
    fixture
        .post(&path, &AbortRequest { reason: Some("not today".to_owned()), ..AbortRequest::default() })
        .await
        .ok::<RunView>();
    fixture.run_until(run.id.as_str(), "rolled back", |run| run.state == RunState::RolledBack).await;
    fixture.until("protecting again", protecting).await;
    fixture.post(&path, &AbortRequest::default()).await.problem(412, 6);
    let events: List<EventView> = fixture.get("/v1/events?scenario=shop").await.ok();
    assert!(events.items.iter().any(|event| event.kind == "RunAborted" && event.message.contains("not today")));
}

/// Does all but become active.
fn lagging(spec: &model::AgentSpec) -> model::AgentStatus {
    let mut status = perfect(spec);
    let active = status.scenarios.values_mut().filter(|part| part.role == model::Role::Active);
    active.for_each(|part| part.role = model::Role::Standby);
    status
}

#[tokio::test]
async fn a_run_past_its_point_of_no_return_ends_as_it_is_and_another_goes_on() {
    let mut fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", lagging).await);
    fixture.until("protecting", protecting).await;
    let run: RunView = fixture.post("/v1/runs", &switchover()).await.ok();
    let (id, path) = (run.id.as_str(), format!("/v1/runs/{}/abort", run.id));
    let as_it_is = |reason: Option<&str>| AbortRequest { as_it_is: true, reason: reason.map(str::to_owned) };
    let crossed = |run: &RunView| run.steps.iter().any(|step| step.point_of_no_return && step.state == "asked");
    fixture.run_until(id, "past its point of no return", crossed).await;
    let problem = fixture.post(&path, &AbortRequest::default()).await.problem(412, 6);
    assert!(problem.help.iter().any(|line| line.contains("--as-it-is")), "{problem:?}");
    fixture.post(&path, &as_it_is(None)).await.problem(412, 6);
    fixture.post(&path, &as_it_is(Some("mx2 burns"))).await.ok::<RunView>();
    let stuck = fixture.run_until(id, "stuck", |run| run.state == RunState::Stuck).await;
    assert!(stuck.why.as_ref().is_some_and(|why| why.contains("mx2 burns")), "{stuck:?}");
    assert!(stuck.choices.contains(&"standin switchback shop".to_owned()), "{:?}", stuck.choices);
    fixture.kill();
    fixture.open().await;
    let events: List<EventView> = fixture.get(&format!("/v1/events?run={id}")).await.ok();
    assert!(events.items.iter().any(|event| event.kind == "RunGivenUp" && event.message.contains("mx2 burns")));
    let to = Some(MemberName::primary());
    let failover =
        RunRequest { verb: Verb::Failover, options: RunOptions { to, ..RunOptions::default() }, ..switchover() };
    let plan: PlanView = fixture.post("/v1/plans", &failover).await.ok();
    assert!(plan.blockers.iter().all(|blocker| !blocker.message.contains("holds")), "{:#?}", plan.blockers);
}
