//! The small chores.

use crate::process::{cargo, command, pass_on, root, succeeds, target_directory};
use anyhow::{Result, bail};
use std::{path::PathBuf, process::ExitCode};

/// The version `deny.toml` was written for.
const CARGO_DENY_VERSION: &str = "0.20.2";

pub fn ci() -> Result<ExitCode> {
    pass_on(&mut command("./.ci/run"))
}

pub fn format() -> Result<ExitCode> {
    // Lints and formats are modules that a macro declares, which cargo fmt does not see.
    for directory in ["lints", "render"] {
        let files = std::fs::read_dir(root().join("schemas/manifest/src").join(directory))?;
        let files = files.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        pass_on(command("rustfmt").args(["--edition", "2024"]).args(files))?;
    }
    pass_on(cargo().args(["fmt", "--all"]))
}

/// The published JSON Schemas and the reference made of them; tests compare both with what the code says.
pub fn schemas() -> Result<ExitCode> {
    pass_on(cargo().args(["test", "--quiet", "-p", "manifest", "write_the_published_files", "--", "--ignored"]))
}

/// Bans, licences and sources, by `deny.toml`. Bans and sources are checked by the tidy test as well.
pub fn deny() -> Result<ExitCode> {
    match ensure_cargo_deny() {
        Some(program) => pass_on(command(&program).args(["--locked", "check", "bans", "licenses", "sources"])),
        None => {
            eprintln!("cargo-deny is not there and cannot be installed: LICENCES ARE NOT CHECKED");
            pass_on(cargo().args(["test", "--quiet", "--locked", "-p", "acceptance", "--test", "tidy", "dependencies"]))
        }
    }
}

pub fn advisories() -> Result<ExitCode> {
    match ensure_cargo_deny() {
        Some(program) => pass_on(command(&program).args(["--locked", "check", "advisories"])),
        None => bail!("this needs cargo-deny and a network for the advisory database"),
    }
}

/// The one on the path, or our own below the target directory, installed when missing (two to three minutes, once).
fn ensure_cargo_deny() -> Option<String> {
    let tools = target_directory().join("tools");
    let own = tools.join("bin/cargo-deny").to_string_lossy().into_owned();
    for program in ["cargo-deny", own.as_str()] {
        if succeeds(command(program).arg("--version")) {
            return Some(program.to_owned());
        }
    }
    let mut install = cargo();
    install.args(["install", "--quiet", "--locked", "cargo-deny", "--version", CARGO_DENY_VERSION, "--root"]);
    install.arg(&tools).env("CARGO_TARGET_DIR", scratch());
    let installed = install.status().is_ok_and(|status| status.success());
    let _ = std::fs::remove_dir_all(scratch());
    installed.then_some(own)
}

fn scratch() -> PathBuf {
    target_directory().join("tools/build")
}
