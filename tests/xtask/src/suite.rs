//! `cargo xtask test`: runs the tests, names what was skipped, and closes with one line of numbers.

use crate::{
    packages,
    process::{cargo, root, target_directory},
    tally::Tally,
};
use anyhow::{Context, Result, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{ExitCode, Stdio},
};

/// Where tests write what they skip, below the target directory; `testkit::skip` knows the same name.
const SKIPS_FILE: &str = "skipped-tests.txt";
/// The one list of tests that may be skipped.
const EXPECTED_FILE: &str = "tests/expected-skips.txt";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Full,
    /// Unit tests, laws and tidy: what can be run after every change.
    Quick,
}

pub fn run(extent: Extent) -> Result<ExitCode> {
    if extent == Extent::Full {
        packages::ensure();
    }
    build()?;
    let file = target_directory().join(SKIPS_FILE);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("cannot remove {}: {error}", file.display())
        }
        _ => {}
    }
    let mut tally = Tally::default();
    let mut ended_well = test(arguments(extent), &mut tally)?;
    if extent == Extent::Quick {
        ended_well &= test(&["-p", "acceptance", "--test", "tidy"], &mut tally)?;
    }
    if !ended_well && tally.failed == 0 {
        tally.failed = 1; // did not build, or a test program died before it could count
    }
    let announced = announced(&file)?;
    let unexpected = report(&tally, &announced)?;
    // A test that skips itself returns early, and so was counted as passed.
    let passed = tally.passed.saturating_sub(announced.len());
    let skipped = announced.len() + tally.ignored.len();
    println!("{passed} passed, {} failed, {skipped} skipped", tally.failed);
    Ok(if ended_well && tally.failed == 0 && !unexpected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn arguments(extent: Extent) -> &'static [&'static str] {
    match extent {
        Extent::Full => &["--workspace"],
        Extent::Quick => &["--workspace", "--lib", "--bins"],
    }
}

/// The binary is started by end-to-end tests; cargo builds it for none of them by itself.
fn build() -> Result<()> {
    let status = cargo().args(["build", "--locked", "-p", "standin"]).status().context("cannot run cargo")?;
    if status.success() { Ok(()) } else { bail!("standin does not build") }
}

/// Runs cargo test, shows what it says and counts it. Tells whether it ended well.
fn test(arguments: &[&str], tally: &mut Tally) -> Result<bool> {
    let mut child = cargo()
        .env("STANDIN_BINARY", target_directory().join("debug/standin"))
        .args(["test", "--locked", "--no-fail-fast"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo test")?;
    let output = child.stdout.take().context("no output of cargo test")?;
    let mut screen = std::io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        tally.line(&String::from_utf8_lossy(&line));
        screen.write_all(&line)?;
        screen.write_all(b"\n")?;
    }
    Ok(child.wait()?.success())
}

/// Name and reason of every test that skipped itself.
fn announced(file: &Path) -> Result<BTreeMap<String, String>> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    Ok(entries(&fs::read_to_string(file)?))
}

/// A test that says it twice is still one test.
fn entries(text: &str) -> BTreeMap<String, String> {
    let entries = text.lines().filter_map(|line| line.strip_prefix("SKIPPED ")?.split_once(": "));
    entries.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

/// Names every skipped test; tells whether one of them is not on the list.
fn report(tally: &Tally, announced: &BTreeMap<String, String>) -> Result<bool> {
    let list = fs::read_to_string(root().join(EXPECTED_FILE))?;
    let expected = expected(&list);
    let ignored = tally.ignored.iter().map(|name| (name.as_str(), "marked #[ignore]"));
    let mut unexpected = false;
    for (name, reason) in announced.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).chain(ignored) {
        let listed = expected.contains(name);
        unexpected |= !listed;
        println!("SKIPPED {name}: {reason}{}", if listed { "" } else { "  (not in tests/expected-skips.txt)" });
    }
    Ok(unexpected)
}

fn expected(text: &str) -> BTreeSet<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_read_and_compared() {
        let skips = entries("SKIPPED kill::a_round: needs root: really\nSKIPPED kill::a_round: again\nother\n");
        assert_eq!(skips.into_iter().collect::<Vec<_>>(), [("kill::a_round".to_owned(), "again".to_owned())]);
        assert_eq!(expected("# why\n\n  kill::a_round\n"), BTreeSet::from(["kill::a_round"]));
    }
}
