//! What a controller answers becomes an exit code and words; a run is followed to its end.
#![allow(clippy::unwrap_used)]

mod support;

use model::{
    Object,
    errand::Comparison,
    object::API_VERSION,
    view::{BlockerView, Health, PlanView, RunState, RunView, ScenarioState, StepView},
};
use std::{io::Read, process::Command};
use support::{Answer, FakeController, Looking, said, standin, stored};
use wire::api::{List, Problem, StoredHost, StoredPlan, StoredScenario, WatchEvent};

fn plan() -> PlanView {
    let step = StepView { path: "1".into(), name: "fence".into(), title: "fence mx1".into(), ..StepView::default() };
    PlanView {
        scenario: "mail".into(),
        verb: "switchover".into(),
        title: "mx1 -> dublin (mx2)".into(),
        ledger_revision: 7,
        checks: vec!["mx1 and mx2 connected".into()],
        steps: vec![step],
        ..PlanView::default()
    }
}

fn run(state: RunState, step: &str) -> RunView {
    let step = StepView { path: "1".into(), name: "fence".into(), state: step.into(), ..StepView::default() };
    RunView {
        id: "r-1".into(),
        scenario: "mail".into(),
        verb: "switchover".into(),
        state,
        steps: vec![step],
        true_now: vec!["mail is active on mx2.".into()],
        choices: vec!["standin switchback mail".into()],
        ..RunView::default()
    }
}

fn event(run: RunView) -> String {
    serde_json::to_string(&WatchEvent { run: Some(run), ..WatchEvent::default() }).unwrap()
}

const WATCH: &str = "GET /v1/watch?kind=run&name=r-1";
const SWITCHOVER: [&str; 4] = ["switchover", "mail", "--confirm", "mail"];

/// A controller on which a switchover starts and then ends as `last` says.
fn switching(last: RunView) -> FakeController {
    let controller = FakeController::start();
    controller.json("POST /v1/plans", &plan()).json("POST /v1/runs", &run(RunState::Running, "asked"));
    controller.json("GET /v1/runs/r-1", &run(RunState::Running, "asked"));
    controller.on(WATCH, Answer::Events(vec![event(last)]));
    controller
}

#[test]
fn a_switchover_is_shown_started_and_followed() {
    let controller = switching(run(RunState::Done, "reached"));
    let said = controller.run(&SWITCHOVER);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for words in ["✓ mx1 and mx2 connected", "fence mx1", "r-1 step 1/1 fence started", "r-1 step 1/1 fence ok"] {
        assert!(said.out.contains(words), "{words} is not in {}", said.out);
    }
    assert!(
        said.out.contains("true now   mail is active on mx2.")
            && said.out.contains("next       standin switchback mail")
    );
    let sent: serde_json::Value = serde_json::from_str(&controller.asked("POST /v1/runs")[0]).unwrap();
    assert_eq!(sent["expectRevision"], 7, "what was shown is what is started");
}

#[test]
fn the_end_of_a_run_decides_the_code() {
    for state in [RunState::Paused, RunState::RolledBack, RunState::Stuck] {
        let said = switching(run(state, "failed")).run(&SWITCHOVER);
        assert_eq!(said.code, Some(5), "{state:?}");
        assert!(said.err.contains("true now   mail is active on mx2."), "{}", said.err);
        assert!(said.err.contains("choices    standin switchback mail"), "{}", said.err);
    }
}

#[test]
fn machine_output_holds_nothing_else() {
    let mut args = SWITCHOVER.to_vec();
    args.extend(["-o", "json"]);
    let said = switching(run(RunState::Done, "reached")).run(&args);
    let result: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &result["schema"], &result["state"]), (Some(0), &"standin.run/v1".into(), &"done".into()));
    args[5] = "jsonl";
    let said = switching(run(RunState::Done, "reached")).run(&args);
    let lines: Vec<serde_json::Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], serde_json::json!({"schema": "standin.run/v1"}));
    let events: Vec<&str> = lines[1..].iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["runStarted", "stepStarted", "stepFinished", "runFinished"]);
}

#[test]
fn a_run_can_be_left_by_time_and_by_ctrl_c() {
    let still = || {
        let controller = switching(run(RunState::Running, "asked"));
        (controller.socket(), controller)
    };
    let (_, controller) = still();
    let mut args = SWITCHOVER.to_vec();
    args.extend(["--timeout", "100ms"]);
    let said = controller.run(&args);
    assert_eq!(said.code, Some(7));
    assert!(said.err.contains("standin run attach r-1") && said.err.contains("standin run abort r-1"), "{}", said.err);

    let (socket, _controller) = still();
    let mut child = standin(&socket, &SWITCHOVER).spawn().unwrap();
    let mut shown = String::new();
    let out = child.stdout.as_mut().unwrap();
    let mut byte = [0];
    while !shown.contains("fence started") && out.read(&mut byte).unwrap() > 0 {
        shown.push(char::from(byte[0]));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let said = support::Said::from(child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(7));
    assert!(said.err.contains("Detached. Run r-1 (switchover mail) goes on."), "{}", said.err);

    let (_, controller) = still();
    let mut args = SWITCHOVER.to_vec();
    args.push("--wait=false");
    let said = controller.run(&args);
    assert_eq!((said.code, said.out.lines().last()), (Some(0), Some("r-1")));
}

#[test]
fn refusals_name_reason_and_way() {
    let controller = FakeController::start();
    let blocker = BlockerView {
        message: "mx1 does not answer, so nothing can be drained".into(),
        facts: vec!["mx1 silent for 2m".into()],
        help: vec!["standin failover mail --to dublin --allow-data-loss --confirm mail".into()],
        ..BlockerView::default()
    };
    let blocked = PlanView { blockers: vec![blocker], ..plan() };
    controller.json("POST /v1/plans", &blocked);
    let said = controller.run(&SWITCHOVER);
    let expected = "error: refused, mx1 does not answer, so nothing can be drained
  mx1 silent for 2m
  help: standin failover mail --to dublin --allow-data-loss --confirm mail
";
    assert_eq!((said.code, said.err.as_str(), said.out.as_str()), (Some(6), expected, ""));
    assert!(controller.asked("POST /v1/runs").is_empty());
    let said = controller.run(&["plan", "show", "mail"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), expected));

    let controller = FakeController::start();
    controller.json("POST /v1/plans", &plan());
    let said = controller.run(&["switchover", "mail", "--to", "dublin"]);
    assert_eq!(said.code, Some(6));
    assert!(said.err.contains("help: standin switchover mail --to dublin --confirm mail"), "{}", said.err);

    let moved = Problem { message: "the plan is stale".into(), exit: 4, ..Problem::default() };
    controller.problem("POST /v1/runs", 409, &moved);
    let said = controller.run(&SWITCHOVER);
    assert_eq!((said.code, said.err.as_str()), (Some(4), "error: the plan is stale\n"));
    let guard = Problem { plan: Some(blocked), exit: 6, ..Problem::default() };
    let controller = FakeController::start();
    controller.json("POST /v1/plans", &plan()).problem("POST /v1/runs", 412, &guard);
    let said = controller.run(&SWITCHOVER);
    assert_eq!((said.code, said.err.as_str()), (Some(6), expected));
}

#[test]
fn a_lost_answer_is_unknown_and_never_done() {
    let controller = FakeController::start();
    controller.json("POST /v1/plans", &plan()).on("POST /v1/runs", Answer::Nothing);
    let said = controller.run(&SWITCHOVER);
    assert_eq!(said.code, Some(7));
    assert!(said.err.contains("it is unknown whether the change was taken"), "{}", said.err);
    controller.on("GET /v1/runs", Answer::Nothing);
    assert_eq!(controller.run(&["run", "list"]).code, Some(3));
    let controller = FakeController::start();
    controller.on("POST /v1/plans", Answer::Nothing);
    assert_eq!(controller.run(&SWITCHOVER).code, Some(3), "a plan changes nothing");
}

#[test]
fn status_and_get_answer_truthfully() {
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios", &List::new(vec![stored(ScenarioState::Protecting, Health::Ok)]));
    controller.json("GET /v1/runs", &List::<RunView>::new(Vec::new()));
    controller.json("GET /v1/hosts", &List::<StoredHost>::new(Vec::new()));
    assert_eq!(controller.run(&["status"]).code, Some(0));
    let said = controller.run(&["get", "sc", "-o", "name"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "scenario/mail\n"));
    let said = controller.run(&["get", "scenarios", "-o", "yaml"]);
    assert!(said.out.starts_with("apiVersion:"), "{}", said.out);
    let said = controller.run(&["get", "scenarios", "-o", "json"]);
    let list: List<StoredScenario> = serde_json::from_str(&said.out).unwrap();
    assert_eq!((list.schema.as_str(), list.items.len()), ("standin.list/v1", 1));
    let missing = Problem { message: "there is no scenario web".into(), exit: 1, ..Problem::default() };
    controller.problem("GET /v1/scenarios/web", 404, &missing);
    let said = controller.run(&["get", "scenario", "web"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(1), "", "error: there is no scenario web\n"));
    let degraded = FakeController::start();
    degraded.json("GET /v1/scenarios/mail", &stored(ScenarioState::Protecting, Health::Degraded));
    degraded.json("GET /v1/runs", &List::<RunView>::new(Vec::new()));
    assert_eq!(degraded.run(&["status", "mail"]).code, Some(1));
}

/// What a controller stores of an example, as it tells it.
fn stored_example(controller: &FakeController) -> Vec<Object> {
    let text = include_str!("../../../examples/mended/plan_step_without_action.yaml");
    let objects: Vec<Object> =
        manifest::read(&[("a.yaml", text)]).objects.into_iter().map(|found| found.object).collect();
    let (mut hosts, mut scenarios, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    for object in objects.clone() {
        let (api_version, kind) = (API_VERSION.to_owned(), object.kind().to_string());
        let mut metadata = object.metadata().clone();
        (metadata.generation, metadata.uid) = (Some(3), Some("0c5f".into()));
        match object {
            Object::Host(_, spec) => {
                hosts.push(StoredHost { api_version, kind, metadata, spec, ..StoredHost::default() });
            }
            Object::Scenario(_, spec) => {
                let told = stored(ScenarioState::Protecting, Health::Ok);
                scenarios.push(StoredScenario { api_version, kind, metadata, spec, ..told });
            }
            Object::RecoveryPlan(_, spec) => plans.push(StoredPlan { api_version, kind, metadata, spec }),
        }
    }
    controller.json("GET /v1/hosts", &List::new(hosts)).json("GET /v1/scenarios", &List::new(scenarios));
    controller.json("GET /v1/plans", &List::new(plans));
    objects
}

#[test]
fn what_get_prints_as_yaml_can_be_applied() {
    let controller = FakeController::start();
    let objects = stored_example(&controller);
    let printed = ["plans", "scenarios", "hosts"].map(|kind| controller.run(&["get", kind, "-o", "yaml"]).out);
    let text = printed.join("---\n");
    let set = manifest::read(&[("all.yaml", &text)]);
    assert!(set.findings.iter().all(|finding| finding.code == "DR0108"), "{text}\n{:?}", set.findings);
    assert_eq!(set.objects.len(), objects.len());
    for (again, object) in set.objects.iter().zip(&objects) {
        assert_eq!(manifest::diff(Some(object), &again.object), [], "{text}");
    }
}

#[test]
fn a_comparison_is_a_yes_or_a_no() {
    let compared = |differences, unreadable| {
        let controller = FakeController::start();
        let comparison = Comparison { entries: 41_022, bytes: 1_288_490_189, differences, unreadable, listed: vec![] };
        let done = RunView { comparison: Some(comparison), ..run(RunState::Done, "reached") };
        controller.json("GET /v1/scenarios/mail", &stored(ScenarioState::Protecting, Health::Ok));
        controller.json("POST /v1/runs", &done);
        controller.run(&["sync", "mail", "--compare-only"])
    };
    let equal = compared(0, 0);
    assert_eq!((equal.code, equal.out.as_str()), (Some(0), "equal: 1 root, 41,022 entries, 1.2 GiB compared\n"));
    assert_eq!(compared(3, 0).code, Some(1));
    assert_eq!(compared(0, 1).code, Some(1), "what was not read is not equal");
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios/mail", &stored(ScenarioState::Protecting, Health::Ok));
    controller.json("POST /v1/runs", &run(RunState::Stuck, "failed"));
    assert_eq!(controller.run(&["sync", "mail", "--compare-only"]).code, Some(5));
}

#[test]
fn a_run_that_nobody_looks_at_is_left_not_done() {
    let controller = switching(run(RunState::Running, "asked"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = standin(&controller.socket(), &SWITCHOVER);
    command.stdout(writer);
    let said = said(command);
    assert_eq!(said.code, Some(7));
    assert!(said.err.contains("Run r-1 (switchover mail) goes on."), "{}", said.err);
}

#[test]
fn a_watch_ends_when_nobody_reads() {
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios", &List::new(vec![stored(ScenarioState::Protecting, Health::Ok)]));
    let change = |state| {
        let scenario = Some(stored(state, Health::Degraded));
        serde_json::to_string(&WatchEvent { scenario, ..WatchEvent::default() }).unwrap()
    };
    let changes = vec![change(ScenarioState::Synchronizing), change(ScenarioState::Halted)];
    controller.on("GET /v1/watch?kind=scenario", Answer::Events(changes));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = standin(&controller.socket(), &["get", "scenarios", "-w"]);
    command.stdout(writer);
    assert_eq!(said(command).code, Some(0));
}

#[test]
fn a_controller_that_goes_away_is_waited_for() {
    let controller = FakeController::start();
    controller.json("POST /v1/plans", &plan()).json("POST /v1/runs", &run(RunState::Running, "asked"));
    controller.json("GET /v1/runs/r-1", &run(RunState::Running, "asked"));
    controller.on(WATCH, Answer::Nothing).on(WATCH, Answer::Nothing);
    controller.on(WATCH, Answer::Events(vec![event(run(RunState::Done, "reached"))]));
    let said = controller.run(&SWITCHOVER);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.err.matches("the run goes on once it is back").count(), 1, "{}", said.err);
    assert_eq!(said.out.matches("fence started").count(), 1, "each change is told once: {}", said.out);
}

#[test]
fn progress_is_told_as_it_is_wanted() {
    let with = |more: &[&str]| switching(run(RunState::Done, "reached")).run(&[&SWITCHOVER[..], more].concat());
    let lines = with(&["--progress", "lines"]);
    assert!(lines.out.contains("r-1 step 1/1 fence ok"), "{}", lines.out);
    let none = with(&["--progress", "none"]);
    assert!(!none.out.contains("step 1/1") && none.out.contains("mail is active on mx2."), "{}", none.out);
    let objects = with(&["--progress", "jsonl", "-o", "json"]);
    let told: Vec<serde_json::Value> = objects.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(told.iter().any(|told| told["event"] == "runStarted"), "{told:?}");
    let result: serde_json::Value = serde_json::from_str(&objects.out).unwrap();
    assert_eq!(result["state"], "done", "stdout is the result alone");
}

#[test]
fn quiet_leaves_out_progress_and_hints_and_no_error() {
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios", &List::new(vec![stored(ScenarioState::Protecting, Health::Degraded)]));
    controller.json("GET /v1/runs", &List::<RunView>::new(Vec::new()));
    controller.json("GET /v1/hosts", &List::<StoredHost>::new(Vec::new()));
    let missing = Problem { message: "there is no scenario web".into(), exit: 1, ..Problem::default() };
    controller.problem("GET /v1/scenarios/web", 404, &missing);
    let loud = controller.run(&["status"]);
    assert_eq!((loud.code, loud.err.as_str()), (Some(1), "1 scenario: 1 degraded\n"));
    let quiet = controller.run(&["status", "-q"]);
    assert_eq!((quiet.code, quiet.out, quiet.err.as_str()), (Some(1), loud.out, ""), "data and code stay");
    assert_eq!(controller.run(&["get", "runs"]).err, "no runs\n");
    assert_eq!(controller.run(&["--quiet", "get", "runs"]).err, "");
    let said = controller.run(&["get", "scenario", "web", "-q"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), "error: there is no scenario web\n"));
    assert_eq!(controller.run(&["get", "volumes", "-q"]).code, Some(2));
    assert!(controller.run(&["get", "volumes", "-q"]).err.contains("invalid value 'volumes'"));
}

#[test]
fn a_quiet_run_says_how_it_ended() {
    let with = |last: RunView, more: &[&str]| switching(last).run(&[&SWITCHOVER[..], &["-q"], more].concat());
    let said = with(run(RunState::Stuck, "failed"), &[]);
    assert_eq!(said.code, Some(5));
    assert!(said.err.contains("choices    standin switchback mail"), "{}", said.err);
    let said = with(run(RunState::Running, "asked"), &["--timeout", "100ms"]);
    let expected = "The time given with --timeout is over.\nDetached. Run r-1 (switchover mail) goes on.\n";
    assert_eq!((said.code, said.err.as_str()), (Some(7), expected));
    let said = with(run(RunState::Running, "asked"), &["--wait=false"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "r-1\n", ""));
    let controller = FakeController::start();
    let losing = PlanView { losses: vec!["2 files are set aside".into()], ..plan() };
    controller.json("POST /v1/plans", &losing).json("POST /v1/runs", &run(RunState::Running, "asked"));
    let said = controller.run(&[&SWITCHOVER[..], &["-q", "--wait=false"]].concat());
    assert_eq!((said.out.as_str(), said.err.as_str()), ("r-1\n", "! 2 files are set aside\n"), "a warning is no hint");
    let said = switching(run(RunState::Running, "asked")).run(&["switchover", "mail", "-q"]);
    assert_eq!(said.code, Some(6));
    assert!(said.err.contains("help: standin switchover mail -q --confirm mail"), "{}", said.err);
}

/// A controller with one scenario, of which the watch tells these states.
fn changing(states: &[(ScenarioState, Health)]) -> FakeController {
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios", &List::new(vec![stored(ScenarioState::Protecting, Health::Ok)]));
    controller.json("GET /v1/runs", &List::<RunView>::new(Vec::new()));
    controller.json("GET /v1/hosts", &List::<StoredHost>::new(Vec::new()));
    let change = |(state, health): &(ScenarioState, Health)| {
        let scenario = Some(stored(*state, *health));
        serde_json::to_string(&WatchEvent { scenario, ..WatchEvent::default() }).unwrap()
    };
    controller.on("GET /v1/watch?kind=scenario", Answer::Events(states.iter().map(change).collect()));
    controller.on("GET /v1/watch?kind=run", Answer::Events(Vec::new()));
    controller.on("GET /v1/watch?kind=host", Answer::Events(Vec::new()));
    controller
}

/// The lines of one screen, without the time before it and up to the line that begins with `last`.
fn screen(looking: &mut Looking, last: &str) -> Vec<String> {
    let time = looking.line();
    assert!(time.ends_with(" UTC") && time.starts_with("20"), "{time}");
    let mut lines = vec![looking.line()];
    while !lines.last().unwrap().starts_with(last) {
        lines.push(looking.line());
        assert!(lines.len() < 10, "{lines:?}");
    }
    lines
}

#[test]
fn status_is_shown_again_when_it_changes() {
    use ScenarioState::{Halted, Protecting};
    let controller = changing(&[(Protecting, Health::Ok), (Protecting, Health::Ok), (Halted, Health::Failed)]);
    let mut looking = Looking::at(&controller, &["status", "-w"]);
    let first = screen(&mut looking, "mail");
    assert!(first[0].starts_with("NAME") && first[1].contains("Protecting   ok"), "{first:?}");
    assert_eq!(looking.line(), "", "between two screens");
    let second = screen(&mut looking, "mail");
    assert!(second[0].starts_with("NAME") && second[1].contains("Halted"), "only what differs: {second:?}");
    let said = looking.interrupt();
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "the last screen decides");
    assert_eq!(said.err, "1 scenario: 1 ok\n1 scenario: 1 failed\n");

    let controller = changing(&[]);
    let mut looking = Looking::at(&controller, &["status", "-w", "-q"]);
    screen(&mut looking, "mail");
    let said = looking.interrupt();
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
}

#[test]
fn status_goes_on_with_a_run_a_silent_host_and_a_new_connection() {
    let controller = FakeController::start();
    controller.json("GET /v1/scenarios", &List::new(vec![stored(ScenarioState::Protecting, Health::Ok)]));
    let mut host = StoredHost::default();
    host.metadata.name = "mx1".into();
    (host.status.joined, host.status.connected) = (true, true);
    controller.json("GET /v1/hosts", &List::new(vec![host.clone()]));
    host.status.connected = false;
    let silent = serde_json::to_string(&WatchEvent { host: Some(host), ..WatchEvent::default() }).unwrap();
    controller.on("GET /v1/watch?kind=scenario", Answer::Nothing);
    controller.on("GET /v1/watch?kind=scenario", Answer::Events(Vec::new()));
    controller.on("GET /v1/watch?kind=host", Answer::Events(vec![silent]));
    // A run that is told of and was not listed: the list is asked for again.
    let none = List::<RunView>::new(Vec::new());
    controller.json("GET /v1/runs", &none).json("GET /v1/runs", &none);
    controller.json("GET /v1/runs", &List::new(vec![run(RunState::Running, "asked")]));
    controller.on("GET /v1/watch?kind=run", Answer::Events(vec![event(run(RunState::Running, "asked"))]));
    let mut looking = Looking::at(&controller, &["status", "-w"]);
    let (mut host, mut open_run, mut seen) = (false, false, Vec::new());
    while !(host && open_run) {
        seen.push(looking.line());
        assert!(seen.len() < 40, "{seen:?}");
        let last = seen.last().unwrap();
        host |= last.starts_with("mx1") && last.contains("silent");
        open_run |= last.starts_with("r-1") && last.contains("switchover");
    }
    let said = looking.interrupt();
    assert_eq!(said.code, Some(0));
}

#[test]
fn status_is_watched_as_a_list_a_line() {
    let controller = changing(&[(ScenarioState::Halted, Health::Failed)]);
    let mut looking = Looking::at(&controller, &["status", "-w", "-o", "json"]);
    for state in [ScenarioState::Protecting, ScenarioState::Halted] {
        let list: List<StoredScenario> = serde_json::from_str(&looking.line()).unwrap();
        assert_eq!((list.schema.as_str(), list.items[0].status.state), ("standin.list/v1", state));
    }
    assert!(controller.asked("GET /v1/runs").is_empty(), "what is not shown is not asked for");
}

#[test]
fn a_watched_scenario_that_is_gone_ends_the_watch() {
    let controller = FakeController::start();
    let gone = Problem { message: "there is no scenario mail".into(), exit: 1, ..Problem::default() };
    controller.json("GET /v1/scenarios/mail", &stored(ScenarioState::Protecting, Health::Ok));
    controller.problem("GET /v1/scenarios/mail", 404, &gone);
    controller.json("GET /v1/runs", &List::<RunView>::new(Vec::new()));
    controller.on("GET /v1/watch?kind=scenario&name=mail", Answer::Events(Vec::new()));
    controller.on("GET /v1/watch?kind=run", Answer::Events(Vec::new()));
    let said = controller.run(&["status", "mail", "-w", "-q"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), "error: there is no scenario mail\n"));
}
