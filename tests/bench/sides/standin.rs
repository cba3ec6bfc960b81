//! Standin itself: a controller and two agents, from their start by a user's commands.

use super::{Follower, OURS};
use crate::{
    arrival::GIVE_UP,
    measure::{CPU_TIME, MEMORY_SOURCE, MEMORY_TARGET, Sample, TIME},
    place::Place,
    processes,
};
use anyhow::{Context, Result, ensure};
use std::{
    thread,
    time::{Duration, Instant},
};
use testkit::Fleet;

const SCENARIO: &str = "bench";
const SOURCE: &str = "mx1";
const TARGET: &str = "mx2";
/// To ask is to start a program: it is done seldom enough to take no time from what is measured.
const ASK_MIN: Duration = Duration::from_millis(20);
const ASK_MAX: Duration = Duration::from_secs(1);
/// Of the time that has passed, and so the error of a time that is asked for.
const ASK_PART: u32 = 50;

pub struct Standin {
    pub fleet: Fleet,
}

impl Standin {
    /// Runs, with hosts that have joined and no scenario. `counted`: what goes over the wire is passed on and counted.
    pub fn start(place: &Place, counted: bool) -> Result<Self> {
        let builder = Fleet::builder().inside(&place.directory);
        let fleet = if counted { builder.relayed() } else { builder }.start()?;
        // The spool is that of someone who wrote nothing about it.
        let manifest = format!(
            "apiVersion: standin/v1alpha1
kind: Scenario
metadata: {{name: {SCENARIO}}}
spec:
  primary: {{host: {SOURCE}, roots: [{{name: data, path: {}}}]}}
  replicas:
    - {{name: {TARGET}, host: {TARGET}, roots: [{{name: data, path: {}}}]}}
",
            place.source().display(),
            place.replica().display()
        );
        fleet.write_manifest("bench.yaml", &manifest)?;
        Ok(Self { fleet })
    }

    pub fn following(place: &Place) -> Result<Self> {
        let standin = Self::start(place, true)?;
        standin.protect()?;
        Ok(standin)
    }

    /// Applies the scenario and waits until the replica is complete.
    pub fn protect(&self) -> Result<()> {
        self.fleet.run(&["apply", "--yes", "-f", &self.fleet.manifests().display().to_string()])?;
        self.wait_until_protected(true)
    }

    /// Waits until the scenario is protected, or until it is not.
    pub fn wait_until_protected(&self, wanted: bool) -> Result<()> {
        let begin = Instant::now();
        loop {
            let scenario = self.fleet.scenario(SCENARIO)?;
            let holds = |kind: &str| scenario.status.conditions.iter().any(|c| c.kind == kind && c.status == "True");
            if (holds("Synchronized") && holds("Protected")) == wanted {
                return Ok(());
            }
            ensure!(begin.elapsed() < GIVE_UP, "not protected within {GIVE_UP:?}: {:#?}", scenario.status);
            thread::sleep((begin.elapsed() / ASK_PART).clamp(ASK_MIN, ASK_MAX));
        }
    }

    /// The first copy of what is in the source.
    pub fn first_copy(place: &Place) -> Result<Sample> {
        let mut standin = Self::start(place, false)?;
        let (begin, before) = (Instant::now(), standin.cpu()?);
        standin.protect()?;
        let sample = Sample::default()
            .with(TIME, begin.elapsed().as_secs_f64())
            .with(CPU_TIME, standin.cpu()?.saturating_sub(before).as_secs_f64());
        standin.with_memory(sample, "VmHWM")
    }

    /// Adds the memory of each agent, by a line of its /proc/PID/status.
    pub fn with_memory(&mut self, sample: Sample, line: &str) -> Result<Sample> {
        let source = processes::memory_of(self.pid(SOURCE)?, line)? as f64;
        let target = processes::memory_of(self.pid(TARGET)?, line)? as f64;
        Ok(sample.with(MEMORY_SOURCE, source).with(MEMORY_TARGET, target))
    }

    /// Compares both sides in full, and changes nothing; they have to be equal.
    pub fn compare(&self) -> Result<()> {
        self.fleet.run(&["sync", SCENARIO, "--compare-only"]).map(drop)
    }

    /// Ends the agent of the source, as for an update of its host.
    pub fn stop_source(&mut self) -> Result<()> {
        self.fleet.agent(SOURCE)?.terminate(Duration::from_secs(60)).map(drop)
    }

    pub fn start_source(&mut self) -> Result<()> {
        self.fleet.agent(SOURCE)?.spawn()
    }

    /// Of the agent that receives, for when the other one does not run.
    pub fn target_cpu(&mut self) -> Result<Duration> {
        processes::cpu_of(self.pid(TARGET)?)
    }

    fn pid(&mut self, host: &str) -> Result<u32> {
        self.fleet.agent(host)?.pid().with_context(|| format!("the agent of {host} ended ({OURS})"))
    }
}

impl Follower for Standin {
    fn cpu(&mut self) -> Result<Duration> {
        Ok(processes::cpu_of(self.pid(SOURCE)?)? + processes::cpu_of(self.pid(TARGET)?)?)
    }

    fn wire_bytes(&self) -> Result<u64> {
        Ok(self.fleet.relay(SOURCE)?.passed_bytes() + self.fleet.relay(TARGET)?.passed_bytes())
    }

    fn memory_bytes(&mut self) -> Result<u64> {
        let sample = self.with_memory(Sample::default(), "VmHWM")?;
        Ok(sample.values().iter().map(|(_, bytes)| *bytes as u64).sum())
    }
}
