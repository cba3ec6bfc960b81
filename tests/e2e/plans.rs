//! Runs that follow a plan that people wrote, with real processes.

use crate::story::{ROOT, SCENARIO, active_host, assert_equal, protected};
use anyhow::{Context, Result, ensure};
use model::view::{RunState, RunView};
use std::fs;
use testkit::Fleet;

const SERVICE: &str = "  monitoring: {interval: 1s, timeout: 10s, checks: [{name: up, exec: {command: [shop, check]}}]}
  services: {commands: [{name: shop, start: [shop, start], stop: [shop, stop], check: [shop, check]}]}
";

const PLAN: &str = "apiVersion: standin/v1alpha1
kind: RecoveryPlan
metadata: {name: quiet}
spec:
  scenario: files
  purpose: switchover
  parameters:
    - {name: ticket, type: text, required: true}
  steps:
    - {name: announce, host: active, run: {command: [note, announced, {fromParameter: ticket}]}, undo: {run: {command: [note, taken-back]}}}
    - {name: ask, approve: {message: The help desk knows?}}
    - {name: stop, stopServices: {}}
    - {name: drain, waitForDrain: {}}
    - {name: probe, host: target, run: {command: [probe]}, retries: {max: 1, delay: 1s}, onFailure: undo}
    - {name: make-active, setActive: {}}
    - {name: start, startServices: {}}
    - {name: check, check: {checks: [up]}}
    - {name: tidy, host: active, run: {command: [note, tidied]}, always: true}
";

/// A fleet with a service that is a file, and scripts that write down what they are told.
fn fleet() -> Result<Fleet> {
    let fleet = protected(false, SERVICE, |fleet| {
        for host in ["mx1", "mx2"] {
            let home = fleet.home(host);
            let running = home.join("shop-runs");
            let running = running.display();
            let shop = format!(
                "#!/bin/sh\ncase $1 in start) : > {running};; stop) rm -f {running};; check) test -e {running};; esac\n"
            );
            fleet.write_script(host, "shop", &shop)?;
            let told = home.join("told");
            let note = format!("#!/bin/sh\necho \"$* $STANDIN_STEP $STANDIN_ACTIVE_HOST\" >> {}\n", told.display());
            fleet.write_script(host, "note", &note)?;
            fleet.write_script(host, "probe", &format!("#!/bin/sh\ntest -e {}\n", home.join("well").display()))?;
        }
        fs::write(fleet.root("mx1", ROOT).join("page"), "one").context("page")
    })?;
    fleet.write_manifest("plan.yaml", PLAN)?;
    fleet.apply()?;
    Ok(fleet)
}

fn told(fleet: &Fleet, host: &str) -> String {
    fs::read_to_string(fleet.home(host).join("told")).unwrap_or_default()
}

/// Starts the switchover; answers its id. It stops where a person is asked, and says how to go on.
fn asking(fleet: &Fleet) -> Result<String> {
    let arguments = ["switchover", SCENARIO, "--plan", "quiet", "--set", "ticket=OPS-12", "--confirm", SCENARIO];
    let said = fleet.standin(&arguments)?.with_code(7)?;
    let run = newest(fleet)?;
    ensure!(run.state == RunState::Paused && run.question.is_some(), "{run:#?}");
    ensure!(said.stderr.contains("question   The help desk knows?"), "{said:?}");
    ensure!(said.stderr.contains(&format!("standin run resume {}", run.id)), "{said:?}");
    Ok(run.id.0)
}

fn newest(fleet: &Fleet) -> Result<RunView> {
    fleet.runs()?.into_iter().max_by_key(|run| run.started).context("no run")
}

#[test]
fn a_plan_asks_runs_scripts_and_moves_the_work() -> Result<()> {
    let fleet = fleet()?;
    let shown = fleet.run(&["plan", "show", SCENARIO, "--plan", "quiet", "--set", "ticket=OPS-12"])?;
    ensure!(shown.stdout.contains("run note announced OPS-12 on mx1"), "{}", shown.stdout);
    fleet.standin(&["plan", "show", SCENARIO, "--plan", "quiet"])?.with_code(1)?;
    fleet.standin(&["plan", "show", SCENARIO, "--plan", "quiet", "--set", "tikcet=1"])?.with_code(2)?;
    fleet.standin(&["switchover", SCENARIO, "--plan", "quiet", "--confirm", SCENARIO])?.with_code(6)?;
    fs::write(fleet.home("mx2").join("well"), "")?;
    let run = asking(&fleet)?;
    ensure!(active_host(&fleet)? == "mx1");
    let said = fleet.standin(&["run", "resume", &run])?.with_code(6)?;
    ensure!(said.stderr.contains("The help desk knows?") && said.stderr.contains("--step 2"), "{said:?}");
    fleet.standin(&["run", "resume", &run, "--step", "3"])?.with_code(4)?;
    let said = fleet.run(&["run", "resume", &run, "--step", "2"])?;
    ensure!(said.stdout.contains("approved by"), "{}", said.stdout);
    ensure!(active_host(&fleet)? == "mx2");
    ensure!(told(&fleet, "mx1") == "announced OPS-12 announce mx1\n", "{}", told(&fleet, "mx1"));
    ensure!(told(&fleet, "mx2") == "tidied tidy mx2\n", "{}", told(&fleet, "mx2"));
    ensure!(fleet.home("mx2").join("shop-runs").exists() && !fleet.home("mx1").join("shop-runs").exists());
    let page = fleet.run(&["describe", "plan", "quiet"])?;
    ensure!(page.stdout.contains("make target active"), "{}", page.stdout);
    fleet.run(&["switchback", SCENARIO, "--confirm", SCENARIO])?;
    assert_equal(&fleet)
}

#[test]
fn a_step_that_fails_has_everything_taken_back() -> Result<()> {
    let fleet = fleet()?;
    let run = asking(&fleet)?;
    let said = fleet.standin(&["run", "resume", &run, "--step", "2"])?.with_code(5)?;
    ensure!(said.stderr.contains("was taken back") && said.stderr.contains("after 2 attempts"), "{said:?}");
    ensure!(newest(&fleet)?.state == RunState::RolledBack);
    ensure!(active_host(&fleet)? == "mx1");
    let expected = "announced OPS-12 announce mx1\ntaken-back announce mx1\ntidied tidy mx1\n";
    ensure!(told(&fleet, "mx1") == expected, "{}", told(&fleet, "mx1"));
    ensure!(told(&fleet, "mx2").is_empty());
    ensure!(fleet.home("mx1").join("shop-runs").exists() && !fleet.home("mx2").join("shop-runs").exists());
    assert_equal(&fleet)
}
