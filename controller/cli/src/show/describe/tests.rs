use super::super::lists::tests::{NOW, member, stored};
use super::*;
use model::{
    agent_status::SetAside,
    elements::{
        redirection::{Redirection, ScriptRedirection},
        roots::{ReplicaRoot, Root},
    },
    mark::Epoch,
    scenario::{Primary, Replica},
    units::Period,
    view::{Health, NotKept},
};

fn mail() -> StoredScenario {
    let members = vec![member("primary", "mx1", Role::Active, None), member("dublin", "mx2", Role::Standby, Some(800))];
    let mut item = stored("mail", ScenarioState::Protecting, Health::Degraded, "two services unknown", members);
    item.metadata.generation = Some(15);
    item.status.observed_generation = 14;
    item.status.epoch = Epoch(3);
    item.spec.description = Some("Postfix and Dovecot".into());
    let root = Root { name: "mailboxes".into(), path: "/srv/vmail".into(), ..Root::default() };
    item.spec.primary = Primary { host: "mx1".into(), roots: vec![root], ..Primary::default() };
    let root = ReplicaRoot { name: "mailboxes".into(), path: "/data/vmail".into(), ..ReplicaRoot::default() };
    let replica = Replica { name: "dublin".into(), host: "mx2".into(), roots: vec![root], ..Replica::default() };
    item.spec.replicas = vec![replica];
    let script =
        ScriptRedirection { command: vec!["forward".into()], check: Vec::new(), timeout: Period::from_secs(30) };
    item.spec.redirection = vec![Redirection { name: "forwarder".into(), script: Some(script) }];
    item.ledger.redirected.insert("forwarder".into(), "primary".into());
    let condition = |kind: &str, status: &str, message: &str| Condition {
        kind: kind.into(),
        status: status.into(),
        reason: "Reason".into(),
        message: message.into(),
        last_transition_time: Some(Timestamp(NOW.0 - 60_000)),
    };
    item.status.conditions = vec![
        condition("Protected", "True", "0.8s behind"),
        condition("ServicesHealthy", "Unknown", ""),
        condition("Ready", "False", "services unknown"),
    ];
    item
}

#[test]
fn a_scenario() {
    let event = EventView { at: NOW, severity: "info".into(), kind: "Applied".into(), ..EventView::default() };
    let lines = scenario(&mail(), &[event], &Clock::standing_at(NOW), Style::default());
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn after_a_failover() {
    let mut item = mail();
    item.status.state = ScenarioState::SwitchedOver;
    item.status.members[0].role = Role::Fenced;
    item.status.members[1].role = Role::Active;
    let active = item.status.active.as_mut().unwrap();
    (active.member, active.host, active.cause) = ("dublin".into(), "mx2".into(), "failover".into());
    active.since = Some(Timestamp(NOW.0 - 3_600_000));
    item.status.members[0].set_aside =
        Some(SetAside { epoch: Epoch(4), entries: 3, paths: vec!["mailboxes/a".into()], list: "/var/list".into() });
    item.status.members[0].not_kept =
        vec![NotKept { root: "mailboxes".into(), what: "acls".into(), why: "accepted on vfat: no".into() }];
    let text = scenario(&item, &[], &Clock::standing_at(NOW), Style::default()).join("\n");
    for part in [
        "active on mx2, dublin since 2026-11-20 07:33:02 UTC, 1h ago, by failover",
        "Set aside on mx1: 3 paths in .standin/quarantine/4\n  mailboxes/a\n  ... and 2 more, all in /var/list on mx1",
        "Not kept\n  mailboxes on mx1   acls   accepted on vfat: no",
        "Next\n  standin resume mail --reverse\n  standin switchback mail",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn a_host_that_has_not_joined() {
    let mut item = StoredHost::default();
    item.metadata.name = "mx2".into();
    item.spec.replication_address = "10.0.0.2".into();
    let lines = host(&item, &[mail()], &[], &Clock::standing_at(NOW), Style::default());
    insta::assert_snapshot!(lines.join("\n"));
}
