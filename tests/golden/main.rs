//! The examples are read without a finding, and a switchover and the way back are planned and played in a toy world.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use anyhow::{Context, Result, ensure};
use engine::toy::Toy;
use model::{Object, ScenarioSpec, view::Verb};
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

#[test]
fn every_example_has_its_story() -> Result<()> {
    let mut names: Vec<String> = fs::read_dir(examples())?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.retain(|name| name != "ci" && name != "broken-projects"); // no stories
    ensure!(names == ["broken", "files", "web"], "an example without a test: {names:?}");
    Ok(())
}

/// The transcript of a switchover to the first replica and of the way back.
fn story(example: &str) -> Result<String> {
    let (name, spec) = scenario(&examples().join(example))?;
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

fn scenario(directory: &Path) -> Result<(String, ScenarioSpec)> {
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
    let scenario = set.objects.into_iter().find_map(|located| match located.object {
        Object::Scenario(metadata, spec) => Some((metadata.name, spec)),
        Object::Host(..) => None,
    });
    scenario.context("no scenario")
}

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))
}
