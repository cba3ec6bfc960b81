//! What must not happen on a host whose role is not what somebody believes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fleet;

use fleet::{Pair, eventually};
use model::{
    AssignmentStatus, ErrandOutcome, Role,
    agent_status::{LinkState, RootState, ServiceState, TargetState},
    errand::Work,
    units::Period,
};
use std::fs;

fn following(status: &AssignmentStatus) -> bool {
    status.source.as_ref().is_some_and(|s| s.streams.len() == 1 && s.streams[0].state == LinkState::Following)
}

fn running(status: &AssignmentStatus) -> bool {
    !status.services.is_empty() && status.services.iter().all(|s| s.state == ServiceState::Running)
}

/// After a boot the root may not be mounted: a service that starts there begins anew with nothing.
#[tokio::test(flavor = "multi_thread")]
async fn no_service_is_started_on_a_root_that_is_not_there() {
    let mut pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "serving and following", |s| following(s) && running(s)).await;
    pair.primary.stop().await;
    fs::remove_file(pair.primary.path("shop.up")).unwrap();
    fs::rename(pair.primary.path("root"), pair.primary.path("disk")).unwrap();
    fs::create_dir(pair.primary.path("root")).unwrap();
    pair.primary.boot_id = "boot-2".to_owned();
    pair.primary.start().await;
    let halted = |s: &AssignmentStatus| s.roots.iter().any(|root| matches!(root.state, RootState::Halted { .. }));
    let held = |s: &AssignmentStatus| halted(s) && s.services[0].message.contains("not started: root data is halted");
    let status = pair.controller.until("mx1", "halted and held", held).await;
    assert_eq!((status.role, status.services[0].state), (Role::Active, ServiceState::Stopped));
    assert!(!pair.primary.serves("shop"));
    // The disk is mounted again.
    fs::remove_dir_all(pair.primary.path("root")).unwrap();
    fs::rename(pair.primary.path("disk"), pair.primary.path("root")).unwrap();
    pair.controller.until("mx1", "serving again", running).await;
    pair.stop().await;
}

/// What runs is not stopped because its root was emptied: the application may be the one that puts things right.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_runs_goes_on_over_a_halted_root() {
    let mut pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    fs::write(pair.primary.path("root/b"), "b").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "serving and following", |s| following(s) && running(s)).await;
    pair.primary.stop().await;
    fs::remove_file(pair.primary.path("root/a")).unwrap();
    fs::remove_file(pair.primary.path("root/b")).unwrap();
    pair.primary.start().await;
    let halted = |s: &AssignmentStatus| s.roots.iter().any(|root| matches!(root.state, RootState::Halted { .. }));
    pair.controller.until("mx1", "halted and serving", |s| halted(s) && running(s)).await;
    assert!(pair.primary.serves("shop"));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_sent_only_to_a_host_that_is_active() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "following", following).await;
    let log = pair.dublin.path("log");
    pair.dublin.script("move", &format!("echo moved >> {}", log.display()));
    let redirect = Work::Redirect {
        point: "front".into(),
        active_host: "mx2".to_owned(),
        command: vec!["move".to_owned()],
        check: Vec::new(),
        timeout: Period::from_secs(5),
    };
    // Ordered too early, it waits; the role comes, and the clients after it.
    pair.controller.change("mx2", |given| drop(given.errands.insert(model::ErrandId::new("r-1", "6", 1), redirect)));
    let begun = |s: &AssignmentStatus| !s.errands.is_empty();
    let status = pair.controller.until("mx2", "begun", begun).await;
    assert!(matches!(status.errands.values().next(), Some(ErrandOutcome::Running { .. })), "{status:?}");
    assert!(!log.exists(), "no clients without the role");
    pair.controller.change("mx2", |given| {
        given.role = Role::Active;
        given.streams.clear();
    });
    eventually("the clients", || log.exists()).await;
    pair.stop().await;
}

/// A host that joined anew has another key; whoever holds the old one is cut off while connected.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_its_key_is_no_longer_good() {
    let pair = Pair::start().await;
    fs::write(pair.primary.path("root/a"), "a").unwrap();
    pair.at_home(1);
    pair.controller.until("mx1", "following", following).await;
    let synced = |s: &AssignmentStatus| s.target.as_ref().is_some_and(|t| t.state == TargetState::Synced);
    pair.controller.until("mx2", "synced", synced).await;
    pair.controller.change("mx2", |given| given.streams[0].peer_key = Some("0".repeat(64)));
    let cut = |s: &AssignmentStatus| {
        let stream = s.source.as_ref().and_then(|s| s.streams.first());
        stream.is_some_and(|s| s.problem.as_ref().is_some_and(|p| p.contains("not the key")))
    };
    pair.controller.until("mx1", "cut off", cut).await;
    fs::write(pair.primary.path("root/late"), "late").unwrap();
    assert!(!pair.dublin.path("root/late").exists());
    pair.stop().await;
}
