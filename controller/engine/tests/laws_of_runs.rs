//! Laws of plans and runs: nobody is left with two active hosts, whatever freezes, fails or dies.

use engine::{
    Event, Next, Options, Run, What,
    toy::{Fault, Hardship, Toy},
};
use model::{
    Epoch, ErrandId, Ledger, Member, MemberName, Role, RunId, Timestamp,
    view::{RunState, Verb},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn lossy() -> Options {
    Options { allow_data_loss: true, no_fence: true, ..Toy::options(Some("dublin")) }
}

fn home() -> Options {
    Options { discard: Some("home".to_owned()), ..Toy::options(None) }
}

/// Worlds in which a verb may be carried out.
fn stories() -> Vec<(&'static str, Toy, Verb, Options)> {
    let fresh = Toy::two_hosts();
    let mut dead = fresh.clone();
    dead.kill("mx1");
    dead.tick();
    let mut away = fresh.clone();
    away.play(Verb::Switchover, &Toy::options(None));
    let mut returned = dead.clone();
    returned.play(Verb::Failover, &lossy());
    returned.revive("mx1");
    (0..3).for_each(|_| returned.tick());
    let reverse = Options { reverse: true, ..Toy::options(None) };
    vec![
        ("switchover", fresh.clone(), Verb::Switchover, Toy::options(None)),
        ("failover of a live host", fresh.clone(), Verb::Failover, lossy()),
        ("failover of a dead host", dead, Verb::Failover, lossy()),
        ("switchback", away.clone(), Verb::Switchback, Toy::options(None)),
        ("switchback after a loss", returned, Verb::Switchback, home()),
        ("reverse", away, Verb::Resume, reverse),
        ("suspend", fresh.clone(), Verb::Suspend, Toy::options(None)),
        ("synchronize", fresh, Verb::Synchronize, Toy::options(None)),
    ]
}

/// What must hold at every turn.
fn sane(toy: &Toy) {
    let active = toy.ledger.members.values().filter(|member| member.role == Role::Active).count();
    assert!(active <= 1, "two members are active: {:?}", toy.ledger.members);
    assert!(toy.writers().len() <= 1, "two hosts accept writes: {:?}", toy.writers());
    if let Some(serving) = &toy.ledger.serving {
        assert_eq!(toy.ledger.role(serving), Role::Active, "services are ordered where nobody is active");
    }
    let steps: BTreeSet<&str> = toy.ledger.errands.keys().map(ErrandId::stem).collect();
    assert_eq!(steps.len(), toy.ledger.errands.len(), "two orders of one step stand: {:?}", toy.ledger.errands);
}

#[test]
fn same_inputs_same_plan() {
    for (name, toy, verb, options) in stories() {
        let plan = toy.plan(verb, &options);
        assert!(plan.blockers.is_empty() && !plan.steps.is_empty(), "{name}: {:?}", plan.blockers);
        assert_eq!(plan, toy.plan(verb, &options), "{name}");
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(plan, serde_json::from_str(&text).unwrap(), "{name}");
    }
}

#[test]
fn a_finished_goal_planned_again_is_refused() {
    for (name, mut toy, verb, options) in stories() {
        let played = toy.play(verb, &options);
        assert_eq!(played.next, Next::Done, "{name}\n{}", played.transcript);
        toy.tick();
        if verb != Verb::Synchronize {
            assert!(!toy.plan(verb, &options).blockers.is_empty(), "{name}: planned again");
        }
        assert!(toy.ledger.errands.is_empty(), "{name}: errands are forgotten");
    }
}

/// All that is taken back; that a member has begun to follow stays true.
fn members(ledger: &Ledger) -> BTreeMap<MemberName, Member> {
    let mut members = ledger.members.clone();
    members.values_mut().filter_map(|member| member.divergence.as_mut()).for_each(|known| known.followed = false);
    members
}

#[test]
fn a_step_that_freezes_ends_in_a_sane_place() {
    for (name, toy, verb, options) in stories() {
        for frozen in 0..toy.plan(verb, &options).steps.len() {
            let mut toy = toy.clone();
            let (roles, clients) = (members(&toy.ledger), toy.ledger.redirected.clone());
            let hardship = Hardship { frozen: Some(frozen), ..Hardship::default() };
            let played = toy.play_through(verb, &options, &hardship, sane);
            let story = format!("{name}, step {} frozen\n{}", frozen + 1, played.transcript);
            match played.next {
                Next::RolledBack { .. } => {
                    assert!(!played.run.crossed(), "{story}");
                    assert_eq!((&roles, &clients), (&members(&toy.ledger), &toy.ledger.redirected), "{story}");
                    assert_eq!(toy.ledger.serving.as_ref(), toy.ledger.active(), "{story}");
                }
                Next::Paused { .. } => {
                    assert!(played.run.crossed(), "{story}");
                    assert!(toy.ledger.active().is_some(), "{story}");
                }
                // By the operator's word: there is nobody to wait for.
                Next::Done => assert!(verb == Verb::Failover && frozen == 0, "{story}"),
                Next::Stuck { .. } | Next::Wait { .. } => panic!("{story}"),
            }
        }
    }
}

#[test]
fn what_fails_ends_in_a_sane_place() {
    let faults = [
        Fault::ErrandsFail,
        Fault::BarriersFail,
        Fault::ErrandsInterrupted,
        Fault::LinkCut,
        Fault::ServicesFail("mx1".into()),
        Fault::ServicesFail("mx2".into()),
        Fault::RoleLags("mx1".into()),
        Fault::RoleLags("mx2".into()),
        Fault::Deaf("mx1".into()),
        Fault::Deaf("mx2".into()),
    ];
    for (name, toy, verb, options) in stories() {
        for fault in &faults {
            let mut toy = toy.clone();
            toy.faults.insert(fault.clone());
            let hardship = Hardship::default();
            let played = toy.play_through(verb, &options, &hardship, sane);
            let story = format!("{name}, {fault:?}\n{}", played.transcript);
            match played.next {
                Next::RolledBack { .. } | Next::Stuck { .. } => assert!(!played.run.crossed(), "{story}"),
                Next::Paused { .. } => assert!(played.run.crossed(), "{story}"),
                Next::Done => {}
                Next::Wait { .. } => panic!("{story}"),
            }
            assert!(toy.ledger.active().is_some(), "nobody is active: {story}");
        }
    }
}

#[test]
fn a_crash_between_any_two_turns_changes_nothing() {
    for (name, toy, verb, options) in stories() {
        let mut undisturbed = toy.clone();
        let calm = undisturbed.play(verb, &options);
        for (crashes, loses_ledger) in [(true, false), (true, true)] {
            let mut disturbed = toy.clone();
            let hardship = Hardship { frozen: None, crashes, loses_ledger };
            let rough = disturbed.play_through(verb, &options, &hardship, sane);
            assert_eq!(calm.next, rough.next, "{name}\n{}", rough.transcript);
            assert_eq!(undisturbed.ledger, disturbed.ledger, "{name}\n{}", rough.transcript);
            assert_eq!(deeds_of(&calm.log), deeds_of(&rough.log), "{name}");
        }
    }
}

/// What was done, without what was found: writes go on while a controller is away.
fn deeds_of(log: &[Event]) -> Vec<(String, What)> {
    let plain = |what: &What| match what {
        What::Reached { .. } => What::Reached { note: String::new(), result: None },
        other => other.clone(),
    };
    log.iter().map(|event| (event.step.clone(), plain(&event.what))).collect()
}

#[test]
fn what_has_not_arrived_is_waited_for_and_said() {
    let mut toy = Toy::two_hosts();
    let plan = toy.plan(Verb::Switchover, &Toy::options(None));
    let mut run = Run::start(RunId::new("r-1"), plan, "anna".to_owned());
    toy.faults.insert(Fault::LinkCut);
    let mut story = String::new();
    let next = toy.drive(&mut run, &Hardship::default(), &mut story, &mut sane);
    assert!(matches!(next, Next::RolledBack { .. }), "{story}");
    assert!(story.contains("1.0 KiB still to send to dublin"), "{story}");
    assert!(!run.crossed(), "{story}");
}

#[test]
fn a_log_is_the_same_after_a_trip_through_json() {
    for (name, mut toy, verb, options) in stories() {
        let played = toy.play(verb, &options);
        let text = serde_json::to_string(&played.log).unwrap();
        let log: Vec<Event> = serde_json::from_str(&text).unwrap();
        let run = Run::replay(played.run.id().clone(), played.plan.clone(), "anna".to_owned(), &log).unwrap();
        assert_eq!(run.state(), RunState::Done, "{name}");
        assert_eq!(run.log(), played.log, "{name}");
    }
}

#[test]
fn a_log_of_another_plan_is_refused() {
    let toy = Toy::two_hosts();
    let plan = toy.plan(Verb::Switchover, &Toy::options(None));
    let event = |step: &str, what| Event { step: step.to_owned(), at: Timestamp(1), what };
    let reached = || What::Reached { note: String::new(), result: None };
    for log in [vec![event("2", reached())], vec![event("99", What::Undone)], vec![event("x", What::Undone)]] {
        assert!(Run::replay(RunId::new("r-1"), plan.clone(), String::new(), &log).is_err(), "{log:?}");
    }
}

#[test]
fn a_run_that_ends_forgets_points_that_the_manifest_does_not_have() {
    let mut toy = Toy::two_hosts();
    toy.ledger.redirected.insert("gone".into(), "dublin".into());
    toy.play(Verb::Switchover, &Toy::options(None));
    assert_eq!(toy.ledger.redirected, [("forwarder".into(), "dublin".into())].into());
}

#[test]
fn a_finished_run_never_touches_the_ledger_again() {
    let mut toy = Toy::two_hosts();
    let mut old = toy.play(Verb::Switchover, &Toy::options(None)).run;
    toy.play(Verb::Switchback, &home());
    let before = toy.ledger.clone();
    let mut ledger = toy.ledger.clone();
    let (events, next) = old.advance(&mut ledger, &toy.settings(), &toy.observed());
    assert_eq!((events, next, ledger), (Vec::new(), Next::Done, before));
}

#[test]
fn a_switchover_loses_nothing_and_a_failover_sets_aside_what_it_lost() {
    let mut toy = Toy::two_hosts();
    toy.play(Verb::Switchover, &Toy::options(None));
    assert_eq!(toy.agent("mx2").orders.len() as u64, toy.orders, "every order is at the new active");
    toy.play(Verb::Switchback, &Toy::options(None));
    assert_eq!(toy.agent("mx1").orders.len() as u64, toy.orders);
    assert!(toy.agent("mx1").set_aside.is_empty() && toy.agent("mx2").set_aside.is_empty());

    toy.tick();
    let only_there = toy.orders;
    toy.kill("mx1");
    toy.play(Verb::Failover, &lossy());
    assert!(!toy.agent("mx2").orders.contains(&only_there), "the toy replicates one second late");
    toy.revive("mx1");
    toy.tick();
    let refused = toy.plan(Verb::Switchback, &Toy::options(None));
    assert_eq!(refused.blockers[0].accepted_by.as_deref(), Some("--discard home"));
    toy.play(Verb::Switchback, &home());
    assert_eq!(toy.agent("mx1").set_aside, [only_there].into(), "what only home had is in its quarantine");
    assert_eq!(toy.agent("mx1").orders.len() as u64, toy.orders - 1);
}

/// A run that waits at its first step.
fn waiting() -> (Toy, Run) {
    let mut toy = Toy::two_hosts();
    let plan = toy.plan(Verb::Switchover, &Toy::options(None));
    let mut run = Run::start(RunId::new("r-1"), plan, "anna".to_owned());
    let mut ledger = toy.ledger.clone();
    run.advance(&mut ledger, &toy.settings(), &toy.observed());
    toy.ledger = ledger;
    (toy, run)
}

#[test]
fn an_abort_before_the_point_of_no_return_takes_everything_back() {
    let (mut toy, mut run) = waiting();
    let before = Toy::two_hosts().ledger;
    run.abort("ben".to_owned(), toy.now).unwrap();
    assert!(run.abort("ben".to_owned(), toy.now).is_err(), "once is enough");
    let next = toy.drive(&mut run, &Hardship::default(), &mut String::new(), &mut sane);
    assert_eq!(next, Next::RolledBack { why: "aborted by ben".to_owned() });
    assert_eq!((&toy.ledger.members, &toy.ledger.serving), (&before.members, &before.serving));
    assert!(run.abort("ben".to_owned(), toy.now).is_err(), "it is over");
}

#[test]
fn a_paused_run_is_repeated_or_goes_on_without() {
    let mut toy = Toy::two_hosts();
    toy.faults.insert(Fault::ServicesFail("mx2".into()));
    let mut run = toy.play(Verb::Switchover, &Toy::options(None)).run;
    let view = run.view(&toy.settings(), &toy.ledger, &toy.observed());
    assert_eq!(view.state, RunState::Paused);
    assert_eq!(
        view.choices,
        [
            "standin run resume r-1",
            "standin run resume r-1 --skip 5 --reason TEXT",
            "standin run abort r-1 --as-it-is --reason TEXT"
        ]
    );
    let refusal = run.abort("anna".to_owned(), toy.now).unwrap_err();
    assert!(refusal.message.contains("past the point of no return"), "{refusal}");
    let skip = |run: &mut Run, step: &str, reason: &str| {
        run.resume("anna".to_owned(), None, Some(step.to_owned()), Some(reason.to_owned()), Timestamp(9))
    };
    assert!(skip(&mut run, "6", "why").is_err(), "it is paused at another step");
    assert!(skip(&mut run, "5", " ").is_err(), "a reason is needed");

    let mut without = (toy.clone(), run.clone());
    skip(&mut without.1, "5", "by hand").unwrap();
    let next = without.0.drive(&mut without.1, &Hardship::default(), &mut String::new(), &mut sane);
    assert_eq!(next, Next::Done);

    run.resume("anna".to_owned(), None, None, None, toy.now).unwrap();
    let still = toy.drive(&mut run, &Hardship::default(), &mut String::new(), &mut sane);
    assert!(matches!(still, Next::Paused { .. }), "it fails again");
    toy.faults.clear();
    run.resume("anna".to_owned(), None, None, None, toy.now).unwrap();
    let next = toy.drive(&mut run, &Hardship::default(), &mut String::new(), &mut sane);
    assert_eq!(next, Next::Done);
    assert!(run.resume("anna".to_owned(), None, None, None, toy.now).is_err());
}

/// A redirection that cannot be checked, done by a host that nobody heard from until patience had ended.
#[test]
fn what_was_done_unheard_is_not_done_again_when_the_run_is_resumed() {
    let mut toy = Toy::two_hosts();
    toy.spec.monitoring.checks.clear();
    toy.spec.redirection[0].script.as_mut().unwrap().check.clear();
    let plan = toy.plan(Verb::Switchover, &Toy::options(None));
    let (redirect, mut run) = (plan.steps.len(), Run::start(RunId::new("r-1"), plan, "anna".to_owned()));
    let frozen = Hardship { frozen: Some(redirect - 1), ..Hardship::default() };
    let next = toy.drive(&mut run, &frozen, &mut String::new(), &mut sane);
    assert!(matches!(&next, Next::Paused { step, .. } if *step == redirect.to_string()), "{next:?}");
    toy.tick();
    run.resume("anna".to_owned(), None, None, None, toy.now).unwrap();
    let next = toy.drive(&mut run, &Hardship::default(), &mut String::new(), &mut sane);
    assert_eq!(next, Next::Done);
    assert!(!run.log().iter().any(|event| matches!(event.what, What::Retried { .. })), "{:?}", run.log());
}

#[test]
fn a_step_that_is_resumed_has_all_its_attempts_again() {
    let mut toy = Toy::two_hosts();
    let plan = toy.plan(Verb::Switchover, &Toy::options(None));
    let mut run = Run::start(RunId::new("r-1"), plan, "anna".to_owned());
    while !run.crossed() {
        let mut ledger = toy.ledger.clone();
        run.advance(&mut ledger, &toy.settings(), &toy.observed());
        toy.ledger = ledger;
        toy.tick();
    }
    toy.faults.insert(Fault::ErrandsFail);
    let attempts = |run: &Run| run.log().iter().filter(|e| matches!(e.what, What::Retried { .. })).count();
    for expected in [5, 11, 17] {
        let next =
            toy.drive(&mut run, &Hardship { crashes: true, ..Hardship::default() }, &mut String::new(), &mut sane);
        assert!(matches!(&next, Next::Paused { why, .. } if why.contains("(after 6 attempts)")), "{next:?}");
        assert_eq!(attempts(&run), expected);
        run.resume("anna".to_owned(), None, None, None, toy.now).unwrap();
    }
}

#[test]
fn an_interrupted_redirection_is_tried_again_only_when_it_can_be_checked() {
    let attempts = |log: &[Event]| log.iter().filter(|e| matches!(e.what, What::Retried { .. })).count();
    for (check, expected) in [(vec!["forward".to_owned(), "--check".to_owned()], 5), (Vec::new(), 0)] {
        let mut toy = Toy::two_hosts();
        toy.spec.monitoring.checks.clear();
        toy.spec.redirection[0].script.as_mut().unwrap().check = check;
        let mut run = {
            let plan = toy.plan(Verb::Switchover, &Toy::options(None));
            Run::start(RunId::new("r-1"), plan, "anna".to_owned())
        };
        let redirect = run.plan().steps.len().to_string();
        // Barriers are taken in peace; what comes after the roles have moved is interrupted.
        let mut next = Next::Done;
        for _ in 0..200 {
            let mut ledger = toy.ledger.clone();
            (_, next) = run.advance(&mut ledger, &toy.settings(), &toy.observed());
            toy.ledger = ledger;
            if run.crossed() {
                toy.faults.insert(Fault::ErrandsInterrupted);
            }
            if !matches!(next, Next::Wait { .. }) {
                break;
            }
            toy.tick();
        }
        assert!(matches!(&next, Next::Paused { step, .. } if *step == redirect), "{next:?}");
        assert_eq!(attempts(run.log()), expected);
    }
}

#[test]
fn grace_is_given_after_a_restart() {
    let (mut toy, run) = waiting();
    toy.kill("mx1");
    toy.pass(3600);
    let again = || Run::replay(run.id().clone(), run.plan().clone(), "anna".to_owned(), run.log()).unwrap();
    let (mut hasty, mut patient) = (again(), again());
    patient.grant_grace(toy.now);
    let mut ledger = toy.ledger.clone();
    let (events, _) = hasty.advance(&mut ledger.clone(), &toy.settings(), &toy.observed());
    assert!(events.iter().any(|event| matches!(event.what, What::Failed { .. })));
    let (events, next) = patient.advance(&mut ledger, &toy.settings(), &toy.observed());
    assert!(events.is_empty() && matches!(next, Next::Wait { .. }), "{next:?}");
}

#[test]
fn a_clock_that_is_set_neither_fails_a_step_nor_makes_it_wait_longer() {
    let hour = 3_600_000;
    for forward in [true, false] {
        let (mut toy, mut run) = waiting();
        toy.kill("mx1");
        toy.now.0 += 10 * hour;
        run.clock_was_set(Timestamp(toy.now.0 - 10 * hour), toy.now);
        let before = toy.now;
        toy.now = Timestamp(if forward { before.0 + hour } else { before.0 - hour });
        run.clock_was_set(before, toy.now);
        toy.pass(299);
        let mut ledger = toy.ledger.clone();
        let (events, next) = run.advance(&mut ledger, &toy.settings(), &toy.observed());
        assert!(events.is_empty() && matches!(next, Next::Wait { .. }), "{next:?}");
        toy.pass(2);
        let (events, _) = run.advance(&mut ledger, &toy.settings(), &toy.observed());
        assert!(events.iter().any(|event| matches!(event.what, What::Failed { .. })), "{events:?}");
    }
}

#[derive(Clone, Debug)]
enum Deed {
    Run { verb: Verb, to: Option<&'static str>, frozen: Option<usize>, crashes: bool },
    Kill(&'static str),
    Revive(&'static str),
    Break(Fault),
    Repair,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let verb = prop::sample::select(vec![
        Verb::Switchover,
        Verb::Failover,
        Verb::Switchback,
        Verb::Suspend,
        Verb::Resume,
        Verb::Synchronize,
        Verb::Compare,
    ]);
    let to = prop::sample::select(vec![None, Some("dublin"), Some("oslo"), Some("primary")]);
    let host = || prop::sample::select(vec!["mx1", "mx2", "mx3"]);
    let run = (verb, to, prop::option::of(0..9usize), any::<bool>())
        .prop_map(|(verb, to, frozen, crashes)| Deed::Run { verb, to, frozen, crashes });
    let fault = prop_oneof![
        Just(Fault::ErrandsFail),
        Just(Fault::BarriersFail),
        Just(Fault::ErrandsInterrupted),
        Just(Fault::LinkCut),
        host().prop_map(|host| Fault::ServicesFail(host.into())),
        host().prop_map(|host| Fault::RoleLags(host.into())),
        host().prop_map(|host| Fault::Deaf(host.into())),
    ];
    let deed = prop_oneof![
        6 => run,
        1 => host().prop_map(Deed::Kill),
        2 => host().prop_map(Deed::Revive),
        1 => fault.prop_map(Deed::Break),
        2 => Just(Deed::Repair),
    ];
    prop::collection::vec(deed, 1..12)
}

fn carry_out(toy: &mut Toy, deed: &Deed) {
    match deed {
        Deed::Kill(host) => toy.kill(host),
        Deed::Revive(host) => toy.revive(host),
        Deed::Break(fault) => drop(toy.faults.insert(fault.clone())),
        Deed::Repair => toy.faults.clear(),
        Deed::Run { verb, to, frozen, crashes } => {
            // The operator's word is a lie unless the host is off, and nothing can protect from that.
            let options = Options {
                allow_data_loss: true,
                no_fence: true,
                reverse: true,
                discard: Some("home".to_owned()),
                ..Toy::options(*to)
            };
            let crashes = *crashes && frozen.is_none() && toy.faults.is_empty();
            let hardship = Hardship { frozen: *frozen, crashes, loses_ledger: crashes };
            let (epoch, revision) = (toy.ledger.epoch, toy.ledger.revision);
            let mut played = toy.play_through(*verb, &options, &hardship, sane);
            if matches!(played.next, Next::Paused { .. }) {
                let given_up = played.run.give_up("anna".to_owned(), Some("no way".to_owned()), toy.now);
                assert!(given_up.is_ok(), "{given_up:?}");
                toy.goes_on(&mut played, given_up.unwrap_or_default());
                assert!(toy.busy.is_none() && toy.ledger.errands.is_empty(), "{}", played.transcript);
            }
            assert!(!matches!(played.next, Next::Wait { .. }), "{}", played.transcript);
            assert!(!played.transcript.contains("never ended"), "{}", played.transcript);
            assert!(toy.ledger.epoch >= epoch && toy.ledger.revision >= revision);
            assert!(toy.ledger.active().is_some(), "{}", played.transcript);
            assert_eq!(toy.ledger.lineage.keys().next_back(), Some(&toy.ledger.epoch));
            assert!(toy.ledger.epoch >= Epoch(1) && toy.ledger.members.contains_key(&MemberName::primary()));
        }
    }
    toy.tick();
    sane(toy);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever people do and whatever breaks, at most one host accepts writes and every run ends.
    #[test]
    fn nobody_is_ever_active_twice(deeds in deeds()) {
        let mut toy = Toy::three_hosts();
        for deed in &deeds {
            carry_out(&mut toy, deed);
        }
    }
}
