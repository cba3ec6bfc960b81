//! Many small changes, all the time.

use crate::{
    contest::{Ground, Round, Side, Workload},
    lag::{self, Write},
    measure::{CPU, P50, P99, Sample, WIRE, below},
    place::Place,
    sides::{LSYNCD, STANDIN, Start},
    trees,
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const TREE_FILES: u64 = 20_000;
/// Changes go round through so many files.
const CHANGED_FILES: u64 = 500;
const CONTENT_BYTES: usize = 1 << 10;
const RATE: u32 = 200;
const TIME: Duration = Duration::from_secs(60);
const TIME_MIN: Duration = Duration::from_secs(5);

pub const WORKLOAD: Workload = Workload {
    name: "steady-changes",
    title: |scale| format!("{RATE} files replaced a second for {} s", lasts(scale).as_secs()),
    targets: &[below(P50, 0.010), below(P99, 0.050)],
    run,
};

fn lasts(scale: f64) -> Duration {
    TIME.mul_f64(scale).max(TIME_MIN)
}

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| {
        fs::create_dir(root.join("changed"))?;
        (0..CHANGED_FILES).try_for_each(|place| replace(&root.join(name(place)), 0))?;
        trees::small_files(root, ground.scaled(TREE_FILES))
    })?;
    let time = lasts(ground.scale());
    let side = |(name, start): (&'static str, Start)| Side::new(name, move |place| measure(place, start, time));
    ground.contest(Some(&tree), &[STANDIN, LSYNCD].map(side))
}

fn measure(place: &Place, start: Start, time: Duration) -> Result<Sample> {
    let mut follower = start(place)?;
    let (source, replica) = (place.source(), place.replica());
    let (wire, cpu, begin) = (follower.wire_bytes()?, follower.cpu()?, Instant::now());
    let lags = lag::follow(
        |sender| {
            lag::at_rate(RATE, time, |number| {
                let (place, number) = (number % CHANGED_FILES, number + 1);
                replace(&source.join(name(place)), number)?;
                Ok(sender.send(Write { place, number, at: Instant::now() })?)
            })
        },
        |place| shown(&replica.join(name(place))),
    )?;
    let used = follower.cpu()?.saturating_sub(cpu).as_secs_f64() / begin.elapsed().as_secs_f64();
    let sample = lag::noted(Sample::default(), lags)?.with(CPU, used);
    let sample = sample.with(WIRE, (follower.wire_bytes()? - wire) as f64);
    place.verify(follower.exactness())?;
    Ok(sample)
}

pub fn name(place: u64) -> PathBuf {
    format!("changed/c{place}").into()
}

/// As editors and mail servers write: a new file takes the place of the old one.
pub fn replace(file: &Path, number: u64) -> Result<()> {
    let mut content = number.to_le_bytes().to_vec();
    content.resize(CONTENT_BYTES, b'.');
    let temporary = file.with_extension("new");
    fs::write(&temporary, content)?;
    Ok(fs::rename(temporary, file)?)
}

/// The number that a file bears.
pub fn shown(file: &Path) -> Option<u64> {
    let content = fs::read(file).ok().filter(|content| content.len() == CONTENT_BYTES)?;
    Some(u64::from_le_bytes(content.first_chunk().copied()?))
}
