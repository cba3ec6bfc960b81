//! Holds batches back while the top of a root is being emptied.
//!
//! Removals are captured within milliseconds, so that a root which is emptied entry by entry would be replicated as so
//! many ordinary removals, and the guard against an empty source would speak only at the last of them. When entries at
//! the top of a root go, the next batch therefore waits for a moment, and when most of them go, until no more do: then
//! the guard sees the end of it before anything was deleted elsewhere. What goes quickly, wherever it is, is held by
//! `burst`; this is for few entries, and for roots whose changes no event tells.

use super::super::slot::Held;
use crate::{beneath, index::Index, meta::Oid};
use model::elements::roots::RESERVED_DIRECTORY;
use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

/// From the first entry that went to the first look at how many did.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// Once more than half has gone: how long no more may go before it is believed to be over.
const AT_REST: Duration = Duration::from_secs(1);
/// Somebody who takes longer is removing, not emptying.
const HELD_MAX: Duration = Duration::from_secs(10);
/// Entries that are counted; larger roots are guarded once they have become as small.
pub(super) const COUNTED_MAX: u32 = 4096;

/// Whether entries are going, and since when.
#[derive(Default)]
pub(super) struct Emptying {
    began: Option<Instant>,
    last: Option<(u32, Instant)>,
}

impl Emptying {
    /// Until when the next batch is to wait; `None` when it need not.
    pub fn hold<'a>(
        &mut self,
        roots: impl Iterator<Item = (Oid, &'a Arc<Held>)>,
        index: &Index,
        now: Instant,
    ) -> rusqlite::Result<Option<Instant>> {
        let (mut shrinks, mut collapses, mut left) = (false, false, 0);
        for (oid, held) in roots {
            // A root that cannot be listed is found out by its check.
            let Ok(present) = entries(held) else { continue };
            let known = index.count_names_in(oid, COUNTED_MAX)?;
            shrinks |= present < known;
            collapses |= present.saturating_mul(2) < known;
            left += present;
        }
        Ok(self.judge(shrinks, collapses, left, now))
    }

    fn judge(&mut self, shrinks: bool, collapses: bool, left: u32, now: Instant) -> Option<Instant> {
        if !shrinks {
            *self = Self::default();
            return None;
        }
        let began = *self.began.get_or_insert(now);
        if now < began + FIRST_LOOK {
            return Some(began + FIRST_LOOK);
        }
        let since = match self.last {
            Some((before, since)) if before == left => since,
            _ => now,
        };
        self.last = Some((left, since));
        let until = (since + AT_REST).min(began + HELD_MAX);
        if collapses && now < until {
            return Some(until.min(now + FIRST_LOOK));
        }
        *self = Self::default();
        None
    }
}

fn entries(held: &Held) -> io::Result<u32> {
    let mut count = 0;
    beneath::each_name(held.root.fd(), |name| {
        count += u32::from(name != RESERVED_DIRECTORY.as_bytes());
        count < COUNTED_MAX
    })?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(50);

    /// What is held back when the root goes through these counts, one each step, and held `known` entries before.
    fn held(known: u32, counts: &[u32]) -> Vec<bool> {
        let (mut emptying, begin) = (Emptying::default(), Instant::now());
        let look = |(step, left): (usize, &u32)| {
            let now = begin + STEP * step as u32;
            emptying.judge(*left < known, left * 2 < known, *left, now).is_some()
        };
        counts.iter().enumerate().map(look).collect()
    }

    #[test]
    fn a_removal_waits_a_moment_and_no_more() {
        assert_eq!(held(20, &[20, 19, 19, 19, 19]), [false, true, true, false, true]);
    }

    #[test]
    fn an_emptying_is_held_until_it_is_over() {
        let mut counts = vec![18, 14, 9, 3, 0];
        counts.extend([0; 20]);
        let held = held(20, &counts);
        assert!(held[..24].iter().all(|held| *held), "{held:?}");
        assert!(!held[24], "{held:?}");
    }

    #[test]
    fn a_slow_removal_is_not_held_for_ever() {
        let counts: Vec<u32> = (0..220).map(|step| 900 - step).collect();
        assert!(held(2000, &counts).iter().any(|held| !held));
    }
}
