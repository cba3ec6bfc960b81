//! An apply shows, asks, sends what was shown, and waits for the truth.
#![allow(clippy::unwrap_used)]

mod support;

use model::view::{Health, ScenarioState};
use support::{Answer, FakeController, stored};
use wire::api::{ApplyResult, Effect, FieldChange, List, ObjectChange, StoredHost, WatchEvent};

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
