//! From one small change to the replica.

use crate::{
    contestant::Contestant,
    others::Watcher,
    ours::Standin,
    report::{Report, Row},
    size::Size,
    trees,
};
use anyhow::{Result, bail};
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Changes go round through so many files.
const FILES: u32 = 50;
const LOAD_FILES: u32 = 500;
const CONTENT_BYTES: usize = 1 << 10;
/// How often the replica is looked at: fine enough for milliseconds, and no load on a machine of two cores.
const LOOK_EVERY: Duration = Duration::from_micros(200);
const GIVE_UP: Duration = Duration::from_secs(60);
/// Between two changes, so that each finds everything at rest.
const REST: Duration = Duration::from_millis(5);

type Change = fn(&Path, &[u8]) -> std::io::Result<()>;

pub fn measure(size: &Size, report: &mut Report) -> Result<()> {
    let fill = |root: &Path| {
        for directory in ["changed", "load"] {
            fs::create_dir(root.join(directory))?;
        }
        trees::small_files(root, size.files)
    };
    let standin = || -> Result<Box<dyn Contestant>> {
        let standin = Standin::start(false)?;
        fill(&standin.source())?;
        standin.protect()?;
        Ok(Box::new(standin))
    };
    contest(standin()?, size, report)?;
    if testkit::has("rsync") && testkit::has("lsyncd") {
        for delay in [Some(0), Some(1), None] {
            contest(Box::new(Watcher::lsyncd(delay, fill)?), size, report)?;
        }
    } else {
        eprintln!("lsyncd and rsync are not installed: not compared");
    }
    if testkit::has("rsync") && testkit::has("inotifywait") {
        contest(Box::new(Watcher::inotify_loop(fill)?), size, report)?;
    } else {
        eprintln!("inotifywait and rsync are not installed: not compared");
    }
    Ok(())
}

fn contest(mut contestant: Box<dyn Contestant>, size: &Size, report: &mut Report) -> Result<()> {
    let at_rest: [(&str, Change); 2] = [("rename", replace), ("in place", rewrite)];
    for (what, change) in at_rest {
        run(contestant.as_mut(), size, report, &format!("latency, {what}, idle"), change)?;
    }
    let root = contestant.source().join("load");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| load(&root, size.load, &over));
        let what = format!("latency, rename, beside {} changes/s", size.load);
        let result = run(contestant.as_mut(), size, report, &what, replace);
        over.store(true, Ordering::Relaxed);
        let made = load.join();
        result.and(made.unwrap_or_else(|_| bail!("the load panicked")))
    })
}

fn run(contestant: &mut dyn Contestant, size: &Size, report: &mut Report, what: &str, change: Change) -> Result<()> {
    eprintln!("{what}: {}", contestant.name());
    let (source, replica) = (contestant.source(), contestant.replica());
    let (begin, before) = (Instant::now(), contestant.cpu()?);
    let mut times = Vec::new();
    let mut gave_up = false;
    for number in 0..size.changes {
        let name = format!("changed/c{}", number % FILES);
        let content = content(what, number);
        thread::sleep(REST);
        change(&source.join(&name), &content)?;
        let changed = Instant::now();
        gave_up = !arrives(&replica.join(&name), &content);
        if gave_up {
            break;
        }
        times.push(changed.elapsed());
        if begin.elapsed() > size.changes_time {
            break;
        }
    }
    let mut row = Row::new(what, contestant.name());
    row.times(times);
    row.cpu(contestant.cpu()?.saturating_sub(before));
    row.took(begin.elapsed());
    if gave_up {
        row.note(&format!("a change had not arrived after {} s", GIVE_UP.as_secs()));
    }
    report.add(row);
    Ok(())
}

/// Whether the replica has the content before patience ends.
fn arrives(file: &Path, content: &[u8]) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < GIVE_UP {
        if fs::read(file).is_ok_and(|there| there == content) {
            return true;
        }
        thread::sleep(LOOK_EVERY);
    }
    false
}

fn content(what: &str, number: u32) -> Vec<u8> {
    let mut content = format!("{what} {number}\n").into_bytes();
    content.resize(CONTENT_BYTES, b'.');
    content
}

/// As editors and mail servers write.
fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let temporary = file.with_extension("new");
    fs::write(&temporary, content)?;
    fs::rename(temporary, file)
}

/// As databases and careless programs write.
fn rewrite(file: &Path, content: &[u8]) -> std::io::Result<()> {
    fs::write(file, content)
}

/// So many changes a second until it is over. What it misses it makes up for.
fn load(root: &Path, rate: u32, over: &AtomicBool) -> Result<()> {
    let begin = Instant::now();
    for number in 0_u32.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let due = Duration::from_secs_f64(f64::from(number) / f64::from(rate));
        thread::sleep(due.saturating_sub(begin.elapsed()));
        replace(&root.join(format!("l{}", number % LOAD_FILES)), &content("load", number))?;
    }
    Ok(())
}
