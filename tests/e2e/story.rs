//! What the tests of this target share: a fleet with one scenario, and the two judges of equality.

use anyhow::{Context, Result, ensure};
use std::time::Duration;
use testkit::{Fleet, Said};
use wire::api::StoredScenario;

pub const SCENARIO: &str = "files";
pub const ROOT: &str = "data";
pub const SOON: Duration = Duration::from_secs(60);

/// A scenario from mx1 to mx2 with one root, applied and synchronized. `fill` runs before the first copy.
pub fn protected(relayed: bool, more: &str, fill: impl FnOnce(&Fleet) -> Result<()>) -> Result<Fleet> {
    let builder = Fleet::builder();
    let fleet = if relayed { builder.relayed() } else { builder }.start()?;
    let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT], &with_specials(more))?;
    fleet.write_manifest("files.yaml", &manifest)?;
    fill(&fleet)?;
    fleet.apply()?;
    wait_until_protected(&fleet)?;
    Ok(fleet)
}

/// Trees of every kind have fifos in them.
fn with_specials(more: &str) -> String {
    let specials = if more.contains("replication:") { "" } else { "  replication: {specials: replicate}\n" };
    format!("{specials}{more}")
}

/// Both judges: our own comparison, and rsync, which knows nothing of us.
pub fn assert_equal(fleet: &Fleet) -> Result<()> {
    wait_until_protected(fleet)?;
    let said = compare(fleet)?;
    said.with_code(0).context("sync --compare-only")?;
    testkit::assert_equal(&fleet.root("mx1", ROOT), &fleet.root("mx2", ROOT))
}

/// Synchronized, the link whole and the lag known.
pub fn wait_until_protected(fleet: &Fleet) -> Result<()> {
    fleet
        .wait_for_scenario(SCENARIO, SOON, "protected", |s| holds(s, "Synchronized") && holds(s, "Protected"))
        .map(drop)
}

pub fn compare(fleet: &Fleet) -> Result<Said> {
    fleet.standin(&["sync", SCENARIO, "--compare-only"])
}

/// Whether a condition of the scenario is true.
pub fn holds(scenario: &StoredScenario, condition: &str) -> bool {
    scenario.status.conditions.iter().any(|c| c.kind == condition && c.status == "True")
}

/// The host that is active now.
pub fn active_host(fleet: &Fleet) -> Result<String> {
    let active = fleet.scenario(SCENARIO)?.status.active;
    Ok(active.context("nobody is active")?.host.0)
}

/// Bytes that are captured and not yet durable at the other side.
pub fn unsent(scenario: &StoredScenario) -> Option<u64> {
    scenario.status.members.iter().filter_map(|member| member.unsent_bytes).max()
}

/// What no comparison may have touched.
pub fn lineage_of_target(scenario: &StoredScenario) -> Result<u64> {
    let synced = scenario.status.members.iter().filter_map(|member| member.synced).max();
    let mark = synced.context("no position is known")?;
    ensure!(mark.batch > 0, "no batch was ever issued");
    Ok(mark.batch)
}
