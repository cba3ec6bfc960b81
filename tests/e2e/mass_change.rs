//! Half of a tree that goes at once waits for a person's word.

use crate::story::{ROOT, SCENARIO, SOON, assert_equal, holds, protected};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};
use testkit::{Fleet, wait_until};

const DIRECTORIES: u32 = 40;
const FILES_IN_EACH: u32 = 100;

#[test]
fn half_of_a_tree_goes_only_with_the_right_word() -> Result<()> {
    let mut fleet = protected(false, "", |fleet| fill(&fleet.root("mx1", ROOT)))?;
    assert_equal(&fleet)?;
    let (root, replica) = (fleet.root("mx1", ROOT), fleet.root("mx2", ROOT));
    remove(&root, 0..DIRECTORIES / 2)?;
    let first = digest(&fleet)?;
    ensure!(count(&replica)? == DIRECTORIES as usize * (FILES_IN_EACH as usize + 1), "something went at the replica");
    approve(&fleet, "0123456789abcdef0123456789abcdef", 4)?;
    fleet.standin(&["approve", SCENARIO, "--digest", &first])?.with_code(6).context("nobody confirmed it")?;
    fleet.agent("mx1")?.kill()?;
    fleet.agent("mx1")?.start()?;
    fleet.wait_for_scenario(SCENARIO, SOON, "the halt outlives the agent", |s| !holds(s, "RootsReady"))?;
    remove(&root, DIRECTORIES / 2..DIRECTORIES / 2 + 1)?;
    let again = || Ok(digest(&fleet).is_ok_and(|digest| digest != first));
    wait_until(SOON, "what went since makes another list", again)?;
    approve(&fleet, &first, 4)?;
    ensure!(replica.join("d0/f0").exists(), "something went at the replica");
    approve(&fleet, &digest(&fleet)?, 0)?;
    let gone = || Ok(!replica.join("d0").exists() && !replica.join("d20").exists() && replica.join("d21/f0").exists());
    wait_until(SOON, "what was approved goes", gone)?;
    assert_equal(&fleet)
}

fn approve(fleet: &Fleet, digest: &str, code: i32) -> Result<()> {
    let said = fleet.standin(&["approve", SCENARIO, "--digest", digest, "--confirm", SCENARIO])?;
    said.with_code(code).map(drop)
}

/// The digest in the command that `describe` shows.
fn digest(fleet: &Fleet) -> Result<String> {
    fleet.wait_for_scenario(SCENARIO, SOON, "the halt shows", |s| !holds(s, "RootsReady"))?;
    let said = fleet.run(&["describe", "scenario", SCENARIO])?;
    let (_, rest) = said.stdout.split_once("--digest ").with_context(|| format!("no command:\n{}", said.stdout))?;
    Ok(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

fn fill(root: &Path) -> Result<()> {
    for directory in 0..DIRECTORIES {
        let directory = root.join(format!("d{directory}"));
        fs::create_dir_all(&directory)?;
        (0..FILES_IN_EACH).try_for_each(|file| fs::write(directory.join(format!("f{file}")), "x"))?;
    }
    Ok(())
}

fn remove(root: &Path, directories: std::ops::Range<u32>) -> Result<()> {
    directories.map(|directory| root.join(format!("d{directory}"))).try_for_each(|path| Ok(fs::remove_dir_all(path)?))
}

/// Files and directories below the directories at the top of a root.
fn count(root: &Path) -> Result<usize> {
    let mut count = 0;
    for directory in fs::read_dir(root)?.filter_map(Result::ok).filter(|entry| entry.file_name() != ".standin") {
        count += 1 + fs::read_dir(directory.path())?.count();
    }
    Ok(count)
}
