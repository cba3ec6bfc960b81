//! The first copy of a tree, until it is durable.

use crate::{
    contestant::Contestant,
    cpu,
    others::RsyncDaemon,
    ours::Standin,
    report::{Report, Row},
    size::Size,
    trees,
};
use anyhow::{Result, ensure};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

pub fn measure(size: &Size, report: &mut Report) -> Result<()> {
    let small = format!("first copy, {} small files", size.files);
    contest(&small, report, |root| trees::small_files(root, size.files))?;
    let big =
        format!("first copy, {} MiB in {} files", size.big_files as usize * (size.big_bytes >> 20), size.big_files);
    contest(&big, report, |root| trees::big_files(root, size.big_files, size.big_bytes))
}

fn contest(what: &str, report: &mut Report, fill: impl Fn(&Path) -> Result<()>) -> Result<()> {
    report.add(standin(what, &fill)?);
    if testkit::has("rsync") {
        report.add(by_rsync(what, &fill, true)?);
        report.add(by_rsync(what, &fill, false)?);
    } else {
        eprintln!("rsync is not installed: not compared");
    }
    let directory = tempfile::Builder::new().prefix("standin-bench-").tempdir()?;
    let (source, replica) = (directory.path().join("source"), directory.path().join("replica"));
    std::fs::create_dir(&source)?;
    fill(&source)?;
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(&source).arg(&replica);
    report.add(by_command(what, "cp -a and sync", &mut copy, directory.path(), None)?);
    Ok(())
}

fn standin(what: &str, fill: impl Fn(&Path) -> Result<()>) -> Result<Row> {
    eprintln!("{what}: standin");
    let mut standin = Standin::start(false)?;
    fill(&standin.source())?;
    let (begin, before) = (Instant::now(), standin.cpu()?);
    standin.protect()?;
    let took = begin.elapsed();
    let mut row = Row::new(what, "standin");
    row.took(took);
    row.cpu(standin.cpu()?.saturating_sub(before));
    Ok(row)
}

fn by_rsync(what: &str, fill: impl Fn(&Path) -> Result<()>, over_daemon: bool) -> Result<Row> {
    let daemon = RsyncDaemon::start()?;
    fill(&daemon.source())?;
    let replica = format!("{}/", daemon.replica().display());
    let to = if over_daemon { &daemon.address } else { &replica };
    let mut command = Command::new("rsync");
    command.arg("-aHAX").arg(format!("{}/", daemon.source().display())).arg(to);
    let name = if over_daemon { "rsync -aHAX over its daemon, and sync" } else { "rsync -aHAX locally, and sync" };
    by_command(what, name, &mut command, daemon.directory.path(), Some(daemon.pid()))
}

/// A command, and then a sync, since our own copy is durable too.
pub fn by_command(what: &str, name: &str, command: &mut Command, at: &Path, daemon: Option<u32>) -> Result<Row> {
    eprintln!("{what}: {name}");
    let used =
        || -> Result<Duration> { cpu::used_by(&daemon.into_iter().chain([std::process::id()]).collect::<Vec<_>>()) };
    let (begin, before) = (Instant::now(), used()?);
    ensure!(command.status()?.success(), "{command:?} failed");
    trees::sync(at)?;
    let mut row = Row::new(what, name);
    row.took(begin.elapsed());
    row.cpu(used()?.saturating_sub(before));
    Ok(row)
}
