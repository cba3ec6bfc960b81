//! RecoveryPlans: stored like the others, followed when they are named.

use crate::{
    agent::{idle, perfect},
    fixture::{Fixture, SHOP, set, switchover},
};
use model::{
    MemberName,
    view::{EventView, PlanView, RunState, RunView, Verb},
};
use wire::api::{AbortRequest, ApplyResult, List, PlanManifest, ResumeRequest, RunOptions, RunRequest, StoredPlan};

const PLAN: &str = r"
apiVersion: standin/v1alpha1
kind: RecoveryPlan
metadata: {name: shop-quiet}
spec:
  scenario: shop
  purpose: switchover
  parameters:
    - {name: ticket, type: text, required: true}
  steps:
    - {name: ask, approve: {message: The help desk knows?}}
    - {name: announce, host: active, run: {command: [announce, {fromParameter: ticket}]}}
    - {name: stop, stopServices: {}}
    - {name: drain, waitForDrain: {}}
    - {name: make-active, setActive: {}}
    - {name: start, startServices: {}}
    - {name: forwarder, redirect: {apply: [forwarder]}}
";

fn with_plan(options: RunOptions) -> RunRequest {
    RunRequest { options: RunOptions { plan: Some("shop-quiet".into()), ..options }, ..switchover() }
}

fn ticket() -> RunOptions {
    RunOptions { parameters: [("ticket".to_owned(), "OPS-12".to_owned())].into(), ..RunOptions::default() }
}

async fn protected(fixture: &Fixture) {
    fixture
        .until("protecting", |s| s.status.conditions.iter().any(|c| c.kind == "Protected" && c.status == "True"))
        .await;
}

#[tokio::test]
async fn a_plan_is_stored_shown_followed_and_asks() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let (_mx1, mx2) = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    let applied = fixture.apply(PLAN).await;
    assert_eq!((applied.changes.len(), applied.changes[0].generation), (1, 1));
    assert!(fixture.apply(PLAN).await.changes.is_empty());
    let plans: List<StoredPlan> = fixture.get("/v1/plans").await.ok();
    assert_eq!(plans.items[0].spec.steps.len(), 7);
    fixture.get("/v1/plans/none").await.problem(404, 1);
    protected(&fixture).await;

    fixture.post("/v1/plans", &with_plan(RunOptions::default())).await.ok::<PlanView>();
    let problem = fixture.post("/v1/runs", &with_plan(RunOptions::default())).await.problem(412, 6);
    assert!(problem.facts.contains(&"the parameter ticket is not given".to_owned()), "{problem:?}");
    let parameters = [("tikcet".to_owned(), "x".to_owned())].into();
    let unknown = RunOptions { parameters, ..RunOptions::default() };
    let problem = fixture.post("/v1/plans", &with_plan(unknown)).await.problem(400, 2);
    assert!(problem.facts.iter().any(|fact| fact.contains("ticket")), "{problem:?}");
    let other = RunOptions { plan: Some("shop-quite".into()), ..RunOptions::default() };
    let problem = fixture.post("/v1/plans", &RunRequest { options: other, ..switchover() }).await.problem(400, 2);
    assert!(problem.facts.iter().any(|fact| fact.contains("shop-quiet")), "{problem:?}");

    let shown: PlanView = fixture.post("/v1/plans", &with_plan(ticket())).await.ok();
    assert!(shown.blockers.is_empty(), "{shown:#?}");
    let held = RunRequest {
        expect_revision: Some(shown.ledger_revision),
        expect_plan: shown.plan.clone(),
        ..with_plan(ticket())
    };
    fixture.apply(&PLAN.replace("knows?", "knows it?")).await;
    let problem = fixture.post("/v1/runs", &held).await.problem(409, 4);
    assert!(problem.facts.iter().any(|fact| fact.contains("generation 2")), "{problem:?}");
    let shown: PlanView = fixture.post("/v1/plans", &with_plan(ticket())).await.ok();
    let run: RunView = fixture.post("/v1/runs", &RunRequest { expect_plan: shown.plan, ..held }).await.ok();
    let id = run.id.as_str();
    let asking = fixture.run_until(id, "asking", |run| run.question.is_some()).await;
    assert_eq!((asking.state, asking.question.as_deref()), (RunState::Paused, Some("The help desk knows it?")));
    assert_eq!(asking.choices[0], format!("standin run resume {id} --step 1"));
    let resume = format!("/v1/runs/{id}/resume");
    let shown = |step: &str| ResumeRequest { step: Some(step.to_owned()), ..ResumeRequest::default() };
    fixture.post(&resume, &ResumeRequest::default()).await.problem(412, 6);
    fixture.post(&resume, &shown("2")).await.problem(409, 4);
    fixture.post(&resume, &shown("1")).await.ok::<RunView>();
    let done = fixture.run_done(id).await;
    assert_eq!(done.plan.unwrap().generation, 2);
    assert_eq!(done.steps[0].note, asking_note(&fixture, id).await);
    fixture.until("over", |s| s.ledger.active() == Some(&MemberName::from("dublin"))).await;
    assert!(mx2.specs.borrow().as_ref().unwrap().scenarios[&"shop".into()].errands.is_empty());
}

/// Who approved is in the log; the events tell that somebody was asked.
async fn asking_note(fixture: &Fixture, id: &str) -> String {
    let events: List<EventView> = fixture.get(&format!("/v1/events?run={id}")).await.ok();
    let asked = events.items.iter().find(|event| event.kind == "ApprovalWanted").expect("nobody was told");
    assert!(asked.message.contains("The help desk knows it?"), "{}", asked.message);
    let resumed = events.items.iter().find(|event| event.kind == "RunResumed").unwrap();
    let by = resumed.message.split(" resumed").next().unwrap();
    format!("approved by {by}")
}

#[tokio::test]
async fn a_run_that_asks_survives_a_kill_and_can_be_aborted() {
    let mut fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", idle).await, fixture.agent("mx2", idle).await);
    fixture.apply(PLAN).await;
    protected(&fixture).await;
    let run = fixture.started(&with_plan(ticket())).await;
    let id = run.id.as_str();
    fixture.run_until(id, "asking", |run| run.question.is_some()).await;
    fixture.kill();
    fixture.open().await;
    fixture.run_until(id, "asking still", |run| run.question.is_some()).await;
    fixture.post(&format!("/v1/runs/{id}/abort"), &AbortRequest::default()).await.ok::<RunView>();
    fixture.run_until(id, "rolled back", |run| run.state == RunState::RolledBack).await;
}

#[tokio::test]
async fn the_plan_of_a_scenario_is_followed_unless_another_is_named() {
    let fixture = Fixture::start().await;
    let unasked = PLAN.replace("    - {name: ask, approve: {message: The help desk knows?}}\n", "");
    let unasked = unasked.replace("required: true", "default: none");
    let followed = SHOP.replace("  redirection:", "  switchover: {plan: shop-quiet}\n  redirection:");
    fixture.post("/v1/apply", &set(&followed)).await.problem(422, 1);
    let both: ApplyResult = fixture.apply(&format!("{followed}---{unasked}")).await;
    assert_eq!(both.changes.len(), 4);
    let _agents = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    protected(&fixture).await;
    let plan: PlanView = fixture.post("/v1/plans", &switchover()).await.ok();
    assert!(plan.title.ends_with("plan shop-quiet") && plan.steps[0].name == "announce", "{plan:#?}");
    let built_in = RunOptions { plan: Some("built-in".into()), ..RunOptions::default() };
    let built_in = RunRequest { options: built_in, ..switchover() };
    let plan: PlanView = fixture.post("/v1/plans", &built_in).await.ok();
    assert!(plan.plan.is_none() && plan.steps[0].name == "stop services", "{plan:#?}");
    fixture.post("/v1/plans", &RunRequest { verb: Verb::Suspend, ..built_in.clone() }).await.ok::<PlanView>();
    fixture.post("/v1/plans", &RunRequest { verb: Verb::Failover, ..with_plan(ticket()) }).await.problem(400, 2);

    // What is followed may not be made one for another scenario or verb, nor may its scenario lose what it names.
    let wrong = unasked.replace("purpose: switchover", "purpose: switchback");
    fixture.post("/v1/apply", &set(&wrong)).await.problem(422, 1);
    let renamed = followed.replace("name: forwarder", "name: other");
    let problem = fixture.post("/v1/apply", &set(&renamed)).await.problem(422, 1);
    assert!(problem.findings.iter().any(|finding| finding["code"] == "DR0231"), "{problem:#?}");
}

#[tokio::test]
async fn a_built_in_plan_printed_and_applied_orders_the_same() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let _agents = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    protected(&fixture).await;
    let printed: PlanManifest = fixture.post("/v1/plan-manifest", &switchover()).await.ok();
    let metadata = model::Metadata { name: printed.name.0.clone(), ..model::Metadata::default() };
    let text = manifest::to_yaml(&model::Object::RecoveryPlan(metadata, printed.spec.clone()));
    assert_eq!(fixture.apply(&text).await.changes.len(), 1);
    let again: PlanManifest = fixture.post("/v1/plan-manifest", &switchover()).await.ok();
    assert_eq!(again.spec, printed.spec);
    let titles = |plan: PlanView| plan.steps.into_iter().map(|step| step.title).collect::<Vec<_>>();
    let by_itself: PlanView = fixture.post("/v1/plans", &switchover()).await.ok();
    let named = RunOptions { plan: Some(printed.name), ..RunOptions::default() };
    let by_manifest: PlanView = fixture.post("/v1/plans", &RunRequest { options: named, ..switchover() }).await.ok();
    assert!(by_manifest.blockers.is_empty());
    assert_eq!(titles(by_itself), titles(by_manifest));
    fixture.post("/v1/plan-manifest", &RunRequest { verb: Verb::Failover, ..switchover() }).await.problem(400, 2);
}
