//! What people see, written down: whole stories in the toy world. Review changes with `cargo insta review`.

use engine::{
    Options, Refusal, Run,
    toy::{Fault, Hardship, Played, Toy, plan_text},
};
use model::view::Verb;

fn lossy() -> Options {
    lossy_to("dublin")
}

fn lossy_to(member: &str) -> Options {
    Options { allow_data_loss: true, no_fence: true, ..Toy::options(Some(member)) }
}

#[test]
fn switchover_and_back() {
    let mut toy = Toy::two_hosts();
    let there = toy.play(Verb::Switchover, &Toy::options(None)).transcript;
    let back = toy.play(Verb::Switchback, &Toy::options(None)).transcript;
    insta::assert_snapshot!("switchover_and_back", format!("{there}\n{back}"));
}

#[test]
fn failover_return_and_switchback() {
    let mut toy = Toy::two_hosts();
    toy.kill("mx1");
    toy.pass(134);
    let mut story = toy.play(Verb::Switchover, &Toy::options(None)).transcript;
    story += "\n";
    story += &toy.play(Verb::Failover, &Toy::options(None)).transcript;
    story += "\n";
    story += &toy.play(Verb::Failover, &lossy()).transcript;
    toy.revive("mx1");
    (0..3).for_each(|_| toy.tick());
    let reverse = Options { reverse: true, ..Toy::options(None) };
    story += "\n";
    story += &toy.play(Verb::Resume, &reverse).transcript;
    story += "\n";
    story += &toy.play(Verb::Switchback, &Toy::options(None)).transcript;
    let home = Options { discard: Some("home".to_owned()), ..Toy::options(None) };
    story += "\n";
    story += &toy.play(Verb::Switchback, &home).transcript;
    insta::assert_snapshot!("failover_return_and_switchback", story);
}

/// Kills the host that is to become active as soon as there is no way back, and goes on until the run rests.
fn burnt_down(mut toy: Toy, options: &Options) -> (Toy, Played) {
    let mut aside = toy.clone();
    let mut played = aside.play(Verb::Switchover, options);
    let mut run = Run::start(played.run.id().clone(), played.plan.clone(), "anna".to_owned());
    played.transcript = plan_text(&played.plan);
    while !run.crossed() {
        let mut ledger = toy.ledger.clone();
        run.advance(&mut ledger, &toy.settings(), &toy.observed());
        toy.ledger = ledger;
        if !run.crossed() {
            toy.tick();
        }
    }
    toy.kill("mx2");
    toy.pass(301);
    played.run = run;
    toy.goes_on(&mut played, Vec::new());
    (toy, played)
}

/// Asks for an abort and for a failover, which are refused; then ends the run as it is.
fn give_up(toy: &mut Toy, played: &mut Played) -> Result<String, Refusal> {
    if let Err(refusal) = played.run.abort("anna".to_owned(), toy.now) {
        let help = refusal.help.join("\n  help:  ");
        played.transcript += &format!("refused: {refusal}\n  help:  {help}\n");
    }
    let held = toy.play(Verb::Failover, &lossy_to("oslo")).transcript;
    let held = held.lines().find(|line| line.contains("holds")).unwrap_or_default();
    played.transcript += &format!("failover{held}\n");
    let said = played.run.give_up("anna".to_owned(), Some("mx2 has burnt down".to_owned()), toy.now)?;
    toy.goes_on(played, said);
    Ok(played.transcript.clone())
}

#[test]
fn the_successor_burns_down_and_another_takes_over() {
    let (mut toy, mut played) = burnt_down(Toy::three_hosts(), &Toy::options(Some("dublin")));
    let mut story = give_up(&mut toy, &mut played).unwrap();
    for (verb, options) in [(Verb::Switchover, Toy::options(Some("oslo"))), (Verb::Failover, lossy_to("oslo"))] {
        story += "\n";
        story += &toy.play(verb, &options).transcript;
    }
    assert_eq!(toy.ledger.active(), Some(&"oslo".into()));
    toy.revive("mx2");
    (0..3).for_each(|_| toy.tick());
    assert_eq!(toy.writers(), [&"mx3".into()]);
    insta::assert_snapshot!("burnt_down_and_another", story);
}

#[test]
fn the_successor_burns_down_and_home_takes_over_again() {
    let (mut toy, mut played) = burnt_down(Toy::two_hosts(), &Toy::options(None));
    let mut story = give_up(&mut toy, &mut played).unwrap();
    story += "\n";
    story += &toy.play(Verb::Failover, &lossy_to("primary")).transcript;
    assert_eq!(toy.ledger.active(), Some(&"primary".into()));
    toy.revive("mx2");
    (0..3).for_each(|_| toy.tick());
    assert_eq!(toy.writers(), [&"mx1".into()]);
    assert!(toy.agent("mx2").orders.contains(&(toy.orders - 1)), "mx2 follows, one second behind");
    insta::assert_snapshot!("burnt_down_and_home", story);
}

#[test]
fn each_step_of_a_switchover_frozen_in_turn() {
    let toy = Toy::two_hosts();
    let steps = toy.plan(Verb::Switchover, &Toy::options(None)).steps;
    let mut story = String::new();
    for (frozen, step) in steps.iter().enumerate() {
        let hardship = Hardship { frozen: Some(frozen), ..Hardship::default() };
        let played = toy.clone().play_through(Verb::Switchover, &Toy::options(None), &hardship, |_| {});
        let tail = played.transcript.split_once("-- point").and_then(|(_, tail)| tail.split_once('\n'));
        let run: Vec<&str> = tail.map(|(_, tail)| tail).unwrap_or_default().lines().collect();
        let from = run.iter().position(|line| line.contains("s  ")).unwrap_or(0);
        story += &format!("=== frozen: {}\n{}\n\n", step.title(), run[from..].join("\n"));
    }
    insta::assert_snapshot!("each_step_frozen", story);
}

#[test]
fn refusals_name_all_reasons_at_once() {
    let mut toy = Toy::three_hosts();
    toy.faults.insert(Fault::RootHalted("mx2".into()));
    toy.spec.switchover.guards.max_lag = model::units::Period::from_millis(50);
    toy.ledger.suspended = Some(model::ledger::Suspended { reason: "disk replacement".into(), by: "ben".into() });
    let skip = Options { skip_drain: true, ..Toy::options(Some("dublin")) };
    let mut story = toy.play(Verb::Switchover, &skip).transcript;
    for (verb, options) in [
        (Verb::Switchover, Toy::options(None)),
        (Verb::Switchover, Toy::options(Some("primary"))),
        (Verb::Failover, Toy::options(Some("paris"))),
        (Verb::Switchback, Toy::options(None)),
        (Verb::Suspend, Toy::options(None)),
        (Verb::Synchronize, Toy::options(None)),
        (Verb::AdoptRoot, Toy::options(None)),
        (Verb::Failover, Toy::options(Some("oslo"))),
    ] {
        story += "\n";
        story += &toy.play(verb, &options).transcript;
    }
    insta::assert_snapshot!("refusals", story);
}

#[test]
fn a_run_paused_as_the_terminal_gets_it() {
    let mut toy = Toy::two_hosts();
    toy.faults.insert(Fault::ServicesFail("mx2".into()));
    let run = toy.play(Verb::Switchover, &Toy::options(None)).run;
    insta::assert_json_snapshot!("paused", run.view(&toy.settings(), &toy.ledger, &toy.observed()));
}
