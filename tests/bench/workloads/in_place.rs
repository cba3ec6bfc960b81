//! A big file, one block in a hundred of which is rewritten in place.

use super::change_set::arrived;
use crate::{
    arrival,
    contest::{Ground, Round, Side, Workload, scaled},
    measure::{CPU_TIME, Sample, TIME, WIRE, times},
    place::{Exactness, Place},
    sides::{Follower, OURS, Rsync, Standin},
    trees::{self, Chance},
};
use anyhow::Result;
use std::{fs::File, os::unix::fs::FileExt, path::Path, time::Instant};

const BYTES: u64 = 4 << 30;
const BLOCK: u64 = 4096;
const NAME: &str = "image";

pub const WORKLOAD: Workload = Workload {
    name: "in-place",
    title: |scale| format!("1 % of the 4 KiB blocks of a file of {} MiB rewritten", scaled(BYTES, scale) >> 20),
    targets: &[times(TIME, 0.5, "rsync"), times(WIRE, 1.0, "rsync")],
    run,
};

fn run(ground: &Ground<'_>) -> Result<Vec<Round>> {
    let tree = ground.tree(|root| trees::big_file(root, NAME, ground.scaled(BYTES)))?;
    let sides = [Side::new(OURS, ours), Side::new("rsync", theirs)];
    ground.contest(Some(&tree), &sides)
}

fn rewrite(root: &Path) -> Result<()> {
    let file = File::options().write(true).open(root.join(NAME))?;
    let blocks = file.metadata()?.len() / BLOCK;
    let mut chance = Chance(5);
    for _ in 0..blocks / 100 {
        let at = chance.below(blocks) * BLOCK;
        file.write_all_at(&chance.noise(BLOCK as usize), at)?;
    }
    Ok(())
}

fn ours(place: &Place) -> Result<Sample> {
    let mut standin = Standin::following(place)?;
    let (wire, cpu) = (standin.wire_bytes()?, standin.cpu()?);
    rewrite(&place.source())?;
    let took = arrival::wait(&place.source(), &place.replica(), &[NAME.into()], Instant::now())?;
    arrived(place, &mut standin, took.as_secs_f64(), (wire, cpu))
}

fn theirs(place: &Place) -> Result<Sample> {
    let rsync = Rsync::start(place, true)?;
    rsync.copy(&[])?;
    rewrite(&place.source())?;
    let before = rsync.wire_bytes();
    let cost = rsync.copy(&["--inplace"])?;
    place.verify(Exactness::Everything)?;
    let sample = Sample::default().with(TIME, cost.took.as_secs_f64());
    Ok(sample.with(WIRE, (rsync.wire_bytes() - before) as f64).with(CPU_TIME, cost.cpu.as_secs_f64()))
}
