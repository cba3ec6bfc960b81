//! Standin itself: a controller and two agents.

use crate::{contestant::Contestant, cpu};
use anyhow::{Context, Result};
use std::{path::PathBuf, time::Duration};
use testkit::Fleet;

const SCENARIO: &str = "bench";
const ROOT: &str = "data";
const WITHIN: Duration = Duration::from_secs(900);

pub struct Standin {
    pub fleet: Fleet,
}

impl Standin {
    /// Runs, with an empty tree and no scenario.
    pub fn start(relayed: bool) -> Result<Self> {
        let builder = Fleet::builder();
        let fleet = if relayed { builder.relayed() } else { builder }.start()?;
        let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT], "")?;
        fleet.write_manifest("bench.yaml", &manifest)?;
        Ok(Self { fleet })
    }

    /// Applies the scenario and waits until the replica is complete.
    pub fn protect(&self) -> Result<()> {
        self.fleet.apply()?;
        self.wait_until_protected()
    }

    pub fn wait_until_protected(&self) -> Result<()> {
        let wanted = |scenario: &wire::api::StoredScenario| {
            let holds = |kind: &str| scenario.status.conditions.iter().any(|c| c.kind == kind && c.status == "True");
            holds("Synchronized") && holds("Protected")
        };
        self.fleet.wait_for_scenario(SCENARIO, WITHIN, "protected", wanted).map(drop)
    }
}

impl Contestant for Standin {
    fn name(&self) -> &str {
        "standin"
    }

    fn source(&self) -> PathBuf {
        self.fleet.root("mx1", ROOT)
    }

    fn replica(&self) -> PathBuf {
        self.fleet.root("mx2", ROOT)
    }

    fn cpu(&mut self) -> Result<Duration> {
        let mut pids = Vec::new();
        for host in ["mx1", "mx2"] {
            pids.push(self.fleet.agent(host)?.pid().context("an agent ended")?);
        }
        cpu::used_by(&pids)
    }
}
