use super::status;
use crate::{
    Options,
    toy::{Fault, Toy},
};
use model::{
    agent_status::{HaltReason, Lack, RootState, RootStatus, Weight},
    elements::preserve::Loss,
    ledger::Suspended,
    view::{Health, ScenarioState, ScenarioView, Verb},
};

fn of(toy: &Toy) -> ScenarioView {
    status(&toy.settings(), &toy.ledger, &toy.observed(), None, None)
}

fn condition(view: &ScenarioView, kind: &str) -> String {
    let found = view.conditions.iter().find(|condition| condition.kind == kind);
    found.map(|condition| format!("{} {}", condition.status, condition.reason)).unwrap()
}

#[test]
fn a_fleet_in_sync_is_well() {
    let view = of(&Toy::two_hosts());
    assert_eq!((view.state, view.health, view.why.as_str()), (ScenarioState::Protecting, Health::Ok, ""));
    assert_eq!(condition(&view, "Ready"), "True Ok");
    assert_eq!(view.members[1].stream, "following");
    assert_eq!(view.members[1].lag.unwrap().millis, 100);
}

#[test]
fn a_silent_host_makes_things_unknown_never_fine() {
    let mut toy = Toy::two_hosts();
    toy.kill("mx2");
    toy.tick();
    let view = of(&toy);
    assert_eq!((view.state, view.health), (ScenarioState::Protecting, Health::Degraded));
    assert_eq!(view.why, "mx2 silent for 1.0s");
    assert_eq!(view.members[1].lag, None);
    assert_eq!(condition(&view, "Synchronized"), "Unknown Silent");

    let mut toy = Toy::two_hosts();
    toy.kill("mx1");
    toy.tick();
    let view = of(&toy);
    assert_eq!(view.health, Health::Unknown);
    assert_eq!(condition(&view, "Ready"), "Unknown Unknown");
}

#[test]
fn a_halted_root_a_dead_service_and_a_suspension_are_said() {
    let mut toy = Toy::two_hosts();
    toy.faults.insert(Fault::RootHalted("mx1".into()));
    let view = of(&toy);
    assert_eq!((view.state, view.health), (ScenarioState::Halted, Health::Failed));
    let expected = "halted on mx1: had 12 entries, has none; if that is meant: standin adopt-root shop data --host mx1";
    assert_eq!(view.why, expected);

    let mut toy = Toy::two_hosts();
    toy.ledger.serving = None;
    toy.tick();
    toy.faults.insert(Fault::ServicesFail("mx1".into()));
    toy.ledger.serving = toy.ledger.active().cloned();
    toy.tick();
    let view = of(&toy);
    assert_eq!((view.health, view.why.as_str()), (Health::Failed, "shop does not run on mx1: exit status 1"));

    let mut toy = Toy::two_hosts();
    toy.ledger.suspended = Some(Suspended { reason: "disk replacement".into(), by: "ben".into() });
    toy.ledger.revision += 1;
    toy.tick();
    let view = of(&toy);
    assert_eq!((view.state, view.health), (ScenarioState::Stopped, Health::Suspended));
    assert_eq!(view.why, "suspended by ben: disk replacement");
}

#[test]
fn away_from_home_is_well_only_in_reverse() {
    let mut toy = Toy::two_hosts();
    toy.play(Verb::Switchover, &Toy::options(None));
    toy.tick();
    let view = of(&toy);
    assert_eq!((view.state, view.health), (ScenarioState::SwitchedOver, Health::Degraded));
    assert_eq!(view.why, "mx1 receives no changes: standin resume shop --reverse");
    toy.play(Verb::Resume, &crate::Options { reverse: true, ..Toy::options(None) });
    toy.tick();
    let view = of(&toy);
    assert_eq!((view.state, view.health, view.why.as_str()), (ScenarioState::SwitchedOver, Health::Ok, ""));
    assert_eq!(view.members[0].stream, "following");
}

#[test]
fn a_run_that_asks_has_not_failed() {
    let toy = Toy::two_hosts();
    let run = model::view::RunView {
        id: "r-1".into(),
        state: model::view::RunState::Paused,
        question: Some("Go ahead?".to_owned()),
        ..model::view::RunView::default()
    };
    let view = status(&toy.settings(), &toy.ledger, &toy.observed(), Some(&run), None);
    assert_eq!((view.health, view.why.as_str()), (Health::Degraded, "run r-1 asks: Go ahead?"));
}

/// An identity that is adopted would not make its file system hold more.
#[test]
fn a_root_that_cannot_hold_what_is_preserved_is_said_with_its_own_way_out() {
    let toy = Toy::two_hosts();
    let mut observed = toy.observed();
    let report = observed.hosts.get_mut(&"mx2".into()).unwrap().status.scenarios.values_mut().next().unwrap();
    let message = "root data at /srv/shop: its file system, vfat, cannot hold acls; put it elsewhere, or lossy: [acls]";
    report.roots[0].state = RootState::Halted { reason: HaltReason::CannotHold, message: message.to_owned() };
    let view = status(&toy.settings(), &toy.ledger, &observed, None, None);
    assert_eq!((view.state, view.health), (ScenarioState::Halted, Health::Failed));
    assert_eq!(view.why, format!("halted on mx2: {message}"));
    for verb in [Verb::Synchronize, Verb::Compare, Verb::Switchover] {
        let options = Toy::options(Some("dublin"));
        let plan = crate::plan(verb, &options, &toy.settings(), &toy.ledger, &observed, None).view();
        let blocker = plan.blockers.iter().find(|blocker| blocker.facts.contains(&message.to_owned())).unwrap();
        assert!(blocker.help.join(" ").contains("`lossy`"), "{blocker:?}");
        assert!(!blocker.help.join(" ").contains("adopt-root"), "{blocker:?}");
    }
    let options = Options { root: Some("data".into()), host: Some("mx2".into()), ..Toy::options(None) };
    let plan = crate::plan(Verb::AdoptRoot, &options, &toy.settings(), &toy.ledger, &observed, None).view();
    assert_eq!(plan.blockers[0].message, "data on mx2 would halt again");
}

#[test]
fn what_is_not_kept_is_listed_when_it_was_accepted_or_is_left_out() {
    let mut toy = Toy::two_hosts();
    toy.spec.replicas[0].roots[0].lossy = [Loss::Acls].into();
    let mut observed = toy.observed();
    let root = |observed: &mut crate::Observed, host: &str, change: &dyn Fn(&mut RootStatus)| {
        let report = observed.hosts.get_mut(&host.into()).unwrap();
        change(&mut report.status.scenarios.values_mut().next().unwrap().roots[0]);
    };
    root(&mut observed, "mx1", &|root| root.skipped = 3);
    let lack = |what: &str, weight| Lack { what: what.to_owned(), why: "no".to_owned(), weight };
    root(&mut observed, "mx2", &|root| {
        root.file_system = Some("vfat".to_owned());
        root.lacks = vec![
            lack("acls", Weight::Harmless),
            lack("specials", Weight::Harmless),
            lack("ownership", Weight::Rights),
            lack("sizes", Weight::Limit),
        ];
    });
    let view = status(&toy.settings(), &toy.ledger, &observed, None, None);
    let lines = |at: usize| -> Vec<String> {
        view.members[at].not_kept.iter().map(|lost| format!("{} {}: {}", lost.root, lost.what, lost.why)).collect()
    };
    assert_eq!(lines(0), ["data 3 entries: sockets, fifos and device nodes are left out"]);
    assert_eq!(lines(1), ["data acls: accepted on vfat: no", "data ownership: no"]);
}
