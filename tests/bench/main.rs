//! Measures the data path, and the reading of manifests, beside what people use today: `cargo xtask bench [--quick] [PART...]`.
//!
//! Real processes, real TLS, loopback, one file system. Every number of one table comes from one run on one machine;
//! only ratios mean anything elsewhere.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod catch_up;
mod contestant;
mod cpu;
mod first_copy;
mod latency;
mod others;
mod ours;
mod report;
mod size;
mod trees;
mod validate;

use anyhow::{Result, bail};
use report::Report;
use size::Size;
use std::path::PathBuf;

type Part = fn(&Size, &mut Report) -> Result<()>;

/// In the order in which they run.
const PARTS: &[(&str, Part)] = &[
    ("latency", latency::measure),
    ("first-copy", first_copy::measure),
    ("catch-up", catch_up::measure),
    ("validate", validate::measure),
];

fn main() -> Result<()> {
    let (mut size, mut json, mut chosen) = (Size::full(), None, Vec::new());
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => size = Size::quick(),
            "--json" => json = arguments.next().map(PathBuf::from),
            part if names.contains(&part) => chosen.push(argument),
            other => bail!("no such part: {other}; there are {}", names.join(", ")),
        }
    }
    let mut report = Report::default();
    for (name, part) in PARTS {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            part(&size, &mut report)?;
            if let Some(path) = &json {
                report.write(path)?; // after each part: a later one that fails loses nothing
            }
        }
    }
    println!("\n{}", report.tables());
    Ok(())
}
