//! Rounds of `kill -9` at random under a writer, each followed by equality.
//!
//! `STANDIN_KILL_ROUNDS` sets how many (12 by default) and `STANDIN_KILL_SEED` repeats a sequence. Every round says
//! whom it killed, at which stage and with how many bytes on their way.

use crate::story::{ROOT, SCENARIO, SOON, active_host, assert_equal, protected, unsent};
use anyhow::{Context, Result, ensure};
use model::{agent_status::LinkState, view::RunState};
use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};
use testkit::{Fleet, Limit, Tree, Writer, wait_until};

const ROUNDS: u32 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Source,
    Target,
    Controller,
    BothAgents,
    All,
}

const VICTIMS: [Victim; 5] = [Victim::Source, Victim::Target, Victim::Controller, Victim::BothAgents, Victim::All];

/// What a round is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Changes are followed.
    Following,
    /// The two sides are compared and copied.
    Synchronizing,
    /// A run moves the roles.
    Moving,
}

const STAGES: [Stage; 4] = [Stage::Following, Stage::Synchronizing, Stage::Moving, Stage::Following];

#[test]
fn any_process_may_be_killed_at_any_time() -> Result<()> {
    if !testkit::has("rsync") {
        testkit::skip("needs rsync");
        return Ok(());
    }
    let rounds = number("STANDIN_KILL_ROUNDS").map_or(ROUNDS, |n| n as u32);
    let seed = number("STANDIN_KILL_SEED").unwrap_or_else(seed_from_clock);
    println!("{rounds} rounds with STANDIN_KILL_SEED={seed}");
    let mut chance = Chance(seed);
    let mut fleet =
        protected(false, "", |fleet| Tree::of_every_kind(&fleet.root("mx1", ROOT).join("kinds")).map(drop))?;
    let mut under_way = 0;
    for round in 0..rounds {
        let stage = STAGES[round as usize % STAGES.len()];
        let line =
            play(&mut fleet, stage, &mut chance).with_context(|| format!("round {round}, {stage:?}, seed {seed}"))?;
        under_way += u32::from(line.under_way);
        println!("round {round:3}  {}", line.text);
    }
    println!("{under_way} of {rounds} kills landed during a transfer or a step");
    ensure!(under_way * 10 >= rounds * 5, "too few kills landed where it matters: {under_way} of {rounds}");
    Ok(())
}

struct Line {
    under_way: bool,
    text: String,
}

fn play(fleet: &mut Fleet, stage: Stage, chance: &mut Chance) -> Result<Line> {
    let victim = VICTIMS[chance.below(VICTIMS.len() as u64) as usize];
    let active = active_host(fleet)?;
    let limit = Limit { operations: 4_000, time: Duration::from_secs(8), pause: Duration::from_micros(200) };
    let writer = Writer::start(&fleet.root(&active, ROOT), chance.below(u64::MAX), limit);
    let begun = 200 + chance.below(1500);
    wait_until(SOON, "the writer is at work", || Ok(writer.operations() >= begun))?;
    let run = begin(fleet, stage)?;
    // Somewhere in the first part of what was begun; a different place each time.
    let places = chance.below(12);
    let mut looked = 0;
    wait_until(SOON, "a place to kill at", || {
        looked += 1;
        Ok(looked > places)
    })?;
    let (under_way, mut text) = look(fleet, victim)?;
    kill(fleet, victim, &active)?;
    start(fleet)?;
    let written = writer.finish()?;
    settle(fleet, run.as_deref())?;
    go_home(fleet)?;
    assert_equal(fleet)?;
    write!(text, "  {} writes", written.operations)?;
    Ok(Line { under_way, text })
}

/// Begins what the round is about, and answers the run, if there is one.
fn begin(fleet: &Fleet, stage: Stage) -> Result<Option<String>> {
    let arguments: &[&str] = match stage {
        Stage::Following => return Ok(None),
        Stage::Synchronizing => &["sync", SCENARIO, "--yes", "--wait=false"],
        Stage::Moving => &["switchover", SCENARIO, "--confirm", SCENARIO, "--wait=false"],
    };
    // The writer does not stop for a switchover here: what it writes to the fenced side is set aside or drained.
    let said = fleet.standin(arguments)?;
    ensure!(matches!(said.code, Some(0 | 6)), "{said:?}");
    Ok((said.code == Some(0)).then(|| said.stdout.trim().to_owned()))
}

/// What is under way at this moment.
fn look(fleet: &Fleet, victim: Victim) -> Result<(bool, String)> {
    let scenario = fleet.scenario(SCENARIO)?;
    let bytes = unsent(&scenario);
    let run = fleet.runs()?.into_iter().find(|run| run.state == RunState::Running);
    let step =
        run.as_ref().and_then(|run| run.steps.iter().find(|step| step.state == "asked")).map(|step| step.name.clone());
    let copying = scenario.status.members.iter().any(|member| member.progress.is_some());
    let under_way = step.is_some() || copying || bytes > Some(0);
    let stage = step
        .unwrap_or_else(|| if copying { format!("{:?}", LinkState::Synchronizing) } else { "following".to_owned() });
    let bytes = bytes.map_or("?".to_owned(), |bytes| bytes.to_string());
    Ok((under_way, format!("{:12} {stage:16} {bytes:>9} bytes in flight", format!("{victim:?}"))))
}

fn kill(fleet: &mut Fleet, victim: Victim, active: &str) -> Result<()> {
    let other = if active == "mx1" { "mx2" } else { "mx1" };
    if matches!(victim, Victim::Controller | Victim::All) {
        fleet.controller.kill()?;
    }
    if matches!(victim, Victim::Source | Victim::BothAgents | Victim::All) {
        fleet.agent(active)?.kill()?;
    }
    if matches!(victim, Victim::Target | Victim::BothAgents | Victim::All) {
        fleet.agent(other)?.kill()?;
    }
    Ok(())
}

fn start(fleet: &mut Fleet) -> Result<()> {
    if !fleet.controller.is_running() {
        fleet.controller.start()?;
    }
    for host in ["mx1", "mx2"] {
        if !fleet.agent(host)?.is_running() {
            fleet.agent(host)?.start()?;
        }
    }
    Ok(())
}

/// Sees the run to its end, resuming it where it waits for a person.
fn settle(fleet: &Fleet, run: Option<&str>) -> Result<()> {
    let Some(run) = run else { return Ok(()) };
    wait_until(2 * SOON, "the run ends", || {
        let view = fleet.runs()?.into_iter().find(|view| view.id.0 == run).context("the run is gone")?;
        if view.state == RunState::Paused {
            fleet.standin(&["run", "resume", run, "--wait=false"])?;
        }
        Ok(matches!(view.state, RunState::Done | RunState::RolledBack))
    })
    .with_context(|| format!("{:#?}", fleet.runs()))?;
    Ok(())
}

fn go_home(fleet: &Fleet) -> Result<()> {
    if active_host(fleet)? != "mx1" {
        fleet.run(&["switchback", SCENARIO, "--confirm", SCENARIO])?;
    }
    Ok(())
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn seed_from_clock() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |time| time.as_millis() as u64)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}
