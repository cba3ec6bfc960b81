//! An apply shows, asks, sends what was shown, and waits for the truth.
#![allow(clippy::unwrap_used)]

mod support;

use model::view::{Health, ScenarioState};
use support::{Answer, FakeController, stored};
use wire::api::{
    ApplyResult, Effect, FieldChange, List, ObjectChange, StoredHost, StoredPlan, StoredScenario, WatchEvent,
};

const HOST: &str =
    "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: mx1}\nspec: {replicationAddress: 10.0.0.1}\n";

/// A controller to which an apply is one change, and a file with the manifest.
fn applying() -> (FakeController, tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("host.yaml");
    std::fs::write(&file, HOST).unwrap();
    let change = ObjectChange {
        kind: model::Kind::Scenario,
        name: "mail".into(),
        file: "mail.yaml".into(),
        generation_before: Some(1),
        generation: 2,
        fields: vec![FieldChange { path: "spec.x".into(), effect: Effect::Live, ..FieldChange::default() }],
        deferred_by: None,
        removed: false,
    };
    let result = ApplyResult { changes: vec![change], unchanged: 1, digest: "d1".into(), ..ApplyResult::default() };
    let controller = FakeController::start();
    controller.json("GET /v1/hosts", &List::<StoredHost>::new(Vec::new()));
    controller.json("GET /v1/scenarios", &List::<StoredScenario>::new(Vec::new()));
    controller.json("GET /v1/plans", &List::<StoredPlan>::new(Vec::new()));
    controller.json("POST /v1/diff", &result).json("POST /v1/apply", &result);
    (controller, dir, file.display().to_string())
}

#[test]
fn an_apply_needs_a_yes_and_sends_what_was_shown() {
    let (controller, _dir, file) = applying();
    let said = controller.run(&["diff", "-f", &file]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    assert_eq!(controller.run(&["diff", "-f", &file, "--exit-zero"]).code, Some(0));
    let said = controller.run(&["apply", "-f", &file]);
    assert_eq!(said.code, Some(6));
    assert!(said.err.contains(&format!("help: standin apply -f {file} --yes")), "{}", said.err);
    assert!(controller.asked("POST /v1/apply").is_empty());
    let said = controller.run(&["apply", "-f", &file, "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("~ Scenario/mail   changed, generation 2"), "{}", said.out);
    let sent: serde_json::Value = serde_json::from_str(&controller.asked("POST /v1/apply")[0]).unwrap();
    assert_eq!((&sent["expect"], &sent["dryRun"]), (&"d1".into(), &false.into()));
}

#[test]
fn a_bad_manifest_is_not_sent() {
    let (controller, _dir, file) = applying();
    std::fs::write(&file, HOST.replace("spec:", "sepc:")).unwrap();
    let said = controller.run(&["apply", "-f", &file, "--yes"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("error[DR") && said.err.contains("nothing was changed"), "{}", said.err);
    assert!(controller.asked("POST /v1/diff").is_empty() && controller.asked("POST /v1/apply").is_empty());
}

#[test]
fn waiting_after_an_apply_ends_with_the_truth() {
    let wait = |first: ScenarioState, then: ScenarioState, more: &[&str]| {
        let (controller, _dir, file) = applying();
        controller.json("GET /v1/scenarios", &List::new(vec![stored(first, Health::Ok)]));
        let scenario = Some(stored(then, Health::Ok));
        let seen = serde_json::to_string(&WatchEvent { scenario, ..WatchEvent::default() }).unwrap();
        controller.on("GET /v1/watch?kind=scenario", Answer::Events(vec![seen]));
        let mut args = vec!["apply", "-f", &file, "--yes", "--wait"];
        args.extend(more);
        controller.run(&args)
    };
    use ScenarioState::{Halted, Protecting, Synchronizing};
    let said = wait(Synchronizing, Protecting, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("mail: protected"), "{}", said.err);
    let said = wait(Synchronizing, Protecting, &["-q"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let said = wait(Synchronizing, Halted, &["--quiet"]);
    assert_eq!(said.code, Some(5));
    assert!(said.err.starts_with("error: mail was applied"), "{}", said.err);
    assert_eq!(wait(Synchronizing, Halted, &[]).code, Some(5), "it cannot succeed any more");
    let said = wait(Synchronizing, Synchronizing, &["--timeout", "200ms"]);
    assert_eq!(said.code, Some(7));
    assert!(said.err.contains("what was applied stays applied"), "{}", said.err);
}

#[test]
fn a_plan_is_saved_and_sent_back_as_it_was_made() {
    let (controller, dir, file) = applying();
    let made = wire::api::Plan { id: "p-1".into(), seal: "s".into(), made: model::Timestamp(5), ..Default::default() };
    let planned = ApplyResult { plan: Some(made.clone()), digest: "d1".into(), ..ApplyResult::default() };
    controller.json("POST /v1/diff", &planned);
    let at = |name: &str| dir.path().join(name).display().to_string();
    controller.run(&["diff", "-f", &file]); // takes the answer that was there before
    let said = controller.run(&["diff", "-f", &file, "--out", &at("plan.json"), "-o", "json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.out.contains("seal"), "the plan is in its file alone: {}", said.out);
    let said = controller.run(&["diff", "-f", &file, "--out", &file]);
    assert!(said.code == Some(2) && said.err.contains("is no plan"), "a manifest is not overwritten: {}", said.err);
    let said = controller.run(&["apply", &at("plan.json"), "--yes"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let sent: wire::api::ApplyRequest = serde_json::from_str(&controller.asked("POST /v1/apply")[0]).unwrap();
    assert_eq!((sent.plan, sent.files[0].text.as_str()), (Some(made), HOST));
}

#[test]
fn what_is_no_plan_is_malformed() {
    let (controller, dir, file) = applying();
    let other = dir.path().join("x.json");
    let refused = |path: &str, told: &str| {
        let said = controller.run(&["apply", path, "--yes"]);
        assert!(said.code == Some(2) && said.err.contains(told), "{told}: {}", said.err);
    };
    refused(&file, "is not a saved plan");
    refused(&dir.path().display().to_string(), "it is a directory");
    for (text, told) in [
        ("{}", "does not say so"),
        (r#"{"schema":"standin.plan/v2"}"#, "of another release: standin.plan/v2"),
        (r#"{"schema":"standin.plan/v1","plan":7}"#, "is not a saved plan"),
    ] {
        std::fs::write(&other, text).unwrap();
        refused(&other.display().to_string(), told);
    }
    assert!(controller.asked("POST /v1/apply").is_empty());
}

#[test]
fn a_deletion_shows_what_stays_and_names_the_version_it_saw() {
    let controller = FakeController::start();
    let mut item = stored(ScenarioState::Protecting, Health::Ok);
    item.metadata.resource_version = Some("7".into());
    controller.json("GET /v1/scenarios/mail", &item);
    let done = wire::api::Deleted { kind: model::Kind::Scenario, name: "mail".into(), generation: 3 };
    controller.json("POST /v1/delete", &done);
    let said = controller.run(&["delete", "sc", "mail"]);
    assert_eq!(said.code, Some(6));
    assert!(said.err.contains("help: standin delete sc mail --confirm mail"), "{}", said.err);
    assert!(controller.asked("POST /v1/delete").is_empty());
    let said = controller.run(&["delete", "scenario", "mail", "--confirm", "mail"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "- Scenario/mail   deleted, generation 3\n"));
    assert!(controller.asked("POST /v1/delete")[0].contains(r#""expect":"7""#));
}

#[test]
fn what_is_destroyed_is_refused_before_anybody_is_asked() {
    let (_, _dir, file) = applying();
    let lost = FieldChange { gives_up: Some("scenario/mail/root/x".into()), ..FieldChange::default() };
    let change = ObjectChange {
        kind: model::Kind::Scenario,
        name: "mail".into(),
        file: file.clone(),
        generation_before: Some(1),
        generation: 2,
        fields: vec![FieldChange { effect: Effect::Destroys, ..lost }],
        deferred_by: None,
        removed: false,
    };
    let problem = wire::api::Problem { message: "gives up".into(), exit: 6, ..Default::default() };
    let controller = FakeController::start();
    controller.json("GET /v1/hosts", &List::<StoredHost>::new(Vec::new()));
    controller.json("POST /v1/diff", &ApplyResult { changes: vec![change], ..ApplyResult::default() });
    controller.on("POST /v1/apply", Answer::Json(412, serde_json::to_string(&problem).unwrap()));
    let said = controller.run(&["apply", "-f", &file]);
    assert!(said.code == Some(6) && said.err.contains("gives up"), "{}", said.err);
    let asked = controller.asked("POST /v1/apply");
    assert!(asked.len() == 1 && asked[0].contains(r#""dryRun":true"#), "{asked:?}");
}

#[test]
fn a_saved_plan_takes_no_overlay() {
    let (controller, _dir, file) = applying();
    let said = controller.run(&["apply", &file, "--overlay", "production"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("--overlay") && controller.asked("POST /v1/diff").is_empty(), "{}", said.err);
}
