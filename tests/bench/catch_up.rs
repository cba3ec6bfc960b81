//! What was missed while the link was cut.

use crate::{
    contestant::Contestant,
    first_copy,
    others::RsyncDaemon,
    ours::Standin,
    report::{Report, Row},
    size::Size,
    trees,
};
use anyhow::Result;
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const WITHIN: Duration = Duration::from_secs(600);

pub fn measure(size: &Size, report: &mut Report) -> Result<()> {
    let what = format!("catch-up, {} small writes", size.missed);
    report.add(standin(&what, size)?);
    if testkit::has("rsync") {
        report.add(rsync(&what, size)?);
    } else {
        eprintln!("rsync is not installed: not compared");
    }
    Ok(())
}

fn standin(what: &str, size: &Size) -> Result<Row> {
    eprintln!("{what}: standin");
    let mut standin = Standin::start(true)?;
    trees::small_files(&standin.source(), size.files)?;
    standin.protect()?;
    standin.fleet.cut_links();
    let before = standin.cpu()?;
    write(&standin.source(), size.missed)?;
    let replica = standin.replica();
    let (begin, arrived) = (Instant::now(), |name: &str| replica.join(name).exists());
    standin.fleet.mend_links();
    testkit::wait_until(WITHIN, "the first arrives", || Ok(arrived("missed0/m0")))?;
    let first = begin.elapsed();
    fs::write(standin.source().join("last"), "last")?; // after everything else in the spool
    testkit::wait_until(WITHIN, "the last arrives", || Ok(arrived("last")))?;
    standin.wait_until_protected()?;
    let mut row = Row::new(what, "standin");
    row.took(begin.elapsed());
    row.cpu(standin.cpu()?.saturating_sub(before));
    row.note(&format!("{:.1} s of it until the first arrived", first.as_secs_f64()));
    Ok(row)
}

fn rsync(what: &str, size: &Size) -> Result<Row> {
    let daemon = RsyncDaemon::start()?;
    trees::small_files(&daemon.source(), size.files)?;
    let run = || {
        let mut command = Command::new("rsync");
        command.args(["-aHAX", "--delete"]).arg(format!("{}/", daemon.source().display())).arg(&daemon.address);
        command
    };
    let (at, pid) = (daemon.directory.path(), Some(daemon.pid()));
    first_copy::by_command(what, "rsync, before the cut", &mut run(), at, pid)?;
    write(&daemon.source(), size.missed)?;
    first_copy::by_command(what, "rsync -aHAX over its daemon, and sync", &mut run(), at, pid)
}

/// A thousand files in each directory, 1 KiB each.
fn write(root: &Path, files: u32) -> Result<()> {
    for number in 0..files {
        let directory = root.join(format!("missed{}", number / 1000));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(format!("m{number}")), [b'm'; 1 << 10])?;
    }
    trees::sync(root)
}
