//! What people see of plans that they wrote themselves, written down. Review changes with `cargo insta review`.

mod manifests;

use engine::{
    Next,
    toy::{Fault, Hardship, Toy},
};
use manifests::{
    always, approve, drain, every_action, make_active, on_failure, options, redirect, retried, run, start, stop,
    switchover, undone_by,
};
use model::{recovery_plan::OnFailure, view::Verb};

#[test]
fn a_plan_with_every_action() {
    let mut toy = Toy::two_hosts();
    let mut played = toy.play(Verb::Switchover, &options(every_action()));
    played.run.resume("ben".to_owned(), Some("1".to_owned()), None, Some("they know".to_owned()), toy.now).unwrap();
    played.next = toy.drive(&mut played.run, &Hardship::default(), &mut played.transcript, &mut |_| {});
    assert_eq!(played.next, Next::Done);
    insta::assert_snapshot!("every_action", played.transcript);
    let mut toy = Toy::two_hosts();
    let asking = toy.play(Verb::Switchover, &options(every_action())).run;
    insta::assert_json_snapshot!("asking", asking.view(&toy.settings(), &toy.ledger, &toy.observed()));
}

/// One plan; its third step fails and is answered in each way, then the one after the point of no return.
#[test]
fn a_failing_step_with_each_answer() {
    let mut story = String::new();
    for answer in [OnFailure::Undo, OnFailure::Pause, OnFailure::Continue] {
        let probe = on_failure(answer, retried(1, run("probe", "target")));
        let plan =
            switchover(vec![stop(), probe, drain(), make_active(), start(), redirect(), always(run("tidy", "active"))]);
        let mut toy = Toy::two_hosts();
        toy.faults.insert(Fault::ErrandsFail);
        let played = toy.play(Verb::Switchover, &options(plan));
        story += &format!("=== on failure: {}\n{}\n", answer.as_str(), played.transcript);
    }
    insta::assert_snapshot!("each_answer", story);
}

#[test]
fn what_is_done_always_is_done_after_an_abort() {
    let mut toy = Toy::two_hosts();
    let plan = switchover(vec![
        undone_by(&["announce", "--end"], run("announce", "active")),
        stop(),
        approve("ask"),
        drain(),
        make_active(),
        start(),
        redirect(),
        always(run("tidy", "active")),
    ]);
    let mut played = toy.play(Verb::Switchover, &options(plan));
    played.run.abort("ben".to_owned(), toy.now).unwrap();
    let mut story = played.transcript;
    let next = toy.drive(&mut played.run, &Hardship::default(), &mut story, &mut |_| {});
    assert!(matches!(next, Next::RolledBack { .. }), "{story}");
    insta::assert_snapshot!("always_after_an_abort", story);
}

#[test]
fn refusals_name_all_reasons_at_once() {
    let toy = Toy::two_hosts();
    let plan =
        switchover(vec![redirect(), drain(), run("x", "mx9"), make_active(), on_failure(OnFailure::Undo, start())]);
    let plan = toy.plan(Verb::Switchover, &options(plan));
    insta::assert_snapshot!("refusals_of_a_plan", engine::toy::plan_text(&plan));
}
