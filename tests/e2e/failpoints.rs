//! Every place where the code may be killed is reached once, and each time the two sides end equal.

use crate::story::{ROOT, SCENARIO, SOON, active_host, assert_equal, protected, wait_until_protected};
use anyhow::{Context, Result, ensure};
use model::view::RunState;
use std::{fs, os::unix::fs::FileExt, time::Duration};
use testkit::{Fleet, wait_until};

const HOSTS: [&str; 2] = ["mx1", "mx2"];
const A_MOMENT: Duration = Duration::from_secs(4);

const SERVICE: &str = "  services: {commands: [{name: s, start: [s, start], stop: [s, stop], check: [s, check]}]}\n";

#[test]
fn every_failpoint_is_survived() -> Result<()> {
    if !testkit::has("rsync") {
        testkit::skip("needs rsync");
        return Ok(());
    }
    let mut fleet = protected(false, SERVICE, |fleet| {
        for host in HOSTS {
            let flag = fleet.home(host).join("running").display().to_string();
            let script = format!(
                "#!/bin/sh\ncase $1 in start) : > '{flag}' ;; stop) rm -f '{flag}' ;; check) [ -e '{flag}' ] ;; esac\n"
            );
            fleet.write_script(host, "s", &script)?;
        }
        // Large enough to change in place, and hardly anything in it.
        fs::File::create(fleet.root("mx1", ROOT).join("image"))?.set_len(40 << 20)?;
        Ok(fs::write(fleet.root("mx1", ROOT).join("first"), "first")?)
    })?;
    let mut missed = Vec::new();
    // A member that was active once has what differs set aside, orphans too: they are only treated as such before that.
    let mut names = replication::failpoint::ALL.to_vec();
    names.sort_by_key(|name| *name != "target.orphans");
    for (round, name) in names.into_iter().enumerate() {
        let hit = cross(&mut fleet, name, round).with_context(|| format!("failpoint {name}"))?;
        println!("{name}: {}", if hit { "hit, equal afterwards" } else { "NOT HIT" });
        if !hit {
            missed.push(name);
        }
    }
    ensure!(missed.is_empty(), "never reached: {missed:?}");
    Ok(())
}

/// Arms a failpoint on both agents, does everything that agents do until one dies, and sees both sides equal again.
fn cross(fleet: &mut Fleet, name: &str, round: usize) -> Result<bool> {
    restart(fleet, &format!("{name}:1"))?;
    let deeds: [fn(&mut Fleet, usize) -> Result<()>; 5] = [write, orphan_and_sync, switchover, diverge, switchback];
    let mut hit = false;
    for deed in deeds {
        deed(fleet, round)?;
        hit = died(fleet)?;
        if hit {
            break;
        }
    }
    restart(fleet, "")?;
    settle(fleet)?;
    if active_host(fleet)? != "mx1" {
        fleet.run(&["switchback", SCENARIO, "--confirm", SCENARIO])?;
    }
    assert_equal(fleet)?;
    Ok(hit)
}

fn restart(fleet: &mut Fleet, failpoint: &str) -> Result<()> {
    for host in HOSTS {
        let agent = fleet.agent(host)?;
        agent.kill()?;
        agent.set_environment("STANDIN_FAILPOINT", failpoint);
        // It may die before it is ready; that is what this is about.
        if failpoint.is_empty() { agent.start()? } else { agent.spawn()? }
    }
    Ok(())
}

fn died(fleet: &mut Fleet) -> Result<bool> {
    let any = wait_until(A_MOMENT, "an agent dies", || {
        Ok(!fleet.agent("mx1")?.is_running() || !fleet.agent("mx2")?.is_running())
    });
    Ok(any.is_ok())
}

fn write(fleet: &mut Fleet, round: usize) -> Result<()> {
    let root = fleet.root("mx1", ROOT);
    let directory = root.join(format!("round{round}"));
    fs::create_dir_all(&directory)?;
    (0..20).try_for_each(|n| fs::write(directory.join(format!("f{n}")), format!("{round} {n}")))?;
    let image = fs::OpenOptions::new().write(true).open(root.join("image"))?;
    image.write_all_at(format!("round {round}").as_bytes(), (round as u64) << 18)?;
    Ok(fs::rename(directory.join("f0"), root.join("first"))?)
}

fn orphan_and_sync(fleet: &mut Fleet, round: usize) -> Result<()> {
    fs::write(fleet.root("mx2", ROOT).join(format!("orphan{round}")), "nobody else has this")?;
    begin(fleet, &["sync", SCENARIO, "--yes", "--wait=false"])
}

fn switchover(fleet: &mut Fleet, _: usize) -> Result<()> {
    settle(fleet)?;
    wait_until_protected(fleet)?;
    begin(fleet, &["switchover", SCENARIO, "--confirm", SCENARIO, "--wait=false"])
}

fn diverge(fleet: &mut Fleet, round: usize) -> Result<()> {
    settle(fleet)?;
    Ok(fs::write(fleet.root("mx1", ROOT).join(format!("divergent{round}")), "written while fenced")?)
}

fn switchback(fleet: &mut Fleet, _: usize) -> Result<()> {
    begin(fleet, &["switchback", SCENARIO, "--confirm", SCENARIO, "--wait=false"])
}

/// Starts a run; a refusal is fine, since an agent may have died already.
fn begin(fleet: &Fleet, arguments: &[&str]) -> Result<()> {
    let said = fleet.standin(arguments)?;
    ensure!(matches!(said.code, Some(0 | 4 | 6)), "{said:?}");
    Ok(())
}

/// Sees every run to its end, resuming what waits for a person.
fn settle(fleet: &mut Fleet) -> Result<()> {
    if !fleet.agent("mx1")?.is_running() || !fleet.agent("mx2")?.is_running() {
        return Ok(());
    }
    wait_until(2 * SOON, "all runs end", || {
        let open: Vec<_> =
            fleet.runs()?.into_iter().filter(|run| matches!(run.state, RunState::Running | RunState::Paused)).collect();
        for run in open.iter().filter(|run| run.state == RunState::Paused) {
            fleet.standin(&["run", "resume", run.id.as_str(), "--wait=false"])?;
        }
        Ok(open.is_empty())
    })
    .with_context(|| format!("{:#?}", fleet.runs()))?;
    Ok(())
}
