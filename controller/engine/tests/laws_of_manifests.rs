//! The laws of plans and runs hold for plans that people write.

mod manifests;

use engine::{
    Next, Options, Run,
    plan::builtin,
    steps::AnyStep,
    toy::{Fault, Hardship, Played, Toy},
};
use manifests::{
    always, approve, check, drain, every_action, make_active, on_failure, options, redirect, retried, reverse, run,
    script, start, step, stop, switchover, undone_by,
};
use model::{
    RecoveryPlanSpec, Role, RunId,
    recovery_plan::{Given, OnFailure, Parameter, ParameterKind, PlanStep, Purpose, ToReplica},
    units::Period,
    view::Verb,
};
use proptest::prelude::*;

/// What must hold at every turn.
fn sane(toy: &Toy) {
    let active = toy.ledger.members.values().filter(|member| member.role == Role::Active).count();
    assert!(active <= 1, "two members are active: {:?}", toy.ledger.members);
    assert!(toy.writers().len() <= 1, "two hosts accept writes: {:?}", toy.writers());
    if let Some(serving) = &toy.ledger.serving {
        assert_eq!(toy.ledger.role(serving), Role::Active, "services are ordered where nobody is active");
    }
}

/// Carries out a run in which somebody always says yes.
fn play(toy: &mut Toy, verb: Verb, options: &Options, hardship: &Hardship) -> Played {
    let mut played = toy.play_through(verb, options, hardship, sane);
    while matches!(played.next, Next::Paused { .. }) && asks(toy, &played.run) {
        let step = played.run.view(&toy.settings(), &toy.ledger, &toy.observed()).waiting_step;
        assert!(played.run.resume("ben".to_owned(), step, None, None, toy.now).is_ok());
        played.next = toy.drive(&mut played.run, hardship, &mut played.transcript, &mut sane);
    }
    played.log = played.run.log().to_vec();
    played
}

fn asks(toy: &Toy, run: &Run) -> bool {
    run.view(&toy.settings(), &toy.ledger, &toy.observed()).question.is_some()
}

fn blockers(toy: &Toy, options: &Options) -> Vec<String> {
    toy.plan(Verb::Switchover, options).blockers.into_iter().map(|blocker| blocker.message).collect()
}

#[test]
fn a_built_in_plan_written_down_orders_the_same() {
    for skip_drain in [false, true] {
        for (purpose, verb) in [(Purpose::Switchover, Verb::Switchover), (Purpose::Switchback, Verb::Switchback)] {
            let mut toy = Toy::two_hosts();
            toy.spec.switchover.guards.require_drain = !skip_drain;
            if purpose == Purpose::Switchback {
                toy.play(Verb::Switchover, &Toy::options(None));
                toy.tick();
            }
            let drained = !skip_drain || purpose == Purpose::Switchback;
            let plain = Options { skip_drain: !drained, ..Toy::options(None) };
            let written = builtin(purpose, &toy.scenario, &toy.spec, drained);
            let (by_itself, by_manifest) =
                (toy.plan(verb, &plain), toy.plan(verb, &Options { skip_drain: !drained, ..options(written) }));
            assert!(by_itself.blockers.is_empty() && by_manifest.blockers.is_empty(), "{by_manifest:#?}");
            assert_eq!(by_itself.steps, by_manifest.steps);
            assert_eq!(by_itself.losses, by_manifest.losses);
            assert!(by_itself.manners.is_empty() && by_manifest.manners.len() == by_manifest.steps.len());
        }
    }
}

#[test]
fn same_inputs_same_plan_and_json_keeps_it() {
    let toy = Toy::two_hosts();
    let plan = toy.plan(Verb::Switchover, &options(every_action()));
    assert!(plan.blockers.is_empty(), "{:#?}", plan.blockers);
    assert_eq!(plan, toy.plan(Verb::Switchover, &options(every_action())));
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(plan, serde_json::from_str(&text).unwrap());
}

#[test]
fn a_crash_between_any_two_turns_changes_nothing() {
    let plans = [
        every_action(),
        switchover(vec![
            approve("ask"),
            undone_by(&["x"], run("announce", "active")),
            stop(),
            drain(),
            always(on_failure(OnFailure::Pause, run("before", "active"))),
            make_active(),
            start(),
            redirect(),
            always(run("tidy", "active")),
        ]),
    ];
    for (spec, fault) in plans.iter().flat_map(|spec| [(spec, None), (spec, Some(Fault::BarriersFail))]) {
        let world = || {
            let mut toy = Toy::two_hosts();
            toy.faults.extend(fault.clone());
            toy
        };
        let mut undisturbed = world();
        let calm = play(&mut undisturbed, Verb::Switchover, &options(spec.clone()), &Hardship::default());
        for (crashes, loses_ledger) in [(true, false), (true, true)] {
            let mut disturbed = world();
            let hardship = Hardship { frozen: None, crashes, loses_ledger };
            let rough = play(&mut disturbed, Verb::Switchover, &options(spec.clone()), &hardship);
            assert_eq!(calm.next, rough.next, "{}", rough.transcript);
            assert_eq!(undisturbed.ledger, disturbed.ledger, "{}", rough.transcript);
        }
    }
}

#[test]
fn an_unsafe_order_is_refused_with_its_reason() {
    let toy = Toy::two_hosts();
    let refused = |steps: Vec<PlanStep>, expected: &str| {
        let found = blockers(&toy, &options(switchover(steps)));
        assert!(found.iter().any(|message| message.contains(expected)), "{expected}: {found:?}");
    };
    refused(vec![stop(), drain(), start(), redirect()], "no step makes the other host active");
    refused(vec![stop(), drain(), redirect(), make_active(), start()], "`redirect` before `setActive`");
    refused(vec![stop(), drain(), start(), make_active(), redirect()], "`startServices` before `setActive`");
    refused(vec![drain(), stop(), make_active(), start(), redirect()], "`waitForDrain` before `stopServices`");
    refused(vec![stop(), make_active(), start(), redirect()], "requireDrain");
    refused(vec![drain(), make_active(), start(), redirect()], "the services are not stopped");
    refused(vec![stop(), drain(), make_active(), redirect()], "the services are never started");
    refused(vec![stop(), drain(), make_active(), start(), PlanStep { name: "b".into(), ..make_active() }], "a second");
    refused(
        vec![stop(), on_failure(OnFailure::Continue, drain()), make_active(), start(), redirect()],
        "nothing can go on without `waitForDrain`",
    );
    refused(
        vec![stop(), drain(), make_active(), on_failure(OnFailure::Undo, start()), redirect()],
        "nothing can be taken back",
    );
    let other = RecoveryPlanSpec { scenario: "mail".into(), ..every_action() };
    assert!(blockers(&toy, &options(other))[0].contains("is for mail"));
    let home = RecoveryPlanSpec { purpose: Purpose::Switchback, ..every_action() };
    assert!(blockers(&toy, &options(home))[0].contains("is for a switchback"));
    let skip = Options { skip_drain: true, ..options(every_action()) };
    assert!(blockers(&toy, &skip).contains(&"--skip-drain is refused".to_owned()));
    let at = |host: &str, step: PlanStep| PlanStep { host: Some(host.into()), ..step };
    refused(vec![at("mx2", stop()), drain(), make_active(), start(), redirect()], "step stop names mx2");
    refused(vec![stop(), drain(), make_active(), at("primary", start()), redirect()], "step start names mx1");
    refused(vec![run("x", "mx9"), stop(), drain(), make_active(), start(), redirect()], "shop has no host mx9");
}

#[test]
fn without_a_drain_a_person_has_to_accept_the_loss() {
    let mut toy = Toy::two_hosts();
    toy.spec.switchover.guards.require_drain = false;
    let hasty = options(switchover(vec![stop(), make_active(), start(), redirect()]));
    let plan = toy.plan(Verb::Switchover, &hasty);
    assert_eq!(plan.blockers[0].accepted_by.as_deref(), Some("--skip-drain"));
    let accepted = toy.plan(Verb::Switchover, &Options { skip_drain: true, ..hasty });
    assert!(accepted.blockers.is_empty() && !accepted.losses.is_empty(), "{accepted:#?}");
    let elsewhere = PlanStep { wait_for_drain: Some(ToReplica { replica: Some("oslo".into()) }), ..step("drain") };
    let mut toy = Toy::three_hosts();
    let plan = options(switchover(vec![stop(), elsewhere, make_active(), start(), redirect()]));
    let plan = Options { to: Some("dublin".into()), ..plan };
    assert!(blockers(&toy, &plan)[0].contains("does not wait for the drain"));
    toy.spec.switchover.guards.require_drain = false;
    assert_eq!(toy.plan(Verb::Switchover, &plan).blockers[0].accepted_by.as_deref(), Some("--skip-drain"));
}

#[test]
fn parameters_choose_and_are_checked() {
    let toy = Toy::three_hosts();
    let parameter = |name: &str, kind, default: Option<&str>| Parameter {
        name: name.to_owned(),
        kind,
        required: default.is_none(),
        default: default.map(str::to_owned),
        description: None,
    };
    let given = |name: &str| Given::FromParameter(name.to_owned());
    let words = vec!["announce".into(), given("ticket")];
    let announce = PlanStep {
        host: Some(given("to")),
        run: Some(model::recovery_plan::RunScript { command: words, check: Vec::new() }),
        ..step("announce")
    };
    let to = PlanStep { set_active: Some(ToReplica { replica: Some(given("to")) }), ..step("make-active") };
    let spec = RecoveryPlanSpec {
        parameters: vec![
            parameter("ticket", ParameterKind::Text, None),
            parameter("to", ParameterKind::Replica, Some("oslo")),
        ],
        ..switchover(vec![announce, stop(), drain(), to, start(), redirect()])
    };
    let set = |values: &[(&str, &str)]| Options {
        parameters: values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..options(spec.clone())
    };
    let plan = toy.plan(Verb::Switchover, &set(&[("ticket", "OPS-12")]));
    assert!(plan.blockers.is_empty(), "{:#?}", plan.blockers);
    assert_eq!(plan.steps[0].title(), "run announce OPS-12 on mx3");
    assert!(plan.title.starts_with("mx1 -> oslo (mx3), plan shop-move"), "{}", plan.title);
    let dublin = toy.plan(Verb::Switchover, &set(&[("ticket", "OPS-12"), ("to", "dublin")]));
    assert!(dublin.title.starts_with("mx1 -> dublin"), "{}", dublin.title);
    let elsewhere = Options { to: Some("dublin".into()), ..set(&[("ticket", "OPS-12")]) };
    assert!(blockers(&toy, &elsewhere)[0].contains("--to dublin is not where this plan goes"));
    assert_eq!(blockers(&toy, &set(&[])), ["the parameter ticket is not given"]);
    assert!(blockers(&toy, &set(&[("ticket", "a"), ("tikcet", "b")]))[0].contains("no parameter tikcet"));
    assert!(blockers(&toy, &set(&[("ticket", "a"), ("to", "paris")]))[0].contains("has no replica paris"));
}

#[test]
fn a_yes_is_never_the_answer_to_a_question_that_was_not_shown() {
    let mut toy = Toy::two_hosts();
    let spec = switchover(vec![approve("one"), approve("two"), stop(), drain(), make_active(), start(), redirect()]);
    let mut run = toy.play_through(Verb::Switchover, &options(spec), &Hardship::default(), sane).run;
    let shown = run.view(&toy.settings(), &toy.ledger, &toy.observed());
    assert_eq!(
        (shown.waiting_step.as_deref(), shown.choices[0].as_str()),
        (Some("1"), "standin run resume r-1 --step 1")
    );
    let unread = run.resume("ben".to_owned(), None, None, None, toy.now).unwrap_err();
    assert!(!unread.moved && unread.help == ["standin run resume r-1 --step 1"], "{unread:?}");
    run.resume("anna".to_owned(), shown.waiting_step.clone(), None, None, toy.now).unwrap();
    let next = toy.drive(&mut run, &Hardship::default(), &mut String::new(), &mut sane);
    assert!(matches!(&next, Next::Paused { step, .. } if step == "2"), "{next:?}");
    let late = run.resume("ben".to_owned(), shown.waiting_step, None, None, toy.now).unwrap_err();
    assert!(late.moved && late.message.contains("waits at step 2"), "{late:?}");
    assert_eq!(run.view(&toy.settings(), &toy.ledger, &toy.observed()).waiting_step.as_deref(), Some("2"));
}

#[test]
fn an_approval_that_nobody_gives_is_a_failure() {
    let mut toy = Toy::two_hosts();
    let ask = PlanStep { timeout: Some(Period::from_secs(1800)), ..approve("ask") };
    let spec = switchover(vec![ask, stop(), drain(), make_active(), start(), redirect()]);
    let mut played = toy.play_through(Verb::Switchover, &options(spec), &Hardship::default(), sane);
    assert!(matches!(&played.next, Next::Paused { step, .. } if step == "1"), "{:?}", played.next);
    let drive = |toy: &mut Toy, run: &mut Run| toy.drive(run, &Hardship::default(), &mut String::new(), &mut sane);
    toy.pass(1700);
    assert!(matches!(drive(&mut toy, &mut played.run), Next::Paused { .. }), "there is time left");
    let refused = played.run.resume("ben".to_owned(), None, Some("1".to_owned()), Some("x".to_owned()), toy.now);
    assert!(refused.unwrap_err().message.contains("cannot be left out"));
    toy.pass(200);
    let next = drive(&mut toy, &mut played.run);
    assert!(matches!(&next, Next::RolledBack { why } if why.contains("gave up after 30m")), "{next:?}");
    assert_eq!(toy.ledger.active(), toy.ledger.serving.as_ref());
}

#[test]
fn an_abort_while_a_person_is_asked_takes_everything_back() {
    let mut toy = Toy::two_hosts();
    let before = toy.ledger.clone();
    let spec = switchover(vec![
        undone_by(&["announce", "--end"], run("announce", "active")),
        stop(),
        approve("ask"),
        drain(),
        make_active(),
        start(),
        redirect(),
        always(run("tidy", "active")),
    ]);
    let mut played = toy.play_through(Verb::Switchover, &options(spec), &Hardship::default(), sane);
    assert!(asks(&toy, &played.run));
    played.run.abort("ben".to_owned(), toy.now).unwrap();
    let mut story = String::new();
    let next = toy.drive(&mut played.run, &Hardship::default(), &mut story, &mut sane);
    assert_eq!(next, Next::RolledBack { why: "aborted by ben".to_owned() }, "{story}");
    assert_eq!((&toy.ledger.members, &toy.ledger.serving), (&before.members, &before.serving));
    let view = played.run.view(&toy.settings(), &toy.ledger, &toy.observed());
    let states: Vec<&str> = view.steps.iter().map(|step| step.state.as_str()).collect();
    assert_eq!(states[..3], ["undone", "undone", "undone"]);
    assert_eq!(states.last(), Some(&"reached"), "what is done always is done after an abort too");
    assert!(view.steps.last().unwrap().title.ends_with("tidy on mx1 (in any case)"), "home is active again");
}

#[test]
fn a_paused_run_before_the_point_of_no_return_may_go_on_or_back() {
    let spec = || {
        let probe = on_failure(OnFailure::Pause, undone_by(&["probe", "--end"], run("probe", "target")));
        switchover(vec![stop(), drain(), probe, make_active(), start(), redirect()])
    };
    let paused = || {
        let mut toy = Toy::two_hosts();
        toy.faults.insert(Fault::ErrandsFail);
        let played = toy.play_through(Verb::Switchover, &options(spec()), &Hardship::default(), sane);
        assert!(matches!(&played.next, Next::Paused { step, .. } if step == "3"), "{}", played.transcript);
        assert!(!played.run.crossed());
        toy.faults.clear();
        (toy, played.run)
    };
    let drive = |toy: &mut Toy, run: &mut Run| toy.drive(run, &Hardship::default(), &mut String::new(), &mut sane);
    let (mut toy, mut run) = paused();
    run.resume("ben".to_owned(), None, None, None, toy.now).unwrap();
    assert_eq!(drive(&mut toy, &mut run), Next::Done);
    let (mut toy, mut run) = paused();
    run.resume("ben".to_owned(), None, Some("3".to_owned()), Some("by hand".to_owned()), toy.now).unwrap();
    assert_eq!(drive(&mut toy, &mut run), Next::Done);
    let (mut toy, mut run) = paused();
    run.abort("ben".to_owned(), toy.now).unwrap();
    assert!(matches!(drive(&mut toy, &mut run), Next::RolledBack { .. }));
    assert_eq!(toy.ledger.active(), toy.ledger.serving.as_ref());
}

#[test]
fn retries_are_made_as_often_as_the_plan_says() {
    for (max, attempts) in [(1, 2), (4, 5)] {
        let mut toy = Toy::two_hosts();
        toy.faults.insert(Fault::ErrandsFail);
        let spec = switchover(vec![retried(max, run("probe", "active")), stop(), drain(), make_active(), start()]);
        let played = toy.play_through(Verb::Switchover, &options(spec), &Hardship::default(), sane);
        let Next::RolledBack { why } = &played.next else { panic!("{}", played.transcript) };
        assert!(why.contains(&format!("after {attempts} attempts")), "{why}");
    }
}

#[test]
fn a_switchover_may_begin_the_way_home() {
    let mut toy = Toy::two_hosts();
    let played = play(&mut toy, Verb::Switchover, &options(every_action()), &Hardship::default());
    assert_eq!(played.next, Next::Done, "{}", played.transcript);
    assert!(toy.ledger.reverse);
    let home =
        manifests::spec(Purpose::Switchback, vec![reverse(), stop(), drain(), make_active(), start(), redirect()]);
    let plan = toy.plan(Verb::Switchback, &options(home.clone()));
    assert!(!plan.steps.iter().any(|step| matches!(step, AnyStep::ReverseReplication(_))), "it is on already");
    let back = play(&mut toy, Verb::Switchback, &options(home), &Hardship::default());
    assert_eq!(back.next, Next::Done, "{}", back.transcript);
    assert_eq!(toy.agent("mx1").orders.len() as u64, toy.orders, "every order is home");
}

/// A step that may stand anywhere, a move out of place, or a move with another answer to its failure.
#[derive(Clone, Debug)]
enum Change {
    Insert(usize, PlanStep),
    Remove(usize),
    Swap(usize, usize),
    Answer(usize, OnFailure),
    Retry(usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let host = prop::sample::select(vec!["active", "target", "primary", "mx1", "mx2", "mx3"]);
    let answer = || prop::sample::select(vec![OnFailure::Undo, OnFailure::Pause, OnFailure::Continue]);
    let script = (host, any::<bool>(), any::<bool>(), any::<bool>(), prop::option::of(answer())).prop_map(
        |(host, with_undo, is_always, no_return, answer)| PlanStep {
            undo: with_undo.then(|| model::recovery_plan::UndoAction { run: script(&["back"]) }),
            always: is_always && !with_undo,
            point_of_no_return: (no_return && !with_undo && !is_always).then_some(true),
            on_failure: answer,
            ..run("extra", host)
        },
    );
    let insert = prop_oneof![3 => script, 1 => Just(approve("extra")), 1 => Just(check()), 1 => Just(reverse())];
    let change = prop_oneof![
        6 => (0..9usize, insert).prop_map(|(at, step)| Change::Insert(at, step)),
        1 => (0..9usize).prop_map(Change::Remove),
        1 => (0..9usize, 0..9usize).prop_map(|(a, b)| Change::Swap(a, b)),
        2 => (0..9usize, answer()).prop_map(|(at, answer)| Change::Answer(at, answer)),
        1 => (0..9usize).prop_map(Change::Retry),
    ];
    prop::collection::vec(change, 0..6)
}

fn changed(changes: &[Change]) -> RecoveryPlanSpec {
    let mut steps = vec![stop(), drain(), make_active(), start(), check(), redirect()];
    for (n, change) in changes.iter().enumerate() {
        match change {
            Change::Insert(at, step) => {
                let step = PlanStep { name: format!("extra-{n}"), ..step.clone() };
                steps.insert(at % (steps.len() + 1), step);
            }
            Change::Remove(at) if steps.len() > 1 => drop(steps.remove(at % steps.len())),
            Change::Remove(_) => {}
            Change::Swap(a, b) => {
                let count = steps.len();
                steps.swap(a % count, b % count);
            }
            Change::Answer(at, answer) => {
                let at = at % steps.len();
                steps[at].on_failure = Some(*answer);
            }
            Change::Retry(at) => {
                let at = at % steps.len();
                steps[at] = retried(2, steps[at].clone());
            }
        }
    }
    switchover(steps)
}

fn faults() -> impl Strategy<Value = Option<Fault>> {
    prop::sample::select(vec![
        None,
        Some(Fault::ErrandsFail),
        Some(Fault::BarriersFail),
        Some(Fault::ErrandsInterrupted),
        Some(Fault::LinkCut),
        Some(Fault::ServicesFail("mx1".into())),
        Some(Fault::ServicesFail("mx2".into())),
        Some(Fault::RoleLags("mx1".into())),
        Some(Fault::RoleLags("mx2".into())),
        Some(Fault::Deaf("mx2".into())),
    ])
}

/// Whatever people write and whatever breaks: a plan is refused, or at most one host accepts writes and the run ends,
/// or rests with somebody active.
#[test]
fn no_list_of_steps_makes_two_writers() {
    let config = ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let (mut ran, mut ends) = (0, std::collections::BTreeSet::new());
    let played = std::cell::RefCell::new((&mut ran, &mut ends));
    let worlds = (changes(), faults(), prop::option::of(0..12usize), any::<bool>());
    let outcome = runner.run(&worlds, |(changes, fault, frozen, crashes)| {
        if let Some(end) = carry_out(&changes, fault, frozen, crashes)? {
            let mut played = played.borrow_mut();
            *played.0 += 1;
            played.1.insert(end);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(ran > 200, "only {ran} plans were safe enough to be carried out");
    assert!(ends.len() >= 3, "{ends:?}");
}

/// `None` when the plan is refused; how the run ended otherwise.
fn carry_out(
    changes: &[Change],
    fault: Option<Fault>,
    frozen: Option<usize>,
    crashes: bool,
) -> Result<Option<&'static str>, TestCaseError> {
    let mut toy = Toy::three_hosts();
    let options = Options { to: Some("dublin".into()), ..options(changed(changes)) };
    if !toy.plan(Verb::Switchover, &options).blockers.is_empty() {
        return Ok(None);
    }
    toy.faults.extend(fault);
    let crashes = crashes && frozen.is_none();
    let hardship = Hardship { frozen, crashes, loses_ledger: crashes };
    let played = play(&mut toy, Verb::Switchover, &options, &hardship);
    let story = &played.transcript;
    prop_assert!(!story.contains("never ended"), "{}", story);
    let end = match &played.next {
        Next::Done => {
            prop_assert!(toy.ledger.active() == Some(&"dublin".into()), "{}", story);
            "done"
        }
        Next::RolledBack { .. } => {
            prop_assert!(!played.run.crossed() && toy.ledger.active() == toy.ledger.serving.as_ref(), "{}", story);
            "rolled back"
        }
        Next::Paused { .. } => "paused",
        Next::Stuck { .. } => {
            prop_assert!(!played.run.crossed() && toy.ledger.active().is_some(), "{}", story);
            "stuck"
        }
        Next::Wait { .. } => return Err(TestCaseError::fail(story.clone())),
    };
    let again = Run::replay(RunId::new("r-9"), played.plan.clone(), "anna".to_owned(), &played.log);
    prop_assert_eq!(again.map(|run| run.state()).ok(), Some(played.run.state()));
    Ok(Some(end))
}
