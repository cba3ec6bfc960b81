//! `cargo xtask fuzz`: reads inputs that nobody would write, with optimisation and with all checks.

use crate::process::{cargo, pass_on};
use anyhow::{Context, Result, bail};
use std::{
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

const SECONDS: u64 = 60;
/// No input may take longer.
const LONGEST_MS: u64 = 2_000;

pub fn run(arguments: &[&str]) -> Result<ExitCode> {
    let (mut seconds, mut seed) = (SECONDS, None);
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{flag} needs a number"))?;
        let value: u64 = value.parse().with_context(|| format!("{flag} needs a number, not {value}"))?;
        match *flag {
            "--seconds" => seconds = value,
            "--seed" => seed = Some(value),
            other => bail!("cargo xtask fuzz has no {other}; it takes --seconds N and --seed S"),
        }
    }
    // Every call has inputs of its own unless it is told otherwise; the test prints the seed.
    let seed = match seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let mut test = cargo();
    test.args(["test", "--locked", "--profile", "fuzz", "-p", "manifest", "--test", "fuzz", "--", "--nocapture"]);
    test.env("STANDIN_FUZZ_SEED", seed.to_string()).env("STANDIN_FUZZ_SECONDS", seconds.to_string());
    pass_on(test.env("STANDIN_FUZZ_LONGEST_MS", LONGEST_MS.to_string()))
}
