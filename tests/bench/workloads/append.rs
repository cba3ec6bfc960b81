//! A log that grows and stays open.

use crate::{
    arrival,
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, Sample, TIME, WIRE},
    place::Place,
    sides::{LSYNCD_OPEN, STANDIN, SYNCTHING, Start},
    trees::{self, Chance},
};
use anyhow::Result;
use std::{fs::File, io::Write, time::Instant};

const BYTES: u64 = 256 << 20;
const PIECE: usize = 4096;
const NAME: &str = "log";
/// What it holds before.
const BEFORE_BYTES: u64 = 1 << 20;

pub const WORKLOAD: Workload = Workload {
    name: "append",
    title: |scale| format!("{} MiB appended in 4 KiB writes to a file that stays open", scaled(BYTES, scale) >> 20),
    targets: &[],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| trees::big_file(root, NAME, BEFORE_BYTES))?;
    let bytes = ground.scaled(BYTES);
    let side = |(name, start): (&'static str, Start)| Side::new(name, move |place| measure(place, start, bytes));
    ground.contest(Some(&tree), &[STANDIN, SYNCTHING, LSYNCD_OPEN].map(side))
}

/// The time counts from the last write, everything else from the first.
fn measure(place: &Place, start: Start, bytes: u64) -> Result<Sample> {
    let mut follower = start(place)?;
    let (wire, cpu) = (follower.wire_bytes()?, follower.cpu()?);
    let mut file = File::options().append(true).open(place.source().join(NAME))?;
    let mut piece = Chance(6).noise(PIECE);
    for number in 0..bytes / PIECE as u64 {
        piece[..8].copy_from_slice(&number.to_le_bytes());
        file.write_all(&piece)?;
    }
    let took = arrival::wait(&place.source(), &place.replica(), &[NAME.into()], Instant::now())?;
    let sample = Sample::default()
        .with(TIME, took.as_secs_f64())
        .with(WIRE, (follower.wire_bytes()? - wire) as f64)
        .with(CPU_TIME, follower.cpu()?.saturating_sub(cpu).as_secs_f64());
    place.verify(follower.exactness())?;
    drop(file);
    Ok(sample)
}
