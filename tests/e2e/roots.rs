//! A scenario with several roots, of which one leaves something out.

use crate::story::{SCENARIO, wait_until_protected};
use anyhow::{Result, ensure};
use std::fs;
use testkit::{Fleet, Tree};

#[test]
fn several_roots_are_followed_and_compared_each_alone() -> Result<()> {
    if !testkit::has("rsync") {
        testkit::skip("needs rsync");
        return Ok(());
    }
    let fleet = Fleet::builder().start()?;
    let manifest = fleet.scenario_manifest(SCENARIO, &["data", "queue"], "  replication: {specials: replicate}\n")?;
    let queue = format!("{{name: queue, path: {}", fleet.root("mx1", "queue").display());
    fleet.write_manifest("files.yaml", &manifest.replace(&queue, &format!("{queue}, exclude: [\"tmp/**\"]")))?;
    Tree::of_every_kind(&fleet.root("mx1", "data").join("kinds"))?;
    // A root that gives all it had to another one halts, as one that lost it.
    fs::write(fleet.root("mx1", "data").join("stays"), "in the data")?;
    fs::create_dir(fleet.root("mx1", "queue").join("tmp"))?;
    fs::write(fleet.root("mx1", "queue").join("tmp/left out"), "before")?;
    fleet.apply()?;
    wait_until_protected(&fleet)?;
    fs::write(fleet.root("mx1", "queue").join("message"), "in the queue")?;
    fs::write(fleet.root("mx1", "queue").join("tmp/left out too"), "live")?;
    fs::rename(fleet.root("mx1", "data").join("kinds"), fleet.root("mx1", "queue").join("moved"))?;
    fs::write(fleet.root("mx1", "data").join("file"), "in the data")?;
    fleet.standin(&["sync", SCENARIO, "--compare-only"])?.with_code(0)?;
    testkit::assert_equal(&fleet.root("mx1", "data"), &fleet.root("mx2", "data"))?;
    testkit::assert_equal(&fleet.root("mx1", "queue/moved"), &fleet.root("mx2", "queue/moved"))?;
    ensure!(!fleet.root("mx2", "queue").join("tmp/left out").exists(), "what is excluded was copied");
    ensure!(!fleet.root("mx2", "queue").join("tmp/left out too").exists(), "what is excluded was followed");

    fs::write(fleet.root("mx2", "queue").join("message"), "changed by hand")?;
    let compared = |root: &str| fleet.standin(&["sync", SCENARIO, "--compare-only", "--root", root]);
    compared("data")?.with_code(0)?;
    let said = compared("queue")?.with_code(1)?;
    ensure!(said.stdout.contains("message"), "{}", said.stdout);
    let said = compared("mail")?.with_code(6)?;
    ensure!(said.stderr.contains("there is no root mail in files"), "{}", said.stderr);
    Ok(())
}
