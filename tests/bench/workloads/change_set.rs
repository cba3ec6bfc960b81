//! A day's changes of a tree while it is followed.

use crate::{
    arrival, change_set,
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, Sample, TIME, WIRE, times},
    place::{Exactness, Place},
    sides::{Follower, OURS, Rsync, Standin},
    trees,
};
use anyhow::Result;
use std::time::Instant;

pub const FILES: u64 = 100_000;

pub const WORKLOAD: Workload = Workload {
    name: "change-set",
    title: |scale| format!("1 % modified, 0.5 % each deleted, created and renamed of {} files", scaled(FILES, scale)),
    targets: &[times(TIME, 0.2, "rsync"), times(WIRE, 0.6, "rsync")],
    run: |ground| contest(ground, ours),
};

/// Ours, and one rsync after the last change.
pub fn contest(ground: &Ground<'_>, ours: fn(&Place, u64) -> Result<Sample>) -> Result<Vec<Round>> {
    let files = ground.scaled(FILES);
    let tree = ground.tree(|root| trees::small_files(root, files))?;
    let sides = [
        Side::new(OURS, move |place| ours(place, files)),
        Side::new("rsync", move |place| {
            let rsync = Rsync::start(place, true)?;
            rsync.copy(&[])?;
            change_set::make(&place.source(), files)?;
            let before = rsync.wire_bytes();
            let cost = rsync.copy(&[])?;
            place.verify(Exactness::Everything)?;
            let sample = Sample::default().with(TIME, cost.took.as_secs_f64());
            Ok(sample.with(WIRE, (rsync.wire_bytes() - before) as f64).with(CPU_TIME, cost.cpu.as_secs_f64()))
        }),
    ];
    ground.contest(Some(&tree), &sides)
}

/// The time counts from the last change, everything else from the first.
fn ours(place: &Place, files: u64) -> Result<Sample> {
    let mut standin = Standin::following(place)?;
    let (wire, cpu) = (standin.wire_bytes()?, standin.cpu()?);
    let touched = change_set::make(&place.source(), files)?;
    let took = arrival::wait(&place.source(), &place.replica(), &touched, Instant::now())?;
    arrived(place, &mut standin, took.as_secs_f64(), (wire, cpu))
}

/// What it took, once both trees are found equal.
pub fn arrived(
    place: &Place,
    standin: &mut Standin,
    took: f64,
    (wire, cpu): (u64, std::time::Duration),
) -> Result<Sample> {
    let sample = Sample::default()
        .with(TIME, took)
        .with(WIRE, (standin.wire_bytes()? - wire) as f64)
        .with(CPU_TIME, standin.cpu()?.saturating_sub(cpu).as_secs_f64());
    standin.wait_until_protected(true)?;
    place.verify(Exactness::Everything)?;
    Ok(sample)
}
