use crate::{
    agent::perfect,
    fixture::{Fixture, SHOP, set},
    http::Watch,
};
use model::{view::EventView, view::ScenarioState};
use wire::api::{ApplyRequest, ApplyResult, List, StoredHost, StoredScenario};

#[tokio::test]
async fn a_set_is_applied_and_reaches_the_agents() {
    let fixture = Fixture::start().await;
    let mut watch = Watch::open(&fixture.socket(), "kind=scenario").await;
    let result = fixture.apply(SHOP).await;
    assert_eq!((result.changes.len(), result.unchanged), (3, 0));
    let (mx1, mx2) = (fixture.agent("mx1", perfect).await, fixture.agent("mx2", perfect).await);
    let shop = fixture.until("protecting", |s| s.status.state == ScenarioState::Protecting).await;
    assert_eq!(shop.metadata.generation, Some(1));
    assert_eq!(shop.status.active.unwrap().cause, "initial");
    let spec = mx1.specs.borrow().clone().unwrap();
    let stream = &spec.scenarios[&"shop".into()].streams[0];
    assert_eq!((stream.address.as_str(), stream.peer_key.is_some()), ("127.0.0.1:7002", true));
    assert!(mx2.specs.borrow().is_some());
    let protecting = |event: &wire::api::WatchEvent| {
        event.scenario.as_ref().is_some_and(|s| s.status.state == ScenarioState::Protecting)
    };
    watch.until(protecting).await;
    let hosts: List<StoredHost> = fixture.get("/v1/hosts").await.ok();
    assert!(hosts.items.iter().all(|host| host.status.joined && host.status.version.as_deref() == Some("0.1.0")));
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    let kinds: Vec<_> = events.items.iter().map(|event| event.kind.as_str()).collect();
    for kind in ["ManifestApplied", "TokenCreated", "AgentJoined", "AgentConnected", "ConditionChanged"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
}

#[tokio::test]
async fn one_bad_document_and_nothing_is_applied() {
    let fixture = Fixture::start().await;
    let bad = SHOP.replace("primary:\n    host: mx1", "primary:\n    host: mx9");
    let problem = fixture.post("/v1/apply", &set(&bad)).await.problem(422, 1);
    assert!(!problem.findings.is_empty() && problem.findings[0]["range"]["start"]["line"].is_u64());
    let hosts: List<StoredHost> = fixture.get("/v1/hosts").await.ok();
    assert!(hosts.items.is_empty(), "the good documents neither");
    fixture.get("/v1/scenarios/shop").await.problem(404, 1);
    fixture.post("/v1/apply", &"not a request").await.problem(400, 2);
    fixture.get("/v1/nothing").await.problem(404, 1);
}

#[tokio::test]
async fn what_is_equal_keeps_its_generation() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let again = fixture.apply(SHOP).await;
    assert_eq!((again.changes.len(), again.unchanged), (0, 3));
    let changed = SHOP.replace("name: forwarder", "name: switch");
    let diff: ApplyResult = fixture.post("/v1/diff", &set(&changed)).await.ok();
    assert_eq!((diff.changes[0].generation_before, diff.changes[0].generation), (Some(1), 2));
    assert_eq!(fixture.scenario().await.metadata.generation, Some(1), "a diff stores nothing");
    let dry = ApplyRequest { dry_run: true, ..set(&changed) };
    fixture.post("/v1/apply", &dry).await.ok::<ApplyResult>();
    assert_eq!(fixture.scenario().await.metadata.generation, Some(1));
    fixture.apply(&changed).await;
    assert_eq!(fixture.scenario().await.metadata.generation, Some(2));
}

#[tokio::test]
async fn a_set_that_rests_on_something_older_is_a_conflict() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let version = fixture.scenario().await.metadata.resource_version.unwrap();
    let changed = |point: &str| SHOP.replace("name: forwarder", &format!("name: {point}"));
    let stated = |text: &str| {
        text.replace("metadata: {name: shop}", &format!("metadata: {{name: shop, resourceVersion: \"{version}\"}}"))
    };
    let diff: ApplyResult = fixture.post("/v1/diff", &set(&changed("a"))).await.ok();
    fixture.apply(&stated(&changed("b"))).await;
    fixture.post("/v1/apply", &set(&stated(&changed("c")))).await.problem(409, 4);
    let expecting = ApplyRequest { expect: Some(diff.digest), ..set(&changed("a")) };
    fixture.post("/v1/apply", &expecting).await.problem(409, 4);
    let diff: ApplyResult = fixture.post("/v1/diff", &set(&changed("a"))).await.ok();
    let expecting = ApplyRequest { expect: Some(diff.digest), ..set(&changed("a")) };
    fixture.post("/v1/apply", &expecting).await.ok::<ApplyResult>();
}

#[tokio::test]
async fn replicated_data_is_given_up_only_by_name() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let smaller = SHOP
        .replace("      - {name: archive, path: /srv/archive}\n  replicas", "  replicas")
        .replace("        - {name: archive, path: /srv/archive}\n", "");
    let problem = fixture.post("/v1/apply", &set(&smaller)).await.problem(412, 6);
    assert!(problem.help.iter().any(|help| help.contains("--allow-destroy scenario/shop/root/archive")), "{problem:?}");
    assert_eq!(fixture.scenario().await.spec.primary.roots.len(), 2);
    let allow_destroy = vec!["scenario/shop/root/archive".to_owned()];
    fixture.post("/v1/apply", &ApplyRequest { allow_destroy, ..set(&smaller) }).await.ok::<ApplyResult>();
    assert_eq!(fixture.scenario().await.spec.primary.roots.len(), 1);
}

#[tokio::test]
async fn a_member_with_a_role_stays_where_it_is() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let moved = SHOP.replace("primary:\n    host: mx1", "primary:\n    host: mx3")
        + "---\napiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: mx3}\nspec: {replicationAddress: 127.0.0.1:7003}\n";
    fixture.post("/v1/apply", &set(&moved)).await.problem(412, 6);
    fixture.get("/v1/hosts/mx3").await.problem(404, 1);
}

#[tokio::test]
async fn a_set_cannot_contradict_what_is_stored() {
    let fixture = Fixture::start().await;
    fixture.apply(SHOP).await;
    let other = SHOP.rsplit_once("---").unwrap().1.replace("metadata: {name: shop}", "metadata: {name: twin}");
    let problem = fixture.post("/v1/apply", &set(&other)).await.problem(422, 1);
    assert!(problem.findings.iter().all(|f| f["code"] == "DR0212" && f["file"] == "shop.yaml"), "{problem:?}");
    let scenarios: List<StoredScenario> = fixture.get("/v1/scenarios").await.ok();
    assert_eq!(scenarios.items.len(), 1);
}
