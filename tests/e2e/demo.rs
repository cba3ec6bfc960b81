//! The tour is a test.

use anyhow::Result;
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use testkit::Said;

#[test]
fn the_tour_plays_to_its_end_and_leaves_nothing_behind() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let mut command = Command::new(testkit::standin()?);
    command.args(["demo", "--script"]).env("TMPDIR", temporary.path());
    let said = Said::by(&mut command, Duration::from_secs(300))?.ok()?;
    let accounts = said.stdout.lines().find(|line| line.starts_with("orders  ")).unwrap_or_default();
    assert!(accounts.contains(" 0 lost, 0 doubled"), "{}", said.stdout);
    assert!(!accounts.contains(" 0 set aside"), "the dead primary should have had orders of its own: {accounts}");
    let left: Vec<_> = std::fs::read_dir(temporary.path())?.collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

#[test]
fn a_demo_that_is_killed_leaves_nothing_behind() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let found = |name: &str| {
        let towns = std::fs::read_dir(temporary.path()).into_iter().flatten().flatten();
        towns.filter(|town| town.path().join(name).exists()).count()
    };
    let mut command = Command::new(testkit::standin()?);
    command.args(["demo", "--script"]).env("TMPDIR", temporary.path()).stdin(Stdio::null());
    let mut demo = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let minute = Duration::from_secs(60);
    let started = testkit::wait_until(minute, "both agents are made", || Ok(found("mx2/agent.yaml") > 0));
    demo.kill()?;
    demo.wait()?;
    started?;
    testkit::wait_until(Duration::from_secs(20), "the directory is gone", || Ok(found("") == 0)).map(drop)
}
