//! Nothing has changed: what it takes to find that out.
//!
//! `compare-only` reads the whole content of both sides, and is set beside `rsync --checksum`; nothing is copied by
//! either. What a session takes that connects again is in `catch-up`.

use crate::{
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, Sample, TIME, WIRE},
    place::{Exactness, Place},
    sides::{Follower, OURS, Rsync, Standin},
    trees,
};
use anyhow::Result;
use std::time::Instant;

const FILES: u64 = 100_000;

pub const WORKLOAD: Workload = Workload {
    name: "unchanged",
    title: |scale| format!("{} files of which none changed, compared by content", scaled(FILES, scale)),
    targets: &[],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| trees::small_files(root, ground.scaled(FILES)))?;
    let by_content = |place: &Place| theirs(place, &["--checksum", "--dry-run"]);
    let by_times = |place: &Place| theirs(place, &[]);
    let sides = [Side::new(OURS, ours), Side::new("rsync --checksum", by_content), Side::new("rsync", by_times)];
    ground.contest(Some(&tree), &sides)
}

fn ours(place: &Place) -> Result<Sample> {
    let mut standin = Standin::following(place)?;
    let (wire, cpu, begin) = (standin.wire_bytes()?, standin.cpu()?, Instant::now());
    standin.compare()?;
    let sample = Sample::default()
        .with(TIME, begin.elapsed().as_secs_f64())
        .with(WIRE, (standin.wire_bytes()? - wire) as f64)
        .with(CPU_TIME, standin.cpu()?.saturating_sub(cpu).as_secs_f64());
    place.verify(Exactness::Everything)?;
    Ok(sample)
}

fn theirs(place: &Place, flags: &[&str]) -> Result<Sample> {
    let rsync = Rsync::start(place, true)?;
    rsync.copy(&[])?;
    let before = rsync.wire_bytes();
    let cost = rsync.copy(flags)?;
    place.verify(Exactness::Everything)?;
    let sample = Sample::default().with(TIME, cost.took.as_secs_f64());
    Ok(sample.with(WIRE, (rsync.wire_bytes() - before) as f64).with(CPU_TIME, cost.cpu.as_secs_f64()))
}
