//! Laws that hold for every step there is, unasked: a new step is tested by being registered.

mod manifests;

use engine::{
    Options, Plan,
    steps::{ALL, AnyStep, Asking, Progress, Sight, Undo},
    toy::{Fault, Toy},
};
use model::{Ledger, RunId, view::Verb};
use std::collections::BTreeMap;

/// A step with a world in which it may be asked.
struct Sample {
    world: Toy,
    step: AnyStep,
}

fn asking(world: &Toy) -> Asking {
    let since = world.ledger.revision;
    Asking { run: RunId::new(format!("r-{since}")), step: "1".to_owned(), attempt: 1, epoch: world.ledger.epoch, since }
}

/// Orders the step as a run does.
fn order(world: &mut Toy, step: &AnyStep) -> Asking {
    world.ledger.revision += 1;
    let cx = asking(world);
    step.ask(&cx, &mut world.ledger);
    cx
}

fn settle(world: &mut Toy) {
    (0..4).for_each(|_| world.tick());
    world.ledger.errands.clear();
}

fn walk(mut world: Toy, plan: Plan, samples: &mut Vec<Sample>) -> Toy {
    assert!(plan.blockers.is_empty(), "{:?}", plan.blockers);
    for step in plan.steps {
        samples.push(Sample { world: world.clone(), step: step.clone() });
        order(&mut world, &step);
        if let Undo::With(inverse) = step.undo() {
            let mut world = world.clone();
            settle(&mut world);
            samples.push(Sample { world, step: *inverse });
        }
        settle(&mut world);
    }
    world
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let home = Options { discard: Some("home".to_owned()), ..Toy::options(None) };
    let lossy = Options { allow_data_loss: true, no_fence: true, ..Toy::options(Some("dublin")) };

    let mut world = Toy::two_hosts();
    for verb in [Verb::Switchover, Verb::Switchback, Verb::Suspend, Verb::Resume, Verb::Synchronize, Verb::Compare] {
        let plan = world.plan(verb, &home);
        world = walk(world, plan, &mut samples);
    }
    let plan = world.plan(Verb::Failover, &lossy);
    walk(world, plan, &mut samples);

    let mut world = Toy::three_hosts();
    world.kill("mx1");
    world.tick();
    let plan = world.plan(Verb::Failover, &lossy);
    let mut world = walk(world, plan, &mut samples);
    world.revive("mx1");
    settle(&mut world);
    let plan = world.plan(Verb::Switchback, &home);
    let mut world = walk(world, plan, &mut samples);

    world.faults.insert(Fault::RootHalted("mx1".into()));
    let adopt = Options { root: Some("data".into()), host: Some("mx1".into()), ..Options::default() };
    let plan = world.plan(Verb::AdoptRoot, &adopt);
    walk(world, plan, &mut samples);

    let mut world = Toy::two_hosts();
    world.faults.insert(Fault::MassChange("mx1".into()));
    settle(&mut world);
    let plan = world.plan(Verb::Approve, &Options { digest: Some("d1".into()), ..Options::default() });
    walk(world, plan, &mut samples);

    let world = Toy::two_hosts();
    let plan = world.plan(Verb::Switchover, &manifests::options(manifests::every_action()));
    walk(world, plan, &mut samples);
    samples
}

fn look(world: &Toy, cx: &Asking, step: &AnyStep) -> Progress {
    step.look(cx, &Sight { scenario: &world.scenario, ledger: &world.ledger, observed: &world.observed() })
}

fn reached(progress: &Progress) -> bool {
    matches!(progress, Progress::Reached(_))
}

#[test]
fn asking_twice_is_asking_once() {
    for Sample { mut world, step } in samples() {
        let cx = order(&mut world, &step);
        let once = world.ledger.clone();
        step.ask(&cx, &mut world.ledger);
        assert_eq!(once, world.ledger, "{}", step.title());
    }
}

#[test]
fn a_perfect_fleet_reaches_every_step() {
    for Sample { mut world, step } in samples() {
        world.agents.values_mut().for_each(|agent| agent.up = true);
        let cx = order(&mut world, &step);
        (0..4).for_each(|_| world.tick());
        let progress = look(&world, &cx, &step);
        // The word of a person is no report.
        assert_eq!(reached(&progress), step.kind() != "Approve", "{}: {progress:?}", step.title());
    }
}

#[test]
fn nothing_is_reached_by_a_host_that_is_unknown() {
    for Sample { mut world, step } in samples() {
        let cx = order(&mut world, &step);
        (0..4).for_each(|_| world.tick());
        world.agents.values_mut().for_each(|agent| agent.up = false);
        let proven = world.ledger.proofs.contains_key(&world.ledger.epoch) && step.kind() == "FenceActive";
        let silent = look(&world, &cx, &step);
        assert!(!reached(&silent) || proven, "{} while everybody is silent: {silent:?}", step.title());

        let nobody = engine::Observed { now: world.now, ..engine::Observed::default() };
        let unseen = step.look(&cx, &Sight { scenario: &world.scenario, ledger: &world.ledger, observed: &nobody });
        assert!(!reached(&unseen) || proven, "{} while nobody ever reported: {unseen:?}", step.title());
    }
}

#[test]
fn nothing_is_reached_on_a_report_made_before_it_was_asked() {
    for Sample { mut world, step } in samples() {
        let mut cx = order(&mut world, &step);
        (0..4).for_each(|_| world.tick());
        cx.since += 1;
        let proven = world.ledger.proofs.contains_key(&world.ledger.epoch) && step.kind() == "FenceActive";
        let stale = look(&world, &cx, &step);
        assert!(!reached(&stale) || proven, "{}: {stale:?}", step.title());
    }
}

#[test]
fn a_role_that_was_not_taken_is_not_reached() {
    let mut tried = 0;
    for Sample { mut world, step } in samples() {
        let by_word = matches!(&step, AnyStep::FenceActive(fence) if fence.word.is_some());
        if by_word || !["FenceActive", "PromoteTarget", "ReopenActive"].contains(&step.kind()) {
            continue;
        }
        let hosts: Vec<_> = world.agents.keys().cloned().collect();
        world.faults.extend(hosts.into_iter().map(Fault::RoleLags));
        let cx = order(&mut world, &step);
        (0..4).for_each(|_| world.tick());
        let progress = look(&world, &cx, &step);
        assert!(!reached(&progress), "{}: {progress:?}", step.title());
        tried += 1;
    }
    assert!(tried > 5);
}

#[test]
fn a_host_is_not_fenced_while_a_service_will_not_stop() {
    let mut world = Toy::two_hosts();
    let plan = world.plan(Verb::Switchover, &Toy::options(None));
    let fence = plan.steps.into_iter().find(|step| step.kind() == "FenceActive").unwrap();
    world.faults.insert(Fault::ServicesFail("mx1".into()));
    let cx = order(&mut world, &fence);
    (0..4).for_each(|_| world.tick());
    assert_eq!(look(&world, &cx, &fence), Progress::Impossible("shop failed on mx1: exit status 1".to_owned()));
}

#[test]
fn home_is_not_synced_by_the_lineage_it_left_with() {
    let mut world = Toy::two_hosts();
    world.play(Verb::Switchover, &Toy::options(None));
    let plan = world.plan(Verb::Resume, &Options { reverse: true, ..Toy::options(None) });
    let step = &plan.steps[0];
    let cx = order(&mut world, step);
    world.tick();
    assert!(reached(&look(&world, &cx, step)));
    let mut observed = world.observed();
    let report = observed.hosts.get_mut(&"mx1".into()).unwrap().status.scenarios.get_mut(&world.scenario).unwrap();
    report.target.as_mut().unwrap().lineage = Some("primary-1".to_owned());
    let progress = step.look(&cx, &Sight { scenario: &world.scenario, ledger: &world.ledger, observed: &observed });
    assert_eq!(progress, Progress::Waiting("mx1 still holds an older lineage".to_owned()));
}

#[test]
fn order_then_inverse_restores_everything_but_the_epoch() {
    let settled = |ledger: &Ledger| {
        let roles: Vec<_> = ledger.members.iter().map(|(m, k)| (m.clone(), k.role, k.upstream.clone())).collect();
        let Ledger { redirected, serving, reverse, suspended, .. } = ledger.clone();
        (roles, redirected, serving, reverse, suspended)
    };
    let mut tried = 0;
    for Sample { mut world, step } in samples() {
        let Undo::With(inverse) = step.undo() else { continue };
        let (before, epoch) = (settled(&world.ledger), world.ledger.epoch);
        order(&mut world, &step);
        order(&mut world, &inverse);
        assert_eq!(before, settled(&world.ledger), "{}", step.title());
        assert!(world.ledger.epoch >= epoch, "an epoch only grows");
        tried += 1;
    }
    assert!(tried > 10);
}

/// Agents let every script have the time that the manifest gives it, so no step may give up before that.
#[test]
fn no_step_gives_up_before_the_time_that_the_manifest_gives() {
    let minutes = |m: u64| model::units::Period::from_secs(m * 60);
    let mut world = Toy::two_hosts();
    let twin = world.spec.services.commands[0].clone();
    world.spec.services.commands.push(model::elements::services::ServiceCommand { name: "twin".into(), ..twin });
    world.spec.services.commands.iter_mut().for_each(|service| service.timeout = minutes(60));
    world.spec.monitoring.checks[0].tcp.as_mut().unwrap().timeout = minutes(10);
    world.spec.redirection[0].script.as_mut().unwrap().timeout = minutes(20);
    for step in world.plan(Verb::Switchover, &Toy::options(None)).steps {
        let least = match step.kind() {
            "StopServices" | "StartServices" => 2 * 60 * 2,
            "FenceActive" => 2 * 60,
            "CheckActive" => 10,
            "Redirect" => 3 * 20,
            _ => 5,
        };
        assert!(step.patience() > minutes(least).0 || least == 5, "{}", step.title());
        assert!(step.patience() >= minutes(5).0, "{}", step.title());
        if let Undo::With(inverse) = step.undo() {
            assert!(inverse.patience() >= step.patience() || step.kind() == "FenceActive", "{}", step.title());
        }
        let text = serde_json::to_string(&step).unwrap().replace(",\"time\":\"6h\"", "");
        let before: AnyStep = serde_json::from_str(&text).unwrap();
        assert!(before.patience() >= minutes(5).0, "a plan that was stored before: {text}");
    }
}

#[test]
fn every_step_is_the_same_as_json() {
    let samples = samples();
    let mut golden = BTreeMap::new();
    for Sample { step, .. } in &samples {
        let text = serde_json::to_string(step).unwrap();
        assert_eq!(&serde_json::from_str::<AnyStep>(&text).unwrap(), step);
        golden.entry(step.kind()).or_insert(step);
    }
    let mut all = ALL.to_vec();
    all.sort_unstable();
    assert_eq!(golden.keys().copied().collect::<Vec<_>>(), all, "every registered step has an example");
    insta::assert_json_snapshot!("steps", golden);
}
