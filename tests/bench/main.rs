//! Measures the data path, and the reading of manifests, beside what people use today: `cargo xtask bench [NAME...]`.
//!
//! Real processes, real TLS, loopback, one file system. A controller and two agents are started as a user would: join by
//! token, `standin apply`. Every workload gives each side a tree of the same content in a new directory, runs the sides
//! in turn, compares both trees of each at the end, and sets the medians beside each other. Only ratios mean anything on
//! another machine.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod arrival;
mod change_set;
mod contest;
mod lag;
mod machine;
mod measure;
mod options;
mod place;
mod processes;
mod report;
mod sides;
mod table;
mod trees;
mod workloads;

use anyhow::Result;
use contest::Bench;
use options::Options;
use report::Report;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let options = Options::parse(std::env::args().skip(1))?;
    let bench = Bench::new(&options)?;
    let mut report = Report::new(&options, machine::facts(bench.directory())?);
    for workload in workloads::ALL.iter().filter(|workload| options.chooses(workload.name)) {
        eprintln!("{}: {}", workload.name, (workload.title)(options.scale));
        let rounds = bench.run(workload)?;
        report.add(workload, &rounds);
        if let Some(out) = &options.out {
            report.write(out)?; // after each: a later one that fails loses nothing
        }
    }
    println!("{}", report.text());
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
