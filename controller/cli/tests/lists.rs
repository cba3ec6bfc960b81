//! Lists: their columns, their order and their forms.
#![allow(clippy::unwrap_used)]

mod support;

use model::view::{EventView, Health, RunView, ScenarioState};
use support::{Answer, FakeController, Looking, stored};
use wire::api::{List, StoredScenario, WatchEvent};

#[test]
fn a_list_has_the_columns_asked_for_and_is_csv() {
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios", &List::new(vec![stored(ScenarioState::Protecting, Health::Degraded)]));
    let said = controller.run(&["get", "scenarios", "--columns", "Health,name,spool"]);
    assert_eq!((said.code, said.out.lines().next()), (Some(0), Some("HEALTH     NAME   SPOOL")), "{}", said.err);
    let said = controller.run(&["get", "sc", "-o", "csv", "--columns", "name,health"]);
    assert_eq!(said.out, "name,health\nmail,degraded\n");
    let said = controller.run(&["get", "sc", "-o", "csv", "--columns", "name", "--no-headers"]);
    assert_eq!(said.out, "mail\n");
    let said = controller.run(&["get", "sc", "--columns", "name,colour"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("there is no column \"colour\"; there are name, state, health"), "{}", said.err);
    let at =
        EventView { id: 1, at: model::Timestamp(1_795_163_582_250), message: "a, b".into(), ..EventView::default() };
    controller.json("GET /v1/events", &List::new(vec![at]));
    let said = controller.run(&["events", "-o", "csv", "--columns", "time,message"]);
    assert_eq!(said.out, "time,message\n2026-11-20T08:33:02Z,\"a, b\"\n");
}

#[test]
fn a_list_is_sorted_in_every_form() {
    let controller = FakeController::start();
    let named = |name: &str, health| {
        let mut item = stored(ScenarioState::Protecting, health);
        item.metadata.name = name.into();
        item
    };
    let all = vec![named("a", Health::Failed), named("b", Health::Ok), named("c", Health::Degraded)];
    controller.json("GET /v1/scenarios", &List::new(all));
    let said = controller.run(&["get", "scenarios", "--sort-by", "health", "-o", "name"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "scenario/b\nscenario/c\nscenario/a\n"));
    let said = controller.run(&["get", "scenarios", "--sort-by", "health", "-o", "json"]);
    let list: List<StoredScenario> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(list.items.iter().map(|item| item.metadata.name.as_str()).collect::<String>(), "bca");
    let said = controller.run(&["get", "scenarios", "--no-headers"]);
    let first: String = said.out.lines().filter_map(|line| line.chars().next()).collect();
    assert_eq!(first, "abc", "unasked, as the controller lists them");
}

#[test]
fn events_of_one_type_are_listed_and_watched() {
    let controller = FakeController::start();
    let event = |id, kind: &str| EventView { id, kind: kind.into(), severity: "info".into(), ..EventView::default() };
    let all = vec![event(1, "RunStarted"), event(2, "AgentSilent"), event(3, "RunStartedAgain")];
    for asked in ["runstarted", "Run", "RunStarted"] {
        controller.json(&format!("GET /v1/events?kind={asked}"), &List::new(all.clone()));
    }
    let ids = |text: &str| -> Vec<u64> {
        let list: List<serde_json::Value> = serde_json::from_str(text).unwrap();
        list.items.iter().map(|item| item["id"].as_u64().unwrap()).collect()
    };
    let said = controller.run(&["events", "--type", "runstarted", "-o", "json"]);
    assert_eq!((said.code, ids(&said.out)), (Some(0), vec![1]));
    let said = controller.run(&["events", "--type", "Run"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", "no events\n"));

    let change = |id, kind: &str| {
        serde_json::to_string(&WatchEvent { event: Some(event(id, kind)), ..WatchEvent::default() }).unwrap()
    };
    let changes = vec![change(4, "AgentSilent"), change(5, "RunStarted")];
    controller.on("GET /v1/watch?kind=event", Answer::Events(changes));
    let args = ["events", "-w", "--type", "RunStarted", "-o", "json"];
    let mut child = Looking::at(&controller, &args);
    assert!(child.line().contains(r#""id":1,"#));
    assert!(child.line().contains(r#""id":5,"#), "4 is of another type");
}

#[test]
fn verbose_tells_what_is_asked_on_stderr() {
    let controller = FakeController::start();
    controller.json("GET /v1/runs", &List::<RunView>::new(Vec::new()));
    assert_eq!(controller.run(&["get", "runs", "-o", "name"]).err, "no runs\n");
    let said = controller.run(&["get", "runs", "-o", "name", "-v"]);
    assert!(said.err.contains("the controller answered") && said.err.contains("/v1/runs"), "{}", said.err);
    assert_eq!(said.out, "");
}
