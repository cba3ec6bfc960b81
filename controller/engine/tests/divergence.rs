//! What one member has and the new active has not is set aside before it is replaced, and only then.

use engine::{
    Next, Options, Run, compose,
    steps::{Asking, Progress, Sight},
    toy::{Hardship, Toy},
};
use model::{Epoch, Ledger, Mark, MemberName, RunId, ledger::Divergence, view::Verb};

fn lossy(to: &str) -> Options {
    Options { allow_data_loss: true, no_fence: true, ..Toy::options(Some(to)) }
}

fn divergence(toy: &Toy, member: &str) -> Option<Divergence> {
    toy.ledger.members.get(&MemberName::from(member)).and_then(|member| member.divergence)
}

fn done(toy: &mut Toy, verb: Verb, options: &Options) {
    let played = toy.play(verb, options);
    assert_eq!(played.next, Next::Done, "{}", played.transcript);
}

/// oslo has orders that dublin has not, and the primary is dead.
fn oslo_ahead() -> Toy {
    let mut toy = Toy::three_hosts();
    toy.kill("mx2");
    (0..3).for_each(|_| toy.tick());
    toy.kill("mx1");
    toy.revive("mx2");
    (0..3).for_each(|_| toy.tick());
    assert!(toy.agent("mx3").orders.len() > toy.agent("mx2").orders.len());
    toy
}

#[test]
fn a_replica_that_is_ahead_of_the_new_active_loses_nothing_in_silence() {
    let mut toy = oslo_ahead();
    let all = toy.agent("mx3").orders;
    done(&mut toy, Verb::Failover, &lossy("dublin"));
    (0..3).for_each(|_| toy.tick());
    let after = toy.agent("mx3");
    let kept: Vec<&u64> = after.orders.union(&after.set_aside).collect();
    assert!(all.iter().all(|order| kept.contains(&order)), "{all:?} became {kept:?}");
    assert!(!after.set_aside.is_empty());
}

#[test]
fn a_replica_that_the_ledger_does_not_know_is_set_aside_too() {
    let mut toy = oslo_ahead();
    toy.ledger.members.remove(&MemberName::from("oslo"));
    done(&mut toy, Verb::Failover, &lossy("dublin"));
    assert_eq!(divergence(&toy, "oslo"), Some(Divergence { since: Epoch(2), drained: false, followed: false }));
}

#[test]
fn after_a_drain_only_the_old_active_is_compared_in_full() {
    let mut toy = Toy::three_hosts();
    done(&mut toy, Verb::Switchover, &Toy::options(Some("dublin")));
    assert_eq!(divergence(&toy, "oslo"), None);
    assert_eq!(divergence(&toy, "primary"), Some(Divergence { since: Epoch(2), drained: true, followed: false }));
}

/// A divergence that stayed for ever would move what differs to the quarantine at each later synchronization.
#[test]
fn a_divergence_is_over_once_the_member_follows_the_new_lineage() {
    let mut toy = oslo_ahead();
    done(&mut toy, Verb::Failover, &lossy("dublin"));
    (0..3).for_each(|_| toy.tick());
    assert!(divergence(&toy, "oslo").is_some());
    done(&mut toy, Verb::Synchronize, &Toy::options(None));
    assert_eq!(divergence(&toy, "oslo"), None);
    let parts = compose(&toy.settings(), &toy.ledger);
    assert!(parts.values().flat_map(|part| &part.streams).all(|stream| stream.set_aside.is_none()));
}

#[test]
fn what_home_may_hold_is_remembered_until_a_person_gives_it_up() {
    let mut toy = Toy::two_hosts();
    toy.kill("mx1");
    toy.tick();
    done(&mut toy, Verb::Failover, &lossy("dublin"));
    toy.revive("mx1");
    (0..3).for_each(|_| toy.tick());
    done(&mut toy, Verb::Resume, &Options { reverse: true, ..Toy::options(None) });
    done(&mut toy, Verb::Synchronize, &Toy::options(None));
    assert!(divergence(&toy, "primary").is_some_and(|divergence| !divergence.drained));
    assert!(!toy.plan(Verb::Switchback, &Toy::options(None)).blockers.is_empty());
}

#[test]
fn a_member_of_another_lineage_is_not_settled() {
    let mut toy = oslo_ahead();
    done(&mut toy, Verb::Failover, &lossy("dublin"));
    toy.kill("mx3");
    toy.tick();
    let plan = toy.plan(Verb::Suspend, &Toy::options(None));
    assert!(plan.settled.is_empty());
}

#[test]
fn marks_of_another_lineage_prove_no_drain() {
    let toy = Toy::two_hosts();
    let (from, to) = (toy.settings().places()[0].clone(), toy.settings().places()[1].clone());
    let cx = Asking { run: RunId::new("r-1"), step: "1".to_owned(), attempt: 1, ..Asking::default() };
    let look = |observed: &engine::Observed| {
        let sight = Sight { scenario: &toy.scenario, ledger: &toy.ledger, observed };
        sight.drained(&cx, &from, &to, Mark { epoch: Epoch(1), batch: 1 })
    };
    let mut observed = toy.observed();
    assert!(look(&observed).is_ok());
    let part = observed.hosts.get_mut(&"mx1".into()).unwrap().status.scenarios.get_mut(&toy.scenario).unwrap();
    part.source.as_mut().unwrap().lineage = "begun anew".to_owned();
    assert!(matches!(look(&observed), Err(Progress::Waiting(_))));
}

/// A ledger restored from a copy knows less than the agents: nothing may be decided with it.
#[test]
fn a_ledger_of_the_past_is_refused_by_every_verb() {
    let verbs = [Verb::Switchover, Verb::Failover, Verb::Switchback, Verb::Suspend, Verb::Synchronize, Verb::Compare];
    let mut toy = Toy::two_hosts();
    let (past, present): (Ledger, Ledger) = {
        let past = toy.ledger.clone();
        done(&mut toy, Verb::Switchover, &Toy::options(None));
        toy.tick();
        (past, toy.ledger.clone())
    };
    toy.ledger = past.clone();
    for verb in verbs {
        let plan = toy.plan(verb, &lossy("dublin"));
        assert!(plan.blockers.iter().any(|blocker| blocker.message.contains("knows epoch 2")), "{verb:?}: {plan:?}");
    }
    let status = engine::status(&toy.settings(), &toy.ledger, &toy.observed(), None, None);
    assert!(status.conditions.iter().any(|condition| condition.reason == "StateOutdated"), "{status:?}");
    // The same epoch and a later ledger: an answer to orders of that ledger is none to ours.
    toy.ledger = Ledger { revision: present.revision - 1, ..present };
    let plan = toy.plan(Verb::Suspend, &Toy::options(None));
    assert!(plan.blockers.iter().any(|blocker| blocker.message.contains("has not taken up")), "{plan:?}");
}

/// Such a service never counts as stopped or started: the run would wait for it in vain, with the work at rest.
#[test]
fn services_that_cannot_be_asked_refuse_a_planned_move_at_either_end() {
    for host in ["mx1", "mx2"] {
        let mut toy = Toy::two_hosts();
        toy.faults.insert(engine::toy::Fault::ServicesUnknown(host.into()));
        let plan = toy.plan(Verb::Switchover, &Toy::options(None));
        let expected = format!("whether shop runs on {host} cannot be found out");
        assert!(plan.blockers.iter().any(|blocker| blocker.message == expected), "{plan:?}");
        let failover = toy.plan(Verb::Failover, &lossy("dublin"));
        assert!(!failover.blockers.iter().any(|blocker| blocker.message == expected), "{failover:?}");
    }
}

/// A run that was open in the copy is over by now: it must not go on.
#[test]
fn a_run_of_the_past_does_not_go_on() {
    let mut toy = Toy::two_hosts();
    let mut run = Run::start(RunId::new("r-9"), toy.plan(Verb::Switchover, &Toy::options(None)), "anna".to_owned());
    let past = toy.ledger.clone();
    done(&mut toy, Verb::Switchover, &Toy::options(None));
    toy.ledger = past;
    let mut ledger = toy.ledger.clone();
    let (events, next) = run.advance(&mut ledger, &toy.settings(), &toy.observed());
    assert!(events.is_empty() && ledger == toy.ledger, "{events:?}");
    assert!(matches!(next, Next::Wait { why, .. } if why.contains("knows epoch 2")));
}

/// The former active host is whole, as it was when its successor took over, unless it has begun to follow since.
#[test]
fn a_former_active_host_may_take_over_again_as_long_as_it_is_what_it_was() {
    let to_home = |toy: &mut Toy| {
        toy.kill("mx2");
        toy.tick();
        toy.plan(Verb::Failover, &lossy("primary"))
    };
    let mut toy = Toy::two_hosts();
    done(&mut toy, Verb::Switchover, &Toy::options(None));
    let drained = to_home(&mut toy.clone());
    assert!(drained.blockers.is_empty(), "{:?}", drained.blockers);
    assert_eq!(drained.losses[0], "mx1 was active until epoch 2 and has nothing that was written since");

    let reverse = Options { reverse: true, ..Toy::options(None) };
    let frozen = Hardship { frozen: Some(0), ..Hardship::default() };
    let played = toy.play_through(Verb::Resume, &reverse, &frozen, |_| {});
    assert!(matches!(played.next, Next::RolledBack { .. }), "{}", played.transcript);
    let begun = to_home(&mut toy);
    assert!(begun.blockers[0].message.contains("never synchronized"), "{:?}", begun.blockers);
}

#[test]
fn a_lost_host_that_came_back_may_take_over_when_its_successor_is_lost_too() {
    let mut toy = Toy::two_hosts();
    toy.kill("mx1");
    toy.tick();
    done(&mut toy, Verb::Failover, &lossy("dublin"));
    toy.revive("mx1");
    (0..3).for_each(|_| toy.tick());
    let before = toy.agent("mx1").orders;
    toy.kill("mx2");
    toy.tick();
    done(&mut toy, Verb::Failover, &lossy("primary"));
    assert!(toy.agent("mx1").orders.is_superset(&before), "it has what only it had");
    toy.revive("mx2");
    (0..3).for_each(|_| toy.tick());
    assert!(!toy.agent("mx2").set_aside.is_empty(), "what only mx2 had is in its quarantine");
    assert_eq!(toy.writers(), [&"mx1".into()]);
}
