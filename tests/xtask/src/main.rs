//! `cargo xtask`: the chores of this repository, with nothing to install but Rust.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod chores;
mod fuzz;
mod packages;
mod process;
mod suite;
mod tally;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test [--quick]   every test this machine can run; --quick: unit tests, laws and tidy only
cargo xtask bench [NAME...]  speed and cost beside rsync, lsyncd, Syncthing and cp; writes target/bench.json
    --runs N, --scale 0.001..1, --binary PATH, --dir DIR, --sides rsync,..., --out FILE
cargo xtask fuzz [--seconds N] [--seed S]  manifests nobody would write: no panic, none over 2 s
cargo xtask ci               all that has to pass before a change is merged (.ci/run)
cargo xtask fmt              format everything
cargo xtask schemas          write schemas/v1alpha1/*.json and the manifest reference anew
cargo xtask deny             bans, licences and sources of dependencies (with cargo-deny, if installed)
cargo xtask advisories       known vulnerabilities of dependencies; needs cargo-deny and a network";

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["test"] => suite::run(suite::Extent::Full),
        ["test", "--quick"] => suite::run(suite::Extent::Quick),
        ["bench", ref more @ ..] => bench::run(more),
        ["fuzz", ref more @ ..] => fuzz::run(more),
        ["ci"] => chores::ci(),
        ["fmt"] => chores::format(),
        ["schemas"] => chores::schemas(),
        ["deny"] => chores::deny(),
        ["advisories"] => chores::advisories(),
        [] | ["help" | "-h" | "--help"] => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("no such chore: {}\n\n{HELP}", arguments.join(" ")),
    }
}
