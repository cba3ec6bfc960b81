//! `cargo xtask bench`: builds for release, then measures.

use crate::process::{cargo, command, pass_on, target_directory};
use anyhow::{Result, bail};
use std::process::ExitCode;

/// Both programs with optimisation: the one that is measured, and the one that measures.
const PACKAGES: &[&[&str]] = &[&["-p", "standin"], &["-p", "acceptance", "--bin", "bench"]];

pub fn run(arguments: &[&str]) -> Result<ExitCode> {
    for package in PACKAGES {
        if !cargo().args(["build", "--locked", "--release"]).args(*package).status()?.success() {
            bail!("it does not build");
        }
    }
    let release = target_directory().join("release");
    let mut bench = command(&release.join("bench").to_string_lossy());
    bench.env("STANDIN_BINARY", release.join("standin")).arg("--json").arg(target_directory().join("bench.json"));
    pass_on(bench.args(arguments))
}
