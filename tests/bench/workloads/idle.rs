//! Nothing happens in a large tree: what it costs to wait for that.

use crate::{
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU, MEMORY_SOURCE, Sample, below},
    place::{Exactness, Place},
    sides::{Follower, LSYNCD, OURS, Standin, Start},
    trees,
};
use anyhow::Result;
use std::{
    thread,
    time::{Duration, Instant},
};

const FILES: u64 = 1_000_000;
/// What was written lately is looked at for ten minutes; what the first copy set in motion is over after this.
const CALM: Duration = Duration::from_secs(660);
const TIME: Duration = Duration::from_secs(120);
const TIME_MIN: Duration = Duration::from_secs(10);

pub const WORKLOAD: Workload = Workload {
    name: "idle",
    title: |scale| format!("{} files at rest", scaled(FILES, scale)),
    targets: &[below(CPU, 0.005)],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| trees::small_files(root, ground.scaled(FILES)))?;
    let part = |time: Duration| time.mul_f64(ground.scale()).max(TIME_MIN);
    let (calm, time) = (part(CALM), part(TIME));
    let (name, start): (&'static str, Start) = LSYNCD;
    let sides = [
        Side::new(OURS, move |place| ours(place, calm, time)),
        Side::new(name, move |place| theirs(place, start, calm, time)),
    ];
    ground.contest(Some(&tree), &sides)
}

/// Parts of a processor over a time in which nothing happens.
fn rest(follower: &mut dyn Follower, calm: Duration, time: Duration) -> Result<f64> {
    thread::sleep(calm);
    let (cpu, begin) = (follower.cpu()?, Instant::now());
    thread::sleep(time);
    Ok(follower.cpu()?.saturating_sub(cpu).as_secs_f64() / begin.elapsed().as_secs_f64())
}

fn ours(place: &Place, calm: Duration, time: Duration) -> Result<Sample> {
    let mut standin = Standin::following(place)?;
    let used = rest(&mut standin, calm, time)?;
    let sample = standin.with_memory(Sample::default().with(CPU, used), "VmRSS")?;
    place.verify(Exactness::Everything)?;
    Ok(sample)
}

fn theirs(place: &Place, start: Start, calm: Duration, time: Duration) -> Result<Sample> {
    let mut follower = start(place)?;
    let used = rest(follower.as_mut(), calm, time)?;
    let sample = Sample::default().with(CPU, used).with(MEMORY_SOURCE, follower.memory_bytes()? as f64);
    place.verify(follower.exactness())?;
    Ok(sample)
}
