//! A controller whose state was restored from an older copy: agents know better, and nothing is undone by it.

use crate::{
    agent::{Agent, perfect},
    fixture::{Fixture, SHOP, switchover},
};
use model::{
    AgentSpec, Role,
    view::{EventView, RunView, ScenarioState, Verb},
};
use std::{path::Path, process::Command};
use wire::api::{List, RunRequest, StoredScenario};

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn protecting(s: &StoredScenario) -> bool {
    s.status.state == ScenarioState::Protecting
}

/// Two agents and a controller that was set back to before it carried out `verbs`.
async fn set_back(verbs: &[Verb]) -> (Fixture, [Agent; 2]) {
    let mut fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let agents = [fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await];
    fixture.until("protecting", protecting).await;
    let (state, copied) = (fixture.temp.path().join("state"), fixture.temp.path().join("copy"));
    fixture.kill();
    copy(&state, &copied);
    fixture.open().await;
    for verb in verbs {
        fixture.until("here", |s| s.status.members.iter().all(|member| member.connected)).await;
        let run = fixture.started(&RunRequest { verb: *verb, ..switchover() }).await;
        fixture.run_done(run.id.as_str()).await;
    }
    fixture.kill();
    copy(&copied, &state);
    (fixture, agents)
}

fn held(agent: &Agent) -> AgentSpec {
    agent.specs.borrow().clone().unwrap()
}

#[tokio::test]
async fn a_restored_controller_goes_on_above_the_revisions_its_agents_hold() {
    let (mut fixture, agents) = set_back(&[Verb::Suspend, Verb::Resume, Verb::Suspend]).await;
    let before = held(&agents[0]);
    assert!(before.scenarios[&"shop".into()].suspended);
    fixture.open().await;
    fixture.until("protecting", protecting).await;
    let mut specs = agents[0].specs.clone();
    let taken = |spec: &Option<AgentSpec>| spec.as_ref().is_some_and(|spec| !spec.scenarios[&"shop".into()].suspended);
    let after = specs.wait_for(taken).await.unwrap().clone().unwrap();
    assert!(after.revision > before.revision);
    let run = fixture.started(&switchover()).await;
    fixture.run_done(run.id.as_str()).await;
}

#[tokio::test]
async fn a_restored_controller_orders_nothing_while_an_agent_knows_a_later_epoch() {
    let (mut fixture, agents) = set_back(&[Verb::Switchover]).await;
    fixture.open().await;
    let outdated = |s: &StoredScenario| s.status.conditions.iter().any(|condition| condition.reason == "StateOutdated");
    let here = |s: &StoredScenario| s.status.members.iter().all(|member| member.connected);
    fixture.until("outdated", |s| outdated(s) && here(s)).await;
    let before = [held(&agents[0]), held(&agents[1])];
    for verb in [Verb::Switchover, Verb::Failover, Verb::Suspend] {
        let problem = fixture.post("/v1/runs", &RunRequest { verb, ..switchover() }).await.problem(412, 6);
        assert!(problem.facts.iter().any(|fact| fact.contains("knows epoch 2")), "{problem:?}");
    }
    // Other settings would be published otherwise.
    fixture.apply(&SHOP.replace("name: forwarder", "name: other")).await;
    fixture.until("outdated", outdated).await;
    assert_eq!([held(&agents[0]), held(&agents[1])], before, "nothing was ordered");
    assert_eq!(before[1].scenarios[&"shop".into()].role, Role::Active);
    let events: List<EventView> = fixture.get("/v1/events?scenario=shop").await.ok();
    let told = events.items.iter().filter(|event| event.kind == "StateOutdated");
    assert_eq!(told.count(), 1, "told once");
    let runs: List<RunView> = fixture.get("/v1/runs").await.ok();
    assert!(runs.items.is_empty());
}
