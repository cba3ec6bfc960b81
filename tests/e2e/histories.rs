//! Two histories meet: a replica that was ahead, and a controller whose state was set back.

use crate::story::{ROOT, SCENARIO, SOON, active_host, holds, protected};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command};
use testkit::{Fleet, wait_until};

#[test]
fn a_replica_that_was_ahead_of_the_new_active_keeps_what_only_it_had() -> Result<()> {
    let mut fleet = Fleet::builder().hosts(&["mx1", "mx2", "mx3"]).start()?;
    let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT], "")?;
    fleet.write_manifest("files.yaml", &manifest)?;
    for number in 0..20 {
        fs::write(fleet.root("mx1", ROOT).join(format!("page{number}")), "old")?;
    }
    fleet.apply()?;
    fleet.wait_until_synchronized(SCENARIO, SOON)?;
    fleet.agent("mx2")?.kill()?;
    fs::write(fleet.root("mx1", ROOT).join("page0"), "changed at the end")?;
    fs::write(fleet.root("mx1", ROOT).join("late"), "late")?;
    let ahead = fleet.root("mx3", ROOT);
    let arrived =
        || Ok(ahead.join("late").exists() && fs::read_to_string(ahead.join("page0"))? == "changed at the end");
    wait_until(SOON, "mx3 is ahead", arrived)?;
    fleet.agent("mx1")?.kill()?;
    fleet.agent("mx2")?.start()?;
    let here = |s: &wire::api::StoredScenario| {
        let connected = |host: &str| s.status.members.iter().any(|m| m.host == host.into() && m.connected);
        connected("mx2") && connected("mx3") && !connected("mx1")
    };
    fleet.wait_for_scenario(SCENARIO, SOON, "mx1 is gone and mx2 is back", here)?;
    let accept = ["--allow-data-loss", "--no-fence", "--confirm", SCENARIO];
    fleet.run(&[&["failover", SCENARIO, "--to", "mx2"], &accept[..]].concat())?;
    ensure!(active_host(&fleet)? == "mx2");
    let equal =
        || Ok(!ahead.join("late").exists() && fs::read_to_string(ahead.join("page0")).is_ok_and(|t| t == "old"));
    wait_until(SOON, "mx3 follows mx2", equal)?;
    let aside = fs::read_dir(ahead.join(".standin/quarantine"))?.next().context("no quarantine")??.path();
    ensure!(fs::read_to_string(aside.join("page0"))? == "changed at the end", "what was changed is lost");
    ensure!(fs::read_to_string(aside.join("late"))? == "late", "what was new is lost");
    Ok(())
}

#[test]
fn a_controller_set_back_before_a_switchover_undoes_nothing() -> Result<()> {
    let mut fleet = protected(false, "", |fleet| Ok(fs::write(fleet.root("mx1", ROOT).join("page"), "1")?))?;
    let (state, copied) = (fleet.directory().join("controller"), fleet.directory().join("copied"));
    fleet.controller.kill()?;
    copy(&state, &copied)?;
    fleet.controller.start()?;
    fleet
        .wait_for_scenario(SCENARIO, SOON, "all are here", |s| holds(s, "AgentsConnected") && holds(s, "Protected"))?;
    fleet.run(&["switchover", SCENARIO, "--confirm", SCENARIO])?;
    fleet.controller.kill()?;
    copy(&copied, &state)?;
    fleet.controller.start()?;
    let outdated = |s: &wire::api::StoredScenario| s.status.conditions.iter().any(|c| c.reason == "StateOutdated");
    fleet.wait_for_scenario(SCENARIO, SOON, "the past is noticed", outdated)?;
    fleet.wait_for_scenario(SCENARIO, SOON, "all are here", |s| holds(s, "AgentsConnected"))?;
    let refused = fleet.standin(&["switchover", SCENARIO, "--confirm", SCENARIO])?.with_code(6)?;
    ensure!(refused.stderr.contains("knows epoch 2"), "{refused:?}");
    let role =
        |host: &str| fs::read_to_string(fleet.home(host).join("state/scenarios").join(SCENARIO).join("role.json"));
    ensure!(role("mx2")?.contains("Active"), "the active host gave up its role: {}", role("mx2")?);
    ensure!(role("mx1")?.contains("Fenced"), "the old active host took its role again: {}", role("mx1")?);
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    ensure!(Command::new("cp").arg("-a").arg(from).arg(to).status()?.success(), "cp");
    Ok(())
}
