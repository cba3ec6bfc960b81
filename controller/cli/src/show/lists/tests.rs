use super::*;
use crate::output::Style;
use model::{Metadata, agent_status::Lag, view::ActiveView};

/// 2026-11-20T08:33:02Z
pub const NOW: Timestamp = Timestamp(1_795_163_582_000);

pub fn member(name: &str, host: &str, role: Role, lag: Option<u64>) -> MemberView {
    MemberView {
        name: name.into(),
        host: host.into(),
        role,
        connected: true,
        stream: if role == Role::Active { String::new() } else { "following".into() },
        lag: lag.map(|millis| Lag { millis, measured_at: NOW }),
        unsent_bytes: (role != Role::Active).then_some(314_573),
        spool_bytes: Some(1_288_490_189),
        spool_limit: Some(40 << 30),
        files: Some(4_182_305),
        bytes: Some(388 << 30),
        capture: Some("fanotify".into()),
        ..MemberView::default()
    }
}

pub fn stored(name: &str, state: ScenarioState, health: Health, why: &str, members: Vec<MemberView>) -> StoredScenario {
    let active = members.iter().find(|member| member.role == Role::Active);
    let active = active.map(|m| ActiveView { member: m.name.clone(), host: m.host.clone(), ..ActiveView::default() });
    let status = ScenarioView { state, health, why: why.into(), active, members, ..ScenarioView::default() };
    StoredScenario {
        metadata: Metadata { name: name.into(), ..Metadata::default() },
        status,
        ..StoredScenario::default()
    }
}

fn fleet() -> Vec<StoredScenario> {
    let pair = |active: &str, standby: &str, lag| {
        vec![member("primary", active, Role::Active, None), member("copy", standby, Role::Standby, lag)]
    };
    let mut third = pair("mx1", "mx2", Some(800));
    third.push(member("delayed", "mx3", Role::Standby, Some(1_200)));
    let mut unreachable = pair("erp2", "erp1", None);
    unreachable[1].unsent_bytes = None;
    unreachable[1].files = None;
    unreachable[1].stream = "link down: refused".into();
    vec![
        stored("mail", ScenarioState::Protecting, Health::Ok, "", third),
        stored("files", ScenarioState::Synchronizing, Health::Degraded, "first copy 61%", pair("fs1", "fs2", None)),
        stored("erp", ScenarioState::SwitchedOver, Health::Degraded, "erp1 silent", unreachable),
        stored("lab", ScenarioState::Stopped, Health::Suspended, "disk replacement", pair("lab1", "lab2", None)),
        stored("new", ScenarioState::Unknown, Health::Unknown, "", Vec::new()),
    ]
}

#[test]
fn scenarios_narrow_and_wide() {
    let narrow = scenarios(&fleet(), false).render(Style::default()).join("\n");
    let wide = scenarios(&fleet(), true).render(Style::default()).join("\n");
    insta::assert_snapshot!(format!("{narrow}\n\n{wide}\n{}", summary(&fleet())));
}

#[test]
fn one_unknown_makes_the_worst_unknown() {
    let mut scenario = fleet().remove(0);
    let shown = |scenario: &StoredScenario| {
        let table = scenarios(std::slice::from_ref(scenario), false).without_header().render(Style::default());
        table[0].split_whitespace().nth(4).map(str::to_owned)
    };
    assert_eq!(shown(&scenario).as_deref(), Some("1.2s"), "the worst of two");
    scenario.status.members[1].lag = None;
    assert_eq!(shown(&scenario).as_deref(), Some("?"));
}

#[test]
fn hosts_and_runs() {
    let clock = Clock::standing_at(NOW);
    let mut silent = StoredHost::default();
    silent.metadata.name = "mx1".into();
    silent.spec.replication_address = "10.0.0.1".into();
    silent.status.joined = true;
    silent.status.last_seen = Some(Timestamp(NOW.0 - 134_000));
    silent.status.version = Some("0.1.0".into());
    let hosts = hosts(&[silent], false, &clock).render(Style::default()).join("\n");
    let run = RunView {
        id: "r-7q4k".into(),
        scenario: "mail".into(),
        verb: "switchover".into(),
        title: "mx1 -> dublin (mx2)".into(),
        by: "anna".into(),
        started: Timestamp(NOW.0 - 30_000),
        ..RunView::default()
    };
    let event = EventView {
        at: NOW,
        severity: "warning".into(),
        kind: "AgentSilent".into(),
        host: Some("mx1".into()),
        message: "mx1 does not answer".into(),
        ..EventView::default()
    };
    let runs = runs(&[run], &clock).render(Style::default()).join("\n");
    let events = events(&[event], &clock).render(Style::default()).join("\n");
    insta::assert_snapshot!([hosts, runs, events].join("\n\n"));
}
