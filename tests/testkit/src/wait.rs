//! Waiting for a condition instead of sleeping.

use anyhow::{Result, bail};
use std::{
    thread,
    time::{Duration, Instant},
};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `done` says so; past the deadline the error says what was waited for. Answers how long it took.
pub fn wait_until(deadline: Duration, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        let is_done = done()?;
        let waited = begin.elapsed();
        if is_done {
            return Ok(waited);
        }
        if waited >= deadline {
            bail!("not within {deadline:?}: {what}");
        }
        thread::sleep(LOOK_EVERY);
    }
}
