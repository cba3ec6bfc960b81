//! `cargo xtask bench`: builds for release, then measures.

use crate::{
    packages,
    process::{cargo, command, pass_on, target_directory},
};
use anyhow::{Context, Result, bail};
use std::{path::PathBuf, process::ExitCode};

/// What is measured, and what measures; both with optimisation.
const STANDIN: &[&str] = &["-p", "standin"];
const BENCH: &[&str] = &["-p", "acceptance", "--bin", "bench"];
/// Where the numbers go unless `--out` says otherwise, below the target directory.
const OUT: &str = "bench.json";

/// What is meant for us, and what is passed on.
#[derive(Debug, Default, PartialEq)]
struct Arguments {
    /// Measured as it is instead of being built.
    binary: Option<PathBuf>,
    passed_on: Vec<String>,
}

impl Arguments {
    fn read(arguments: &[&str]) -> Result<Self> {
        let mut read = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if *argument == "--binary" {
                let path = arguments.next().context("--binary needs a path")?;
                read.binary = Some(std::path::absolute(path)?);
            } else {
                read.passed_on.push((*argument).to_owned());
            }
        }
        Ok(read)
    }
}

pub fn run(arguments: &[&str]) -> Result<ExitCode> {
    let Arguments { binary, passed_on } = Arguments::read(arguments)?;
    packages::ensure_peers();
    build(BENCH)?;
    let release = target_directory().join("release");
    let binary = match binary {
        Some(binary) if !binary.is_file() => bail!("{} is no program", binary.display()),
        Some(binary) => binary,
        None => {
            build(STANDIN)?;
            release.join("standin")
        }
    };
    let mut bench = command(&release.join("bench").to_string_lossy());
    bench.env("STANDIN_BINARY", binary).arg("--out").arg(target_directory().join(OUT));
    pass_on(bench.args(passed_on))
}

fn build(package: &[&str]) -> Result<()> {
    if cargo().args(["build", "--locked", "--release"]).args(package).status()?.success() {
        return Ok(());
    }
    bail!("it does not build")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_ours_and_the_rest_is_passed_on() {
        let read = Arguments::read(&["untar", "--binary", "/bin/true", "--runs", "3"]).unwrap();
        assert_eq!(read.binary.as_deref(), Some(std::path::Path::new("/bin/true")));
        assert_eq!(read.passed_on, ["untar", "--runs", "3"]);
        assert!(Arguments::read(&["--binary"]).is_err());
    }
}
