//! An archive is unpacked while its place is followed.

use crate::{
    arrival,
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, Metric, SLOWDOWN, Sample, TIME, Unit, WIRE},
    place::{Place, sync},
    processes,
    sides::{LSYNCD, STANDIN, SYNCTHING, Start},
    trees,
};
use anyhow::{Result, ensure};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const FILES: u64 = 50_000;
/// What is there before.
const TREE_FILES: u64 = 1_000;
const UNPACKING: Metric = Metric { name: "unpacking", unit: Unit::Seconds };

pub const WORKLOAD: Workload =
    Workload { name: "untar", title: |scale| format!("{} files unpacked", scaled(FILES, scale)), targets: &[], run };

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let archive = ground.directory.join("archive.tar");
    let packed = ground.directory.join("packed");
    trees::small_files(&packed, ground.scaled(FILES))?;
    let pack = Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&packed).arg(".").status()?;
    ensure!(pack.success(), "tar ended with {pack}");
    let tree = ground.tree(|root| trees::small_files(root, ground.scaled(TREE_FILES)))?;
    let archive = &archive;
    let side = |(name, start): (&'static str, Start)| Side::new(name, move |place| measure(place, start, archive));
    ground.contest(Some(&tree), &[STANDIN, LSYNCD, SYNCTHING].map(side))
}

/// The time counts from the end of the unpacking, everything else from its begin.
fn measure(place: &Place, start: Start, archive: &Path) -> Result<Sample> {
    let alone = unpack(archive, &place.directory.join("alone"))?;
    sync(&place.directory)?;
    let mut follower = start(place)?;
    let (wire, cpu) = (follower.wire_bytes()?, follower.cpu()?);
    let followed = unpack(archive, &place.source().join("unpacked"))?;
    let begin = Instant::now();
    let names = arrival::names_below(&place.source())?;
    let took = arrival::wait(&place.source(), &place.replica(), &names, begin)?;
    let sample = Sample::default()
        .with(TIME, took.as_secs_f64())
        .with(UNPACKING, followed.as_secs_f64())
        .with(SLOWDOWN, followed.as_secs_f64() / alone.as_secs_f64())
        .with(WIRE, (follower.wire_bytes()? - wire) as f64)
        .with(CPU_TIME, follower.cpu()?.saturating_sub(cpu).as_secs_f64());
    testkit::wait_until(arrival::GIVE_UP, "the trees are equal", || Ok(place.verify(follower.exactness()).is_ok()))?;
    Ok(sample)
}

fn unpack(archive: &Path, into: &Path) -> Result<Duration> {
    fs::create_dir(into)?;
    Ok(processes::cost(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(into))?.took)
}
