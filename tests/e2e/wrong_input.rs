//! What people get wrong, and what they are told.

use anyhow::{Result, ensure};
use std::{
    io::Read,
    process::{Command, Stdio},
};
use testkit::Fleet;

#[test]
fn one_bad_document_and_nothing_is_applied() -> Result<()> {
    let fleet = Fleet::builder().start()?;
    let good = fleet.scenario_manifest("files", &["data"], "")?;
    fleet.write_manifest("good.yaml", &good)?;
    fleet.write_manifest(
        "bad.yaml",
        &good.replace("name: files", "name: other").replace("maxSize: 256MiB", "maxSize: 256Mb"),
    )?;
    let directory = fleet.manifests().display().to_string();
    let said = fleet.standin(&["apply", "--yes", "-f", &directory])?.with_code(1)?;
    ensure!((said.stdout.clone() + &said.stderr).contains("DR0103"), "{said:?}");
    fleet.standin(&["get", "scenario", "files"])?.with_code(1)?;
    Ok(())
}

#[test]
fn each_mistake_has_its_exit_code_and_says_what_to_do() -> Result<()> {
    let fleet = Fleet::builder().start()?;
    let expectations: [(&[&str], i32, &str); 14] = [
        (&["delete", "run", "r-1"], 2, "scenario, host"),
        (&["delete", "host", "none", "--confirm", "none"], 1, "none"),
        (&["diff", "--head", "main"], 2, "--base"),
        (&["apply", "/does/not/exist.json", "--yes"], 2, "/does/not/exist.json"),
        (&["swichover", "files"], 2, "switchover"),
        (&["switchover"], 2, "Usage"),
        (&["get", "potato"], 2, "potato"),
        (&["get", "scenario", "none"], 1, "none"),
        (&["switchover", "none", "--confirm", "none"], 1, "none"),
        (&["apply", "-f", "/does/not/exist", "--yes"], 2, "/does/not/exist"),
        (&["token", "create", "--host", "Not A Name"], 2, "Not A Name"),
        (&["token", "create", "--host", "mx1", "--ttl", "2h"], 2, "1h"),
        (&["run", "show", "r-none"], 1, "r-none"),
        (&["explain", "DR9999"], 1, "DR9999"),
    ];
    for (arguments, code, words) in expectations {
        let said = fleet.standin(arguments)?.with_code(code)?;
        ensure!((said.stdout.clone() + &said.stderr).contains(words), "{arguments:?} does not say {words}:\n{said:?}");
    }
    Ok(())
}

#[test]
fn no_controller_is_exit_3() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("none.sock");
    let output = Command::new(testkit::standin()?).args(["status"]).env("STANDIN_SOCKET", &socket).output()?;
    ensure!(output.status.code() == Some(3), "{output:?}");
    ensure!(String::from_utf8_lossy(&output.stderr).contains("none.sock"), "{output:?}");
    Ok(())
}

#[test]
fn a_closed_pipe_is_not_a_panic() -> Result<()> {
    let mut child = Command::new(testkit::standin()?)
        .args(["schema", "--kind", "scenario"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors)?;
    ensure!(child.wait()?.code() == Some(0), "{errors}");
    ensure!(errors.is_empty(), "{errors}");
    Ok(())
}

#[test]
fn a_second_controller_on_the_same_directory_refuses() -> Result<()> {
    let fleet = Fleet::builder().start()?;
    let config = fleet.directory().join("controller.yaml").display().to_string();
    let said = fleet.standin(&["controller", "--config", &config])?;
    ensure!(said.code != Some(0) && said.stderr.contains("lock") || said.stderr.contains("controller"), "{said:?}");
    fleet.run(&["version"])?;
    Ok(())
}
