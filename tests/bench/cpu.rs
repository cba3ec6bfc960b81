//! Processor time of processes and of the children they have waited for.

use anyhow::{Context, Result};
use std::{fs, time::Duration};

/// Ticks a second in /proc: a constant of Linux's interface to programs, USER_HZ.
const TICKS: f64 = 100.0;

/// What a process and its ended children have used, from /proc/PID/stat: fields 14 to 17.
pub fn used(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("/proc/PID/stat without a name")?;
    // The state after the name is field 3.
    let ticks: u64 = fields.split(' ').skip(11).take(4).map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS))
}

pub fn used_by(pids: &[u32]) -> Result<Duration> {
    pids.iter().map(|pid| used(*pid)).sum()
}
