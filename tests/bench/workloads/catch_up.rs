//! A day's changes of a tree while the agent of the source was off.

use super::change_set::{FILES, arrived, contest};
use crate::{
    arrival, change_set,
    contest::{Workload, scaled},
    measure::{Sample, TIME, times},
    place::Place,
    sides::{Follower, Standin},
};
use anyhow::Result;
use std::time::Instant;

pub const WORKLOAD: Workload = Workload {
    name: "catch-up",
    title: |scale| format!("the same changes of {} files, made while the agent was off", scaled(FILES, scale)),
    targets: &[times(TIME, 0.5, "rsync")],
    run: |ground| contest(ground, ours),
};

/// The time counts from the start of the agent.
fn ours(place: &Place, files: u64) -> Result<Sample> {
    let mut standin = Standin::following(place)?;
    standin.stop_source()?;
    let touched = change_set::make(&place.source(), files)?;
    let (wire, cpu) = (standin.wire_bytes()?, standin.target_cpu()?);
    let begin = Instant::now();
    standin.start_source()?;
    let took = arrival::wait(&place.source(), &place.replica(), &touched, begin)?;
    arrived(place, &mut standin, took.as_secs_f64(), (wire, cpu))
}
