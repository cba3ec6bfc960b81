//! On what it was measured, and beside which versions.

use anyhow::Result;
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Programs and the argument by which they tell their version in the first line.
const PROGRAMS: &[(&str, &str)] = &[
    ("rsync", "--version"),
    ("lsyncd", "--version"),
    ("syncthing", "--version"),
    ("cp", "--version"),
    ("tar", "--version"),
];

/// Names and values, in order.
pub struct Facts(Vec<(&'static str, String)>);

/// Of the machine, and of the file system that holds `directory`.
pub fn facts(directory: &Path) -> Result<Facts> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    let mut facts = vec![
        ("processors", std::thread::available_parallelism()?.get().to_string()),
        ("model", model.map_or("unknown", |(_, model)| model).to_owned()),
        ("memory", kib.map_or("unknown".to_owned(), |kib: u64| format!("{} GiB", kib >> 20))),
        ("kernel", read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("file system", file_system(directory)),
        ("load before", read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
    ];
    let standin = testkit::standin()?;
    facts.push(("standin", first_line(Command::new(standin).arg("version"))));
    for (name, argument) in PROGRAMS {
        if testkit::has(name) {
            facts.push((name, first_line(Command::new(name).arg(argument))));
        }
    }
    Ok(Facts(facts))
}

/// Type and options of the mount that holds `directory`.
fn file_system(directory: &Path) -> String {
    let mut command = Command::new("findmnt");
    first_line(command.args(["--noheadings", "--output", "FSTYPE,OPTIONS", "--target"]).arg(directory))
}

fn first_line(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output)
        .lines()
        .next()
        .unwrap_or("unknown")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

impl Facts {
    pub fn json(&self) -> Value {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }

    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}: {value}");
            text
        })
    }
}
