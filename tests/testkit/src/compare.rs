//! Comparing two trees with rsync: it knows nothing of us, so it cannot be wrong in the same way.

use anyhow::{Result, bail};
use std::{path::Path, process::Command};

/// What rsync would do to make `b` equal to `a`, and the other way round; nothing when they are equal in content,
/// type, mode, owner, group, times, links, hard links, attributes and ACLs. Only `/.standin/` is left out.
pub fn rsync_equal(a: &Path, b: &Path) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for (from, to) in [(a, b), (b, a)] {
        differences.extend(
            one_way(from, to)?.into_iter().map(|line| format!("{} -> {}: {line}", from.display(), to.display())),
        );
    }
    Ok(differences)
}

/// Fails with the differences, if there are any.
pub fn assert_equal(a: &Path, b: &Path) -> Result<()> {
    let differences = rsync_equal(a, b)?;
    if differences.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = differences.iter().take(40).map(|line| line.chars().take(200).collect()).collect();
    bail!("{} differences:\n{}", differences.len(), shown.join("\n"))
}

fn one_way(from: &Path, to: &Path) -> Result<Vec<String>> {
    // Times are compared to the nanosecond, which rsync does not do by itself.
    rsync_differences(from, to, &["-aHAX", "--modify-window=-1"])
}

/// What rsync with these flags would do to make the content of `to` that of `from`; it reads all of both.
pub fn rsync_differences(from: &Path, to: &Path, flags: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("rsync")
        .args(flags)
        .args(["--dry-run", "--delete", "--checksum", "--itemize-changes", "--exclude=/.standin/"])
        .arg(from.join("")) // the slash at the end means its content
        .arg(to.join(""))
        .output()?;
    if !output.status.success() {
        bail!("rsync ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
