//! A change of the manifests on its way: a branch, a comparison of two git states, a saved plan, an apply, a removal.

use crate::story::{ROOT, SCENARIO, SOON, assert_equal, holds, wait_until_protected};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{fs, path::Path, process::Command};
use testkit::{Fleet, Said, wait_until};

const OLD: &str = "old";
const NEW: &str = "new";

/// The manifests of a fleet in a repository, with `main` applied and protected.
fn project(roots: &[&str]) -> Result<Fleet> {
    let fleet = Fleet::builder().start()?;
    let manifest = fleet.scenario_manifest(SCENARIO, roots, "  description: before\n")?;
    fleet.write_manifest("files.yaml", &manifest)?;
    for root in roots {
        (0..50).try_for_each(|n| fs::write(fleet.root("mx1", root).join(format!("f{n}")), "x".repeat(1000)))?;
    }
    let at = fleet.manifests();
    git(&at, &["init", "-q", "-b", "main"])?;
    git(&at, &["remote", "add", "origin", "https://bot:s3cr3t@git.example/dr/files.git"])?;
    commit(&at, "as it is")?;
    fleet.apply()?;
    wait_until_protected(&fleet)?;
    Ok(fleet)
}

fn git(at: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(at).args(["-c", "user.name=anna", "-c", "user.email=anna@corp.example"]).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    Ok(Said::by(&mut command, SOON)?.ok()?.stdout)
}

fn commit(at: &Path, message: &str) -> Result<()> {
    git(at, &["add", "-A"])?;
    git(at, &["commit", "-q", "-m", message]).map(drop)
}

/// One that is obeyed at once, one that copies a new root, one that gives an old one up.
fn three_changes(fleet: &Fleet) -> Result<()> {
    let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT, NEW], "  description: after\n")?;
    fs::write(fleet.root("mx1", NEW).join("first"), "1")?;
    fleet.write_manifest("files.yaml", &manifest).map(drop)
}

/// `standin` in the project's directory.
fn here(fleet: &Fleet, args: &[&str]) -> Result<Said> {
    Said::by(fleet.command(args)?.current_dir(fleet.manifests()), SOON)
}

#[test]
fn a_pull_request_is_played_through() -> Result<()> {
    let fleet = project(&[ROOT, OLD])?;
    let at = fleet.manifests();
    git(&at, &["switch", "-q", "-c", "change"])?;
    three_changes(&fleet)?;
    commit(&at, "another root")?;
    // What the pull request shows, without the controller.
    let unreachable = |args: &[&str]| -> Result<Said> {
        let mut command = fleet.command(args)?;
        Said::by(command.current_dir(&at).env("STANDIN_SOCKET", "/nonexistent"), SOON)
    };
    let comment = unreachable(&["diff", "--base", "main", "--format", "md"])?.with_code(1)?.stdout;
    let row = |field: &str| -> Result<&str> {
        comment.lines().find(|line| line.contains(field)).with_context(|| format!("{field} is not in\n{comment}"))
    };
    ensure!(row("spec.description")?.ends_with("| live |"), "{comment}");
    ensure!(row("spec.primary.roots[+new]")?.ends_with("| resync: new to mx2, size unknown |"), "{comment}");
    ensure!(row("spec.primary.roots[-old]")?.ends_with("| **DESTROYS old at mx2, size unknown** |"), "{comment}");
    ensure!(comment.contains("`--allow-destroy scenario/files/root/old`"), "{comment}");
    unreachable(&["diff", "--base", "main", "--head", "main"])?.with_code(0)?;
    unreachable(&["diff", "--base", "main", "--exit-zero"])?.with_code(0)?;
    // What the controller says; saved twice, by two people. Nobody has counted the roots one by one: that is not 0.
    let plan = |name: &str| here(&fleet, &["diff", "--out", name, "--format", "json"]);
    let found: Value = plan("plan.json")?.with_code(1)?.json()?;
    let lost = &found["changes"][0]["fields"].as_array().context("fields")?.iter().find(|f| f["givesUp"].is_string());
    let lost = lost.context("nothing is given up")?;
    ensure!(lost["stake"]["bytes"].is_null() && lost["stake"]["members"][0] == "mx2", "{lost}");
    plan("late.json")?.with_code(1)?;
    // Refused without the narrow flag, and nothing else opens it.
    let refused = here(&fleet, &["apply", "plan.json", "--yes"])?.with_code(6)?;
    ensure!(refused.stderr.contains("--allow-destroy scenario/files/root/old"), "{refused:?}");
    here(&fleet, &["apply", "plan.json", "--yes", "--allow-destroy", "scenario/files/root"])?.with_code(6)?;
    let accept = ["--yes", "--allow-destroy", "scenario/files/root/old"];
    let applied = here(&fleet, &[&["apply", "plan.json"], &accept[..]].concat())?.ok()?;
    ensure!(applied.stdout.contains("~ Scenario/files   changed, generation 2"), "{applied:?}");
    // The same plan again, and one that was made at the same time.
    let again = here(&fleet, &[&["apply", "plan.json"], &accept[..]].concat())?.with_code(4)?;
    ensure!(again.stderr.contains("was used already"), "{again:?}");
    let late = here(&fleet, &[&["apply", "late.json"], &accept[..]].concat())?.with_code(4)?;
    for told in [
        "stale",
        "Scenario/files was generation 1",
        "it is 2 now",
        "changed by",
        "~ spec.description   before -> after",
        "standin diff --out",
    ] {
        ensure!(late.stderr.contains(told), "{told} is not in\n{}", late.stderr);
    }
    // What it led to: the new root is copied, the old one stays where it was.
    wait_until(SOON, "the new root is copied", || Ok(fleet.root("mx2", NEW).join("first").exists()))?;
    ensure!(fleet.root("mx2", OLD).join("f7").exists(), "what is given up is not deleted");
    here(&fleet, &["diff"])?.with_code(0)?;
    // Who said so.
    let head = git(&at, &["rev-parse", "--short=7", "HEAD"])?;
    let told = here(&fleet, &["describe", "scenario", SCENARIO])?.ok()?.stdout;
    ensure!(
        told.contains(&format!("from https://git.example/dr/files.git  {}  files.yaml:1  by ", head.trim())),
        "{told}"
    );
    let all = here(&fleet, &["get", "scenario", SCENARIO, "-o", "yaml"])?.ok()?.stdout;
    ensure!(all.contains("appliedFrom:") && !all.contains("s3cr3t"), "{all}");
    assert_equal(&fleet)
}

#[test]
fn what_a_project_does_not_write_any_more_is_pruned_by_name() -> Result<()> {
    let fleet = project(&[ROOT])?;
    let at = fleet.manifests();
    here(&fleet, &["apply", "--yes"])?.ok()?; // the hosts come under the project, too
    fs::remove_file(at.join("files.yaml"))?;
    here(&fleet, &["diff"])?.with_code(0)?;
    fleet.wait_for_scenario(SCENARIO, SOON, "counted", |s| s.status.members[0].bytes.is_some())?;
    let shown = here(&fleet, &["diff", "--prune"])?.with_code(1)?.stdout;
    ensure!(shown.contains("DESTROYS data at mx2, 48.8 KiB in 50 files"), "{shown}");
    ensure!(shown.contains("- Scenario/files") && shown.contains("--allow-destroy scenario/files/all"), "{shown}");
    here(&fleet, &["apply", "--prune", "--yes"])?.with_code(6)?;
    here(&fleet, &["apply", "--prune", "--dry-run", "--allow-destroy", "scenario/files/all"])?.ok()?;
    ensure!(fleet.scenario(SCENARIO).is_ok(), "a dry run deleted it");
    // An emptied directory deletes nothing at all.
    let hosts = fs::read_to_string(at.join("hosts.yaml"))?;
    fs::write(at.join("hosts.yaml"), "# nothing\n")?;
    here(&fleet, &["apply", "--prune", "--yes", "--allow-destroy", "scenario/files/all"])?.with_code(6)?;
    fs::remove_file(at.join("hosts.yaml"))?;
    here(&fleet, &["apply", "--prune", "--yes"])?.with_code(2)?;
    fs::write(at.join("hosts.yaml"), hosts)?;
    here(&fleet, &["apply", "--prune", "--yes", "--allow-destroy", "scenario/files/all"])?.ok()?;
    here(&fleet, &["get", "scenario", SCENARIO])?.with_code(1)?;
    ensure!(fleet.root("mx2", ROOT).join("f7").exists(), "replicated data is not touched");
    Ok(())
}

#[test]
fn a_deleted_scenario_comes_back_by_comparison() -> Result<()> {
    let mut fleet = project(&[ROOT])?;
    let refused = here(&fleet, &["delete", "scenario", SCENARIO])?.with_code(6)?;
    ensure!(refused.stderr.contains("--confirm files"), "{refused:?}");
    here(&fleet, &["delete", "scenario", SCENARIO, "--confirm", "other"])?.with_code(6)?;
    here(&fleet, &["delete", "host", "mx2", "--confirm", "mx2"])?.with_code(6)?;
    here(&fleet, &["delete", "scenario", "nothing", "--confirm", "nothing"])?.with_code(1)?;
    here(&fleet, &["delete", "scenario", SCENARIO, "--confirm", SCENARIO])?.ok()?;
    here(&fleet, &["get", "scenario", SCENARIO])?.with_code(1)?;
    let state = |host: &str, file: &str| fleet.home(host).join(format!("state/scenarios/{SCENARIO}/{file}"));
    wait_until(SOON, "the agents forget", || {
        Ok(!state("mx1", "source.db").exists() && !state("mx2", "target.db").exists())
    })?;
    // Nobody replicates now; both sides go their own ways.
    fs::write(fleet.root("mx1", ROOT).join("f1"), "changed while nobody looked")?;
    fs::write(fleet.root("mx2", ROOT).join("f2"), "spoilt at the replica")?;
    fleet.controller.terminate(SOON)?;
    fleet.controller.start()?;
    here(&fleet, &["apply", "--yes"])?.ok()?;
    wait_until_protected(&fleet)?;
    let scenario = fleet.scenario(SCENARIO)?;
    ensure!(scenario.metadata.generation == Some(2) && holds(&scenario, "Synchronized"), "{scenario:?}");
    ensure!(fs::read_to_string(fleet.root("mx2", ROOT).join("f2"))? == "x".repeat(1000));
    assert_equal(&fleet)?;
    // A host goes only when nothing uses it and its agent is stopped; then its certificate is worth nothing.
    here(&fleet, &["delete", "scenario", SCENARIO, "--confirm", SCENARIO])?.ok()?;
    let refused = here(&fleet, &["delete", "host", "mx2", "--confirm", "mx2"])?.with_code(6)?;
    ensure!(refused.stderr.contains("stop it first"), "{refused:?}");
    fleet.agent("mx2")?.terminate(SOON)?;
    wait_until(SOON, "mx2 can be deleted", || {
        Ok(here(&fleet, &["delete", "host", "mx2", "--confirm", "mx2"])?.code == Some(0))
    })?;
    here(&fleet, &["get", "host", "mx2"])?.with_code(1)?;
    // Described again, the host is known by name; its old certificate is not.
    here(&fleet, &["apply", "--yes", "-f", "hosts.yaml"])?.ok()?;
    fleet.agent("mx2")?.start()?;
    let events = || -> Result<String> { Ok(here(&fleet, &["events", "-o", "json"])?.ok()?.stdout) };
    wait_until(SOON, "the old certificate is refused", || Ok(events()?.contains("AgentRefused")))?;
    let host: Value = here(&fleet, &["get", "host", "mx2", "-o", "json"])?.ok()?.json()?;
    ensure!(host["items"][0]["status"]["joined"] == false, "{host}");
    Ok(())
}

#[test]
fn git_states_are_compared_from_anywhere_and_wrong_questions_are_2() -> Result<()> {
    let fleet = project(&[ROOT, OLD])?;
    let at = fleet.manifests();
    three_changes(&fleet)?;
    commit(&at, "another root")?;
    let bare = fleet.directory().join("bare.git");
    git(&at, &["clone", "-q", "--bare", ".", &bare.display().to_string()])?;
    fs::create_dir(at.join("sub"))?;
    let ask = |directory: &Path, args: &[&str]| -> Result<Said> {
        Said::by(fleet.command(&[&["diff"], args].concat())?.current_dir(directory), SOON)
    };
    let outside = fleet.directory().to_owned();
    ask(&bare, &["--base", "HEAD~1", "--head", "HEAD"])?.with_code(1)?;
    ask(&at.join("sub"), &["--base", "HEAD~1", "-f", ".."])?.with_code(1)?;
    ask(&outside, &["--base", "HEAD~1", "-f", "dr"])?.with_code(1)?;
    ask(&at, &["--base", "HEAD~1", "-f", "hosts.yaml"])?.with_code(0)?;
    let wrong: [(&Path, &[&str], &str); 8] = [
        (&at, &["--base", "nowhere"], "no commit is called `nowhere`"),
        (&at, &["--base=--upload-pack=x"], "is not the name of a commit"),
        (&at, &["--base", "HEAD", "--head=-x"], "is not the name of a commit"),
        (&at, &["--base", "HEAD", "-f", "-"], "standard input"),
        (&at, &["--base", "HEAD", "-f", "hosts.yaml", "-f", "/etc"], "is not in this repository"),
        (&at, &["--base", "HEAD", "--out", "plan.json"], "--out"),
        (&bare, &["--base", "HEAD~1"], "no working tree"),
        (&outside, &["--base", "HEAD"], "not a git repository"),
    ];
    for (directory, args, told) in wrong {
        let said = ask(directory, args)?.with_code(2)?;
        ensure!(said.stderr.contains(told) && said.stdout.is_empty(), "{told} is not in {said:?}");
    }
    let mut without = fleet.command(&["diff", "--base", "HEAD"])?;
    let said = Said::by(without.current_dir(&at).env("PATH", "/nonexistent"), SOON)?.with_code(2)?;
    ensure!(said.stderr.contains("git is not installed"), "{said:?}");
    Ok(())
}
