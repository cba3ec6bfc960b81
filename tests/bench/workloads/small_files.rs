//! The first copy of many small files.

use crate::{
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, MEMORY_SOURCE, Sample, TIME, times},
    place::{Exactness, Place, sync},
    processes,
    sides::{OURS, Rsync, Standin},
    trees,
};
use anyhow::Result;
use std::{fs, process::Command, time::Instant};

const FILES: u64 = 100_000;
/// Two `cp` at a time, and what they cannot do to the directory above them.
const TWO_THREADS: &str =
    "cd \"$0\" && printf '%s\\0' * | xargs -0 -P 2 -n 32 cp -a --reflink=never -t \"$1\" && touch -r . \"$1\"";

pub const WORKLOAD: Workload = Workload {
    name: "small-files",
    title: |scale| format!("first copy of {} files of 1 to 8 KiB", scaled(FILES, scale)),
    targets: &[times(TIME, 0.75, "rsync")],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| trees::small_files(root, ground.scaled(FILES)))?;
    ground.contest(Some(&tree), &first_copies("cp, two threads", two_threads))
}

/// Ours, rsync's to its daemon, and a local copy.
pub fn first_copies(local: &'static str, copy: fn(&Place) -> Result<Command>) -> [Side<'static>; 3] {
    let verified = |place: &Place, sample: Sample| place.verify(Exactness::Everything).map(|()| sample);
    [
        Side::new(OURS, move |place| verified(place, Standin::first_copy(place)?)),
        Side::new("rsync", move |place| verified(place, Rsync::first_copy(place)?)),
        Side {
            name: local,
            program: Some("cp"),
            measure: Box::new(move |place| verified(place, locally(place, &mut copy(place)?)?)),
        },
    ]
}

/// A local copy, until it is on the disk as ours is.
fn locally(place: &Place, command: &mut Command) -> Result<Sample> {
    let begin = Instant::now();
    let cost = processes::cost(command)?;
    sync(&place.directory)?;
    let sample = Sample::default().with(TIME, begin.elapsed().as_secs_f64());
    Ok(sample.with(CPU_TIME, cost.cpu.as_secs_f64()).with(MEMORY_SOURCE, cost.memory_bytes as f64))
}

fn two_threads(place: &Place) -> Result<Command> {
    fs::create_dir(place.replica())?;
    let mut command = Command::new("sh");
    command.args(["-c", TWO_THREADS]).arg(place.source()).arg(place.replica());
    Ok(command)
}

/// `cp -a`.
pub fn one_thread(place: &Place) -> Result<Command> {
    let mut command = Command::new("cp");
    command.args(["-a", "--reflink=never"]).arg(place.source()).arg(place.replica());
    Ok(command)
}
