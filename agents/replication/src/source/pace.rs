//! Work in the background takes a bounded share of the time, so that it is not noticed.

use super::status::Shared;
use std::{
    cell::Cell,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

/// Work between two rests.
const SLICE: Duration = Duration::from_millis(5);

pub(super) struct Pace<'a> {
    shared: &'a Shared,
    /// Of the time, waiting for the disk included: the share of a core is smaller.
    percent: u32,
    began: Cell<Instant>,
}

impl<'a> Pace<'a> {
    pub fn new(shared: &'a Shared, percent: u32) -> Self {
        Self { shared, percent, began: Cell::new(Instant::now()) }
    }

    /// Called between two pieces of work. Returns whether to give up, for the source is stopped.
    pub fn rest(&self) -> bool {
        let worked = self.began.get().elapsed();
        if worked >= SLICE {
            self.wait(Instant::now() + worked * (100 - self.percent) / self.percent);
        }
        self.is_stopped()
    }

    /// Rests until `until`, or until the source is stopped; whoever stops it wakes this thread.
    pub fn wait(&self, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_stopped() {
                break;
            }
            thread::park_timeout(left);
        }
        self.began.set(Instant::now());
    }

    pub fn is_stopped(&self) -> bool {
        self.shared.stop.load(Relaxed)
    }
}
