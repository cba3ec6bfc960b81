//! One small change at a time, while nothing else happens.

use super::steady_changes::{name, replace, shown};
use crate::{
    arrival::GIVE_UP,
    contest::{Ground, Round, Side, Workload, scaled},
    lag,
    measure::{CPU_TIME, P50, P99, Sample, below},
    place::Place,
    sides::{LSYNCD, STANDIN, Start},
    trees,
};
use anyhow::{Result, ensure};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const TREE_FILES: u64 = 20_000;
const CHANGES: u64 = 1_000;
/// Changes go round through so many files.
const CHANGED_FILES: u64 = 50;
/// Before each change, so that it finds everything at rest.
const REST: Duration = Duration::from_millis(5);
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// No more changes are begun after this time, for who needs long for each.
const TIME_MAX: Duration = Duration::from_secs(30);

pub const WORKLOAD: Workload = Workload {
    name: "single-change",
    title: |scale| format!("up to {} files replaced, each after the one before arrived", scaled(CHANGES, scale)),
    targets: &[below(P50, 0.010), below(P99, 0.050)],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| {
        fs::create_dir(root.join("changed"))?;
        trees::small_files(root, ground.scaled(TREE_FILES))
    })?;
    let changes = ground.scaled(CHANGES);
    let side = |(name, start): (&'static str, Start)| Side::new(name, move |place| measure(place, start, changes));
    ground.contest(Some(&tree), &[STANDIN, LSYNCD].map(side))
}

fn measure(place: &Place, start: Start, changes: u64) -> Result<Sample> {
    let mut follower = start(place)?;
    let (cpu, begin, mut lags) = (follower.cpu()?, Instant::now(), Vec::new());
    for number in 1..=changes {
        if begin.elapsed() > TIME_MAX {
            break;
        }
        let name = name(number % CHANGED_FILES);
        thread::sleep(REST);
        replace(&place.source().join(&name), number)?;
        let changed = Instant::now();
        while shown(&place.replica().join(&name)) != Some(number) {
            ensure!(changed.elapsed() < GIVE_UP, "change {number} did not arrive");
            thread::sleep(LOOK_EVERY);
        }
        lags.push(changed.elapsed().as_secs_f64());
    }
    let used = follower.cpu()?.saturating_sub(cpu).as_secs_f64() / lags.len() as f64;
    place.verify(follower.exactness())?;
    Ok(lag::noted(Sample::default(), lags)?.with(CPU_TIME, used))
}
