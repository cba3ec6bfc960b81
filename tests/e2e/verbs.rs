//! Every verb with every kind of wrong question: the exit codes are one table for all of them.

use anyhow::{Context, Result, ensure};
use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Duration};
use testkit::{Fleet, Said};
use wire::people::PersonToken;

const WITHIN: Duration = Duration::from_secs(60);

/// What a verb needs to answer.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Controller,
    /// Manifests of `dr`, and a controller.
    Both,
    /// Manifests of `dr`.
    Files,
    Nothing,
    /// A configuration: these serve, and are asked only what makes them refuse.
    Config,
}

use Needs::{Both, Config, Controller, Files, Nothing};

/// A right question for every verb.
const VERBS: &[(&[&str], Needs)] = &[
    (&["status"], Controller),
    (&["get", "scenarios"], Controller),
    (&["describe", "scenario", "files"], Controller),
    (&["events"], Controller),
    (&["diff", "-f", "dr"], Both),
    (&["apply", "-f", "dr", "--yes"], Both),
    (&["follow"], Controller),
    (&["delete", "scenario", "files", "--confirm", "files"], Controller),
    (&["plan", "show", "files"], Controller),
    (&["switchover", "files", "--confirm", "files"], Controller),
    (&["failover", "files", "--to", "mx2", "--confirm", "files"], Controller),
    (&["switchback", "files", "--confirm", "files"], Controller),
    (&["run", "list"], Controller),
    (&["run", "show", "r-1"], Controller),
    (&["run", "attach", "r-1"], Controller),
    (&["run", "resume", "r-1"], Controller),
    (&["run", "abort", "r-1"], Controller),
    (&["sync", "files", "--yes"], Controller),
    (&["sync", "files", "--compare-only"], Controller),
    (&["suspend", "files", "--yes"], Controller),
    (&["resume", "files", "--yes"], Controller),
    (&["adopt-root", "files", "data", "--host", "mx1", "--confirm", "files"], Controller),
    (&["approve", "files", "--digest", "d1", "--confirm", "files"], Controller),
    (&["token", "create", "--role", "viewer", "--name", "ci"], Controller),
    (&["token", "create", "--host", "mx1"], Controller),
    (&["token", "list"], Controller),
    (&["token", "revoke", "ci"], Controller),
    (&["context", "list"], Nothing),
    (&["version"], Nothing),
    (&["init", "new", "--template", "files"], Nothing),
    (&["validate", "-f", "dr"], Files),
    (&["render", "-f", "dr"], Files),
    (&["explain", "DR0101"], Nothing),
    (&["schema"], Nothing),
    (&["config", "view"], Nothing),
    (&["agent", "--config", "none.yaml"], Config),
    (&["controller", "--config", "none.yaml"], Config),
    (&["demo", "--script"], Nothing),
];

/// Runs `standin` in a directory of its own, where no setting of anybody else is found.
fn standin(home: &Path, arguments: &[&str]) -> Result<Said> {
    let mut command = Command::new(testkit::standin()?);
    command.args(arguments).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home);
    Said::by(&mut command, WITHIN)
}

fn home(fleet: &Fleet) -> Result<std::path::PathBuf> {
    let home = fleet.directory().join("verbs");
    fs::create_dir_all(home.join("dr"))?;
    fs::copy(fleet.manifests().join("hosts.yaml"), home.join("dr/hosts.yaml"))?;
    fs::write(home.join("dr/files.yaml"), fleet.scenario_manifest("files", &["data"], "")?)?;
    Ok(home)
}

fn expect(code: i32, words: &str, arguments: &[&str], said: Said) -> Result<()> {
    let said = said.with_code(code).with_context(|| format!("standin {}", arguments.join(" ")))?;
    ensure!(said.stderr.contains(words), "standin {} does not say {words:?}:\n{}", arguments.join(" "), said.stderr);
    ensure!(!said.stderr.contains("panicked"), "standin {}:\n{}", arguments.join(" "), said.stderr);
    Ok(())
}

#[test]
fn every_verb_is_in_the_table() -> Result<()> {
    let help = Command::new(testkit::standin()?).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).context("commands")?;
    let verb = |line: &str| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
    let named = listed.lines().filter_map(verb).filter_map(|line| Some(line.split_whitespace().next()?.to_owned()));
    let known: BTreeSet<String> = VERBS.iter().map(|(words, _)| words[0].to_owned()).collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), known);
    Ok(())
}

#[test]
fn a_wrong_question_has_the_code_of_the_table_whatever_the_verb() -> Result<()> {
    let mut fleet = Fleet::builder().api("{listen: '127.0.0.1:0'}").start()?;
    let home = home(&fleet)?;
    for (words, needs) in VERBS {
        let asked = [*words, &["--no-such-flag"]].concat();
        expect(2, "--no-such-flag", &asked, standin(&home, &asked)?)?;
        if matches!(needs, Files | Both) {
            let asked: Vec<&str> = words.iter().map(|word| if *word == "dr" { "dr/none.yaml" } else { word }).collect();
            expect(2, "dr/none.yaml", &asked, standin(&home, &asked)?)?;
        }
        if *needs == Config {
            expect(2, "none.yaml", words, standin(&home, words)?)?;
        }
        if matches!(needs, Controller | Both) {
            let asked = [*words, &["--socket", "none.sock"]].concat();
            expect(3, "none.sock", &asked, standin(&home, &asked)?)?;
        }
    }
    with_a_wrong_token(&fleet, &home)?;
    // The address is known and nobody is there any more.
    fleet.controller.kill()?;
    for (words, _) in asking() {
        let asked = [*words, &["--context", "wrong"]].concat();
        expect(3, "http://127.0.0.1:", &asked, standin(&home, &asked)?)?;
    }
    Ok(())
}

fn asking() -> impl Iterator<Item = &'static (&'static [&'static str], Needs)> {
    VERBS.iter().filter(|(_, needs)| matches!(needs, Controller | Both))
}

fn with_a_wrong_token(fleet: &Fleet, home: &Path) -> Result<()> {
    let url = format!("http://{}", fleet.controller.ready("api").context("the API's address")?);
    let token = home.join("token");
    fs::write(&token, PersonToken::create()?.to_string())?;
    let token = token.display().to_string();
    Command::new("chmod").args(["600", &token]).status()?;
    standin(home, &["context", "add", "wrong", "--url", &url, "--token-file", &token, "--no-check"])?.ok()?;
    for (words, _) in asking() {
        let asked = [*words, &["--context", "wrong"]].concat();
        expect(3, "token", &asked, standin(home, &asked)?)?;
    }
    Ok(())
}
