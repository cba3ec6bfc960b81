//! A database that writes blocks of one big file and has each on the disk before the next.

use crate::{
    contest::{Ground, Round, Side, Workload, scaled},
    lag::{self, Write},
    measure::{CPU, Metric, Sample, Unit, WIRE},
    place::Place,
    sides::{RSYNC_LOOP, STANDIN, Start},
    trees::{self, Chance},
};
use anyhow::Result;
use std::{
    fs::File,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

const BYTES: u64 = 1 << 30;
const BLOCK: u64 = 8192;
const RATE: u32 = 500;
const TIME: Duration = Duration::from_secs(60);
const TIME_MIN: Duration = Duration::from_secs(5);
const NAME: &str = "database";
/// A slow disk keeps a writer from its rate, so the time from one write to the next is told.
const WRITE: Metric = Metric { name: "each write", unit: Unit::Seconds };

pub const WORKLOAD: Workload = Workload {
    name: "block-writes",
    title: |scale| {
        let bytes = scaled(BYTES, scale) >> 20;
        format!("{RATE} synced writes of 8 KiB a second into a file of {bytes} MiB for {} s", lasts(scale).as_secs())
    },
    targets: &[],
    run,
};

fn lasts(scale: f64) -> Duration {
    TIME.mul_f64(scale).max(TIME_MIN)
}

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| trees::big_file(root, NAME, ground.scaled(BYTES)))?;
    let time = lasts(ground.scale());
    let side = |(name, start): (&'static str, Start)| Side::new(name, move |place| measure(place, start, time));
    ground.contest(Some(&tree), &[STANDIN, RSYNC_LOOP].map(side))
}

fn measure(place: &Place, start: Start, time: Duration) -> Result<Sample> {
    let mut follower = start(place)?;
    let file = File::options().write(true).open(place.source().join(NAME))?;
    let replica = place.replica().join(NAME);
    let blocks = file.metadata()?.len() / BLOCK;
    // Every block begins with a number; those of before the first write are made smaller than any of ours.
    (0..blocks).try_for_each(|block| file.write_all_at(&0_u64.to_le_bytes(), block * BLOCK))?;
    file.sync_all()?;
    let quiet = || Ok((0..blocks).step_by(97).all(|block| stamp(&replica, block) == Some(0)));
    testkit::wait_until(crate::arrival::GIVE_UP, "the file is as it was", quiet)?;
    let (wire, cpu, begin) = (follower.wire_bytes()?, follower.cpu()?, Instant::now());
    let (mut chance, mut writing) = (Chance(7), Duration::ZERO);
    let lags = lag::follow(
        |sender| {
            let began = Instant::now();
            lag::at_rate(RATE, time, |number| {
                let (place, number) = (chance.below(blocks), number + 1);
                let mut content = chance.noise(BLOCK as usize);
                content[..8].copy_from_slice(&number.to_le_bytes());
                file.write_all_at(&content, place * BLOCK)?;
                file.sync_data()?;
                Ok(sender.send(Write { place, number, at: Instant::now() })?)
            })?;
            writing = began.elapsed();
            Ok(())
        },
        |place| stamp(&replica, place),
    )?;
    let used = follower.cpu()?.saturating_sub(cpu).as_secs_f64() / begin.elapsed().as_secs_f64();
    let interval = writing.as_secs_f64() / lags.len() as f64;
    let sample = lag::noted(Sample::default(), lags)?.with(WRITE, interval).with(CPU, used);
    let sample = sample.with(WIRE, (follower.wire_bytes()? - wire) as f64);
    drop(file);
    let equal = || Ok(place.verify(follower.exactness()).is_ok());
    testkit::wait_until(crate::arrival::GIVE_UP, "the trees are equal", equal)?;
    Ok(sample)
}

/// The number that a block of the replica begins with; the file may be another one each time.
fn stamp(replica: &std::path::Path, block: u64) -> Option<u64> {
    let mut number = [0; 8];
    File::open(replica).ok()?.read_exact_at(&mut number, block * BLOCK).ok()?;
    Some(u64::from_le_bytes(number))
}
