//! The examples are read without a finding, and a switchover and the way back are planned and played in a toy world.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use anyhow::{Context, Result, ensure};
use engine::{
    Options, Recipe,
    plan::builtin,
    toy::{Hardship, Toy},
};
use manifest::Surroundings;
use model::{
    Metadata, Object, RecoveryPlanSpec, ScenarioSpec,
    recovery_plan::Purpose,
    view::{PlanSource, Verb},
};
use std::{fs, path::Path};

#[test]
fn files() -> Result<()> {
    insta::assert_snapshot!(story("files")?);
    Ok(())
}

#[test]
fn web() -> Result<()> {
    insta::assert_snapshot!(story("web")?);
    Ok(())
}

/// The same move by the plan beside it; then the plan that is built in, written down and followed.
#[test]
fn web_by_a_plan() -> Result<()> {
    let (name, spec, plan) = read(&examples().join("web"))?;
    let plan = plan.context("no plan")?;
    let mut toy = Toy::of(name.as_str().into(), spec.clone());
    let following = |spec: RecoveryPlanSpec| {
        let source = PlanSource { name: "web-switchover".into(), generation: 1 };
        let parameters = [("ticket".to_owned(), "OPS-12".to_owned())].into();
        Options { plan: Some(Recipe { source, spec }), parameters, ..Toy::options(None) }
    };
    let mut played = toy.play(Verb::Switchover, &following(plan));
    ensure!(played.plan.blockers.is_empty(), "{:?}", played.plan.blockers);
    played.run.resume("ben".to_owned(), Some("1".to_owned()), None, None, toy.now)?;
    toy.drive(&mut played.run, &Hardship::default(), &mut played.transcript, &mut |_| {});
    insta::assert_snapshot!(played.transcript);

    let toy = Toy::of(name.as_str().into(), spec.clone());
    let written = builtin(Purpose::Switchover, &toy.scenario, &spec, true);
    let metadata = Metadata { name: "written".to_owned(), ..Metadata::default() };
    let text = manifest::to_yaml(&Object::RecoveryPlan(metadata, written.clone()));
    let stored = Surroundings { known_scenarios: vec![toy.scenario.clone()], ..Surroundings::default() };
    let set = manifest::read_with(&[("plan.yaml", text.as_str())], &stored);
    ensure!(set.findings.is_empty(), "{:?}", set.findings);
    let Some(Object::RecoveryPlan(_, back)) = set.objects.into_iter().map(|located| located.object).next() else {
        anyhow::bail!("no plan came back");
    };
    let unset = Options { parameters: Default::default(), ..following(back) };
    let by_itself = toy.plan(Verb::Switchover, &Toy::options(None));
    ensure!(toy.plan(Verb::Switchover, &unset).steps == by_itself.steps);
    Ok(())
}

#[test]
fn every_example_has_its_story() -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(examples())?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.retain(|name| name != "ci" && name != "broken-projects" && !name.starts_with("mended")); // no stories
    ensure!(names == ["broken", "files", "web"], "an example without a test: {names:?}");
    Ok(())
}

/// The transcript of a switchover to the first replica and of the way back.
fn story(example: &str) -> Result<String> {
    let (name, spec, _) = read(&examples().join(example))?;
    let replica = spec.replicas.first().context("no replica")?.name.clone();
    let mut toy = Toy::of(name.as_str().into(), spec);
    let mut text = String::new();
    for (verb, to) in [(Verb::Switchover, Some(replica.as_str())), (Verb::Switchback, None)] {
        let played = toy.play(verb, &Toy::options(to));
        ensure!(played.plan.blockers.is_empty(), "{:?}", played.plan.blockers);
        text += &played.transcript;
        text.push('\n');
    }
    Ok(text)
}

/// The scenario of an example with its name, and its plan if it has one.
fn read(directory: &Path) -> Result<(String, ScenarioSpec, Option<RecoveryPlanSpec>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push((path.display().to_string(), fs::read_to_string(&path)?));
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let set = manifest::read(&files);
    ensure!(set.findings.is_empty(), "{:?}", set.findings);
    let (mut scenario, mut plan) = (None, None);
    for located in set.objects {
        match located.object {
            Object::Scenario(metadata, spec) => scenario = Some((metadata.name, spec)),
            Object::RecoveryPlan(_, spec) => plan = Some(spec),
            _ => {}
        }
    }
    let (name, spec) = scenario.context("no scenario")?;
    Ok((name, spec, plan))
}

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}
