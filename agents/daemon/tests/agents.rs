//! Whole agents over real TLS: joining, roles, streams, errands, reboots.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fleet;

use agent::{JoinError, JoinRequest};
use fleet::{Controller, Host, Pair, eventually};
use model::{
    AssignmentStatus, Direction, Epoch, ErrandOutcome, Role,
    agent_status::{LinkState, RootState, ServiceState, TargetState},
    errand::Work,
    units::Period,
};
use std::fs;

fn following(status: &AssignmentStatus) -> bool {
    status.source.as_ref().is_some_and(|s| s.streams.len() == 1 && s.streams[0].state == LinkState::Following)
}

fn synced(status: &AssignmentStatus) -> bool {
    status.target.as_ref().is_some_and(|t| t.state == TargetState::Synced)
}

fn running(status: &AssignmentStatus) -> bool {
    !status.services.is_empty() && status.services.iter().all(|s| s.state == ServiceState::Running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_joins_once_and_only_where_its_token_points() {
    let directory = tempfile::tempdir().unwrap();
    let (controller, other) = (Controller::start().await, Controller::start().await);
    let host = Host::join(&controller, directory.path(), "mx1").await;
    let request = |token, replace| JoinRequest {
        controller: controller.address.to_string(),
        token,
        host: "mx1".into(),
        state: host.path("state"),
        replace,
    };
    let again = agent::join(request(controller.token(), false)).await;
    assert!(matches!(again, Err(JoinError::Exists { .. })), "{again:?}");
    let before = fs::read(host.path("state/identity.pem")).unwrap();
    let elsewhere = agent::join(request(other.token(), true)).await;
    assert!(matches!(elsewhere, Err(JoinError::Tls(_))), "{elsewhere:?}");
    assert_eq!(fs::read(host.path("state/identity.pem")).unwrap(), before, "a failed join changes nothing");
    assert_ne!(agent::join(request(controller.token(), true)).await.unwrap().key, host.key);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_copy_and_follow_a_tree() {
    let pair = Pair::start().await;
    fs::create_dir_all(pair.primary.path("root/orders")).unwrap();
    fs::write(pair.primary.path("root/orders/1"), "one").unwrap();
    fs::write(pair.primary.path("root/readme"), "hello").unwrap();
    pair.at_home(1);
    let active = pair.controller.until("mx1", "active and following", |s| s.role == Role::Active && following(s)).await;
    let standby = pair.controller.until("mx2", "synced", synced).await;
    assert_eq!(active.source.unwrap().lineage, standby.target.unwrap().lineage.unwrap());
    assert_eq!(fs::read_to_string(pair.dublin.path("root/orders/1")).unwrap(), "one");
    pair.controller.until("mx1", "serving", running).await;
    assert!(pair.primary.serves("shop") && !pair.dublin.serves("shop"));
    // Changes are followed.
    fs::write(pair.primary.path("root/orders/2"), "two").unwrap();
    fs::remove_file(pair.primary.path("root/readme")).unwrap();
    let there = || {
        fs::read_to_string(pair.dublin.path("root/orders/2")).is_ok_and(|text| text == "two")
            && !pair.dublin.path("root/readme").exists()
    };
    eventually("the change at the replica", there).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_on_without_a_controller() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx2", "synced", synced).await;
    pair.controller.stop.cancel();
    fs::write(pair.primary.path("root/b"), "b").unwrap();
    eventually("the change at the replica", || pair.dublin.path("root/b").exists()).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errands_are_carried_out_and_answered_again_from_the_record() {
    let mut pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "following", following).await;
    fs::write(pair.primary.path("root/b"), "b").unwrap();
    let ErrandOutcome::Done(barrier) = pair.controller.errand("mx1", "r-1/1/1", Work::Barrier).await else {
        panic!("no barrier")
    };
    let reached = |s: &AssignmentStatus| s.target.as_ref().is_some_and(|t| t.synced >= barrier.mark);
    pair.controller.until("mx2", "at the barrier", reached).await;
    assert!(pair.dublin.path("root/b").exists(), "what was written before the barrier is there");

    let compared = pair.controller.errand("mx1", "r-2/1/1", Work::Compare { root: None }).await;
    assert!(
        matches!(&compared, ErrandOutcome::Done(r) if r.comparison.as_ref().unwrap().differences == 0),
        "{compared:?}"
    );
    fs::write(pair.dublin.path("root/b"), "not b").unwrap();
    let compared = pair.controller.errand("mx1", "r-3/1/1", Work::Compare { root: None }).await;
    assert!(
        matches!(&compared, ErrandOutcome::Done(r) if r.comparison.as_ref().unwrap().differences > 0),
        "{compared:?}"
    );
    let synchronized = pair.controller.errand("mx1", "r-4/1/1", Work::Synchronize).await;
    assert!(matches!(synchronized, ErrandOutcome::Done(_)), "{synchronized:?}");
    assert_eq!(fs::read_to_string(pair.dublin.path("root/b")).unwrap(), "b");

    let log = pair.primary.path("log");
    pair.primary
        .script("move", &format!("echo $STANDIN_ACTIVE_HOST $STANDIN_POINT $STANDIN_EPOCH >> {}", log.display()));
    pair.primary.script("moved", &format!("grep -q . {}", log.display()));
    let redirect = Work::Redirect {
        point: "front".into(),
        active_host: "mx1".to_owned(),
        command: vec!["move".to_owned()],
        check: vec!["moved".to_owned()],
        timeout: Period::from_secs(5),
    };
    let first = pair.controller.errand("mx1", "r-5/1/1", redirect.clone()).await;
    pair.primary.stop().await;
    pair.primary.start().await;
    let second = pair.controller.errand("mx1", "r-5/1/1", redirect.clone()).await;
    assert_eq!(first, second);
    let third = pair.controller.errand("mx1", "r-5/1/2", redirect).await;
    assert!(matches!(&third, ErrandOutcome::Done(r) if r.message.contains("already")), "{third:?}");
    assert_eq!(fs::read_to_string(log).unwrap(), "mx1 front 1\n", "the command ran once");
    pair.stop().await;
}

/// One script holds a lock for as long as anything of it runs; the other needs that lock at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_taken_back_only_when_nothing_of_it_runs_any_more() {
    let pair = Pair::start().await;
    pair.at_home(1);
    pair.controller.until("mx1", "active", |s| s.role == Role::Active).await;
    let at = |name: &str| pair.primary.path(name).display().to_string();
    let wait = "while [ ! -e \"$2\" ]; do sleep 0.01; done";
    pair.primary.script("hold", &format!("exec 9>{}; flock 9; : > \"$1\"; {wait}", at("lock")));
    pair.primary.script("need", &format!("flock -n {} echo taken", at("lock")));
    let work = |command: &[&str]| Work::Run {
        step: "db".to_owned(),
        active_host: "mx1".to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        check: Vec::new(),
        timeout: Period::from_secs(60),
    };
    for (step, stays_ordered) in [("1", true), ("2", false)] {
        let (begun, go) = (at(&format!("begun-{step}")), at(&format!("go-{step}")));
        let forward = model::ErrandId::new("r-1", step, 1);
        let holding = work(&["hold", &begun, &go]);
        pair.controller.change("mx1", |given| drop(given.errands.insert(forward.clone(), holding)));
        eventually("the script runs", || fs::exists(&begun).unwrap()).await;
        let undo = model::ErrandId::new("r-1", &format!("{step}.undo"), 1);
        pair.controller.change("mx1", |given| {
            given.errands.retain(|id, _| stays_ordered || *id != forward);
            given.errands.insert(undo.clone(), work(&["need"]));
        });
        if stays_ordered {
            let status = pair.controller.until("mx1", "told", |_| true).await;
            assert!(!status.errands.contains_key(&undo), "{:?}", status.errands);
            fs::write(&go, "").unwrap();
        }
        let ended = |s: &AssignmentStatus| s.errands.get(&undo).is_some_and(|o| matches!(o, ErrandOutcome::Done(_)));
        pair.controller.until("mx1", "taken back", ended).await;
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_without_a_check_is_not_run_again_once_it_was_done() {
    let pair = Pair::start().await;
    pair.at_home(1);
    let log = pair.primary.path("log");
    pair.primary.script("note", &format!("echo \"$1\" >> {}; [ \"$1\" != bad ]", log.display()));
    let work = |word: &str| Work::Run {
        step: "note".to_owned(),
        active_host: "mx1".to_owned(),
        command: vec!["note".to_owned(), word.to_owned()],
        check: Vec::new(),
        timeout: Period::from_secs(5),
    };
    let first = pair.controller.errand("mx1", "r-1/1/1", work("good")).await;
    let second = pair.controller.errand("mx1", "r-1/1/2", work("good")).await;
    assert_eq!(first, second);
    for id in ["r-1/2/1", "r-1/2/2", "r-2/1/1"] {
        pair.controller.errand("mx1", id, work(if id.starts_with("r-2") { "good" } else { "bad" })).await;
    }
    assert_eq!(fs::read_to_string(log).unwrap(), "good\nbad\nbad\ngood\n");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plans_script_runs_on_any_member_and_is_told_its_step() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "following", following).await;
    let log = pair.dublin.path("log");
    pair.dublin.script("announce", &format!("echo $1 $STANDIN_STEP $STANDIN_ACTIVE_HOST >> {}", log.display()));
    pair.dublin.script("announced", &format!("test -e {}", log.display()));
    let run = |command: &[&str], check: &[&str]| Work::Run {
        step: "notice".to_owned(),
        active_host: "mx1".to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        check: check.iter().map(|word| (*word).to_owned()).collect(),
        timeout: Period::from_secs(5),
    };
    for (attempt, expected) in [("r-1/1/1", "done"), ("r-1/1/2", "already")] {
        let done = pair.controller.errand("mx2", attempt, run(&["announce", "OPS-12"], &["announced"])).await;
        assert!(matches!(&done, ErrandOutcome::Done(r) if r.message.contains(expected)), "{done:?}");
    }
    assert_eq!(fs::read_to_string(log).unwrap(), "OPS-12 notice mx1\n", "the command ran once");
    for command in [&["no-such-script"], &["../announce"]] {
        let failed = pair.controller.errand("mx2", &format!("r-2/{}/1", command[0].len()), run(command, &[])).await;
        assert!(matches!(failed, ErrandOutcome::Failed { .. }), "{failed:?}");
    }
    let unknown = Work::SomeChecks { names: vec!["no-such-check".to_owned()] };
    let failed = pair.controller.errand("mx1", "r-3/1/1", unknown).await;
    assert!(matches!(&failed, ErrandOutcome::Failed { message } if message.contains("not known")), "{failed:?}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_moves_over_and_back_and_nothing_is_lost() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    fs::write(pair.primary.path("root/b"), "b").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "serving and following", |s| following(s) && running(s)).await;
    // Fence: services stop, the stream goes on at the new epoch until the last barrier is through.
    let mut fenced = pair.given(&pair.primary, &pair.primary, 2);
    (fenced.role, fenced.serving) = (Role::Fenced, false);
    pair.controller.give("mx1", fenced);
    pair.controller.give("mx2", pair.given(&pair.dublin, &pair.primary, 2));
    fs::write(pair.primary.path("root/last"), "last").unwrap();
    let status = pair.controller.until("mx1", "fenced", |s| s.role == Role::Fenced && s.epoch == Epoch(2)).await;
    assert_eq!(status.services[0].state, ServiceState::Stopped);
    assert!(!pair.primary.serves("shop"));
    let ErrandOutcome::Done(barrier) = pair.controller.errand("mx1", "r-1/3/1", Work::Barrier).await else {
        panic!("no barrier")
    };
    assert!(barrier.mark.is_some());
    let drained = |s: &AssignmentStatus| s.target.as_ref().is_some_and(|t| t.synced >= barrier.mark);
    pair.controller.until("mx2", "drained", drained).await;
    assert_eq!(fs::read_to_string(pair.dublin.path("root/last")).unwrap(), "last");
    // Promote, then follow in reverse.
    pair.controller.give("mx2", pair.given(&pair.dublin, &pair.dublin, 2));
    pair.controller.give("mx1", pair.given(&pair.primary, &pair.dublin, 2));
    pair.controller.until("mx2", "active and serving", |s| s.role == Role::Active && running(s) && following(s)).await;
    pair.controller.until("mx1", "standby and synced", |s| s.role == Role::Standby && synced(s)).await;
    assert!(pair.dublin.serves("shop") && !pair.primary.serves("shop"));
    fs::write(pair.dublin.path("root/new"), "new").unwrap();
    eventually("the change at home", || pair.primary.path("root/new").exists()).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_host_that_hears_a_higher_epoch_fences_itself_for_good() {
    let mut pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "serving and following", |s| following(s) && running(s)).await;
    // The controller moved on without mx1.
    pair.controller.give("mx2", pair.given(&pair.dublin, &pair.dublin, 5));
    let fenced = |s: &AssignmentStatus| s.role == Role::Fenced && s.epoch == Epoch(5);
    pair.controller.until("mx1", "fenced by its peer", fenced).await;
    assert!(!pair.primary.serves("shop"));
    pair.primary.stop().await;
    pair.primary.start().await;
    let status = pair.controller.until("mx1", "fenced after a restart", fenced).await;
    assert!(status.problem.is_some() && !pair.primary.serves("shop"));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebooted_host_rests_until_it_is_confirmed() {
    let mut pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "serving", |s| s.role == Role::Active && running(s)).await;
    // A restart of the agent alone changes nothing.
    pair.primary.stop().await;
    assert!(pair.primary.serves("shop"), "services go on without their agent");
    pair.primary.start().await;
    pair.controller.until("mx1", "serving", |s| s.role == Role::Active && running(s)).await;
    // A reboot does, and this time the controller has no word for it.
    pair.primary.stop().await;
    let specs = pair.controller.specs.send_replace(Default::default());
    pair.primary.boot_id = "boot-2".to_owned();
    pair.primary.start().await;
    let status = pair.controller.until_status("mx1", "resting", |s| {
        s.boot_id == "boot-2" && s.scenarios.values().all(|s| s.role == Role::Standby)
    });
    let status = status.await;
    assert!(!status.confirmed);
    let part = &status.scenarios[&"shop".into()];
    assert!(part.source.is_none() && part.target.is_none());
    assert!(!pair.primary.serves("shop"));
    pair.controller.specs.send_replace(specs);
    pair.controller.until("mx1", "serving again", |s| s.role == Role::Active && running(s)).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_stop_keeps_its_host_from_being_fenced() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "serving", |s| s.role == Role::Active && running(s)).await;
    pair.primary.script("stuck", "exit 1");
    let mut fenced = pair.given(&pair.primary, &pair.primary, 2);
    (fenced.role, fenced.serving) = (Role::Fenced, false);
    fenced.services.commands[0].stop = vec!["stuck".to_owned()];
    pair.controller.give("mx1", fenced);
    let failed = |s: &AssignmentStatus| s.services[0].state == ServiceState::Failed;
    let status = pair.controller.until("mx1", "failed to stop", failed).await;
    assert_eq!((status.role, status.epoch), (Role::Active, Epoch(2)));
    assert!(status.problem.unwrap().contains("shop"));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_only_one_end_knows_is_refused() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.controller.give("mx1", pair.given(&pair.primary, &pair.primary, 1));
    let mut other = pair.given(&pair.dublin, &pair.primary, 1);
    other.streams[0].source = "galway".into();
    pair.controller.give("mx2", other);
    let refused = |s: &AssignmentStatus| {
        let stream = s.source.as_ref().and_then(|s| s.streams.first());
        stream.is_some_and(|s| s.problem.as_ref().is_some_and(|p| p.contains("takes no stream")))
    };
    pair.controller.until("mx1", "refused", refused).await;
    pair.controller.change("mx2", |given| {
        given.streams[0].source = "primary".into();
        given.streams[0].peer_key = Some("0".repeat(64));
    });
    let refused = |s: &AssignmentStatus| {
        let stream = s.source.as_ref().and_then(|s| s.streams.first());
        stream.is_some_and(|s| s.problem.as_ref().is_some_and(|p| p.contains("not the key")))
    };
    pair.controller.until("mx1", "refused for its key", refused).await;
    assert!(!pair.dublin.path("root/a").exists());
    let key = pair.primary.key.clone();
    pair.controller.change("mx2", |given| given.streams[0].peer_key = Some(key));
    assert_eq!(pair.given(&pair.dublin, &pair.primary, 1).streams[0].direction, Direction::In);
    pair.controller.until("mx1", "following", following).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_root_halts_until_it_is_adopted_and_suspending_closes_everything() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    fs::write(pair.primary.path("root/b"), "b").unwrap();
    pair.at_home(1);
    pair.controller.until("mx2", "synced", synced).await;
    pair.controller.change("mx1", |given| given.suspended = true);
    let resting = |s: &AssignmentStatus| s.role == Role::Active && s.source.is_none() && running(s);
    pair.controller.until("mx1", "suspended and serving", resting).await;
    fs::rename(pair.primary.path("root"), pair.primary.path("gone")).unwrap();
    fs::create_dir(pair.primary.path("root")).unwrap();
    fs::write(pair.primary.path("root/c"), "c").unwrap();
    pair.controller.change("mx1", |given| given.suspended = false);
    let halted = |s: &AssignmentStatus| s.roots.iter().any(|root| matches!(root.state, RootState::Halted { .. }));
    pair.controller.until("mx1", "halted", halted).await;
    assert!(pair.dublin.path("root/a").exists() && !pair.dublin.path("root/c").exists());
    let adopted = pair.controller.errand("mx1", "r-1/1/1", Work::AdoptRoot { root: "data".into() }).await;
    assert!(matches!(adopted, ErrandOutcome::Done(_)), "{adopted:?}");
    pair.controller.until("mx1", "following again", |s| following(s) && !halted(s)).await;
    eventually("the new content", || pair.dublin.path("root/c").exists()).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_go_on_while_a_scenario_that_is_gone_is_being_closed() {
    let pair = Pair::start().await;
    pair.at_home(1);
    pair.controller.until("mx1", "following", following).await;
    let (begun, end) = (pair.primary.path("begun"), pair.primary.path("end"));
    let body = format!(": > {}; until [ -e {} ]; do sleep 0.05; done", begun.display(), end.display());
    pair.primary.script("long", &body);
    let run = Work::Run {
        step: "wait".into(),
        active_host: "mx1".into(),
        command: vec!["long".to_owned()],
        check: Vec::new(),
        timeout: Period::from_secs(60),
    };
    pair.controller.change("mx1", |given| drop(given.errands.insert(model::ErrandId("r-1/1/1".to_owned()), run)));
    eventually("the script", || begun.exists()).await;
    let mut revision = 0;
    pair.controller.specs.send_modify(|specs| {
        let spec = specs.get_mut(&"mx1".into()).unwrap();
        spec.revision += 1;
        revision = spec.revision;
        spec.scenarios.clear();
    });
    let closing = |status: &model::AgentStatus| status.revision < revision && status.scenarios.is_empty();
    pair.controller.until_status("mx1", "heard while the script runs on", closing).await;
    fs::write(end, "").unwrap();
    pair.controller.until_status("mx1", "closed", |status| status.revision == revision).await;
    pair.stop().await;
}
