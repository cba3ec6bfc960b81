//! Holds batches back while many names go in quick succession.
//!
//! `rm -r` of all there is in a root begins deep down, and nobody can tell it from an ordinary removal before it is
//! over. So the first removals after a calm wait for a moment, and while hardly anything but removals follows, the next
//! batch waits until they end. Then the guard against an empty source sees the end before anything was deleted
//! elsewhere. An ordinary removal is only replicated a little later: the looks are close together at first.

use crate::capture::Flow;
use std::time::{Duration, Instant};

/// From the first name that went to the first look at how many followed. Each look is twice as long as the last one.
const LISTEN: Duration = Duration::from_millis(25);
/// The longest time between two looks, in which a burst either goes on or is over.
const LOOK_MAX: Duration = Duration::from_millis(250);
/// Names that go in a second, at the least, in a burst.
const GONE_PER_SECOND: u128 = 64;
/// Names that go for each that comes, at the least, in a burst: who replaces files does not empty a root.
pub(super) const GONE_PER_COME: u64 = 4;
/// How long any burst is waited for, and one that takes at least one name in `SHARE` of all there are. On a busy disk
/// `rm -r` takes 700 names a second.
const HELD: Duration = Duration::from_secs(60);
const HELD_MAX: Duration = Duration::from_secs(300);
const SHARE: u64 = 10;

/// Whether names are going, and since when.
#[derive(Default)]
pub(super) struct Burst {
    current: Option<Current>,
}

struct Current {
    began: Instant,
    /// Time between the last look and the next one.
    listens: Duration,
    look_at: Instant,
    /// Since the last look.
    flow: Flow,
    gone: u64,
    /// It goes on and is not waited for any more.
    released: bool,
}

impl Burst {
    /// Until when the next batch is to wait; `None` when it need not. `flow` is what went and came since the last call,
    /// `names` how many names are known.
    pub fn hold<E>(
        &mut self,
        flow: Flow,
        now: Instant,
        names: impl FnOnce() -> Result<u64, E>,
    ) -> Result<Option<Instant>, E> {
        if flow.gone == 0 && self.current.is_none() {
            return Ok(None);
        }
        let current = self.current.get_or_insert_with(|| Current {
            began: now,
            listens: LISTEN,
            look_at: now + LISTEN,
            flow: Flow::default(),
            gone: 0,
            released: false,
        });
        current.flow += flow;
        current.gone += flow.gone;
        if now >= current.look_at {
            if !current.goes_on() {
                self.current = None;
                return Ok(None);
            }
            current.released |= !current.is_waited_for(now, names)?;
            current.flow = Flow::default();
            current.listens = (current.listens * 2).min(LOOK_MAX);
            current.look_at = now + current.listens;
        }
        Ok((!current.released).then_some(current.look_at))
    }
}

impl Current {
    fn goes_on(&self) -> bool {
        let gone_min = (GONE_PER_SECOND * self.listens.as_millis()).div_ceil(1000);
        u128::from(self.flow.gone) >= gone_min && self.flow.gone >= self.flow.come * GONE_PER_COME
    }

    fn is_waited_for<E>(&self, now: Instant, names: impl FnOnce() -> Result<u64, E>) -> Result<bool, E> {
        let held = now - self.began;
        Ok(held < HELD || (held < HELD_MAX && self.gone * SHARE >= names()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(5);

    /// For how long batches are held at first, when so many names go and come in each step, and nothing afterwards.
    fn held(steps: u32, gone: u64, come: u64, names: u64) -> Duration {
        let (mut burst, begin) = (Burst::default(), Instant::now());
        let mut at = 0;
        loop {
            let flow = if at < steps { Flow { gone, come } } else { Flow::default() };
            let held = burst.hold(flow, begin + STEP * at, || Ok::<_, ()>(names)).unwrap();
            if held.is_none() {
                return STEP * at;
            }
            at += 1;
        }
    }

    #[test]
    fn a_few_removals_wait_a_moment_and_no_more() {
        assert_eq!(held(1, 1, 0, 1000), LISTEN);
        assert_eq!(held(1, 5, 0, 1000), LISTEN * 3);
        assert_eq!(held(5, 3, 0, 1000), LISTEN * 3);
    }

    #[test]
    fn a_slow_burst_is_held_from_its_first_name_on() {
        // One name in 10 ms: `rm -r` on a very busy disk.
        let (mut burst, begin) = (Burst::default(), Instant::now());
        for step in 0..2000 {
            let flow = Flow { gone: u64::from(step % 2 == 0), come: 0 };
            assert!(burst.hold(flow, begin + STEP * step, || Ok::<_, ()>(1000)).unwrap().is_some(), "{step}");
        }
    }

    #[test]
    fn nothing_waits_where_nothing_goes() {
        assert_eq!(held(100, 0, 50, 1000), Duration::ZERO);
    }

    #[test]
    fn a_burst_is_held_until_it_is_over() {
        let time = held(1000, 20, 1, 1_000_000);
        assert!(time >= STEP * 1000 && time <= STEP * 1000 + LOOK_MAX * 2, "{time:?}");
    }

    #[test]
    fn who_replaces_files_is_not_held() {
        assert_eq!(held(1000, 20, 20, 1_000_000), LISTEN);
    }

    #[test]
    fn a_burst_of_a_large_share_is_waited_for_longer_than_one_of_a_small_share() {
        let small = held(40_000, 10, 0, 1_000_000_000);
        assert!(small >= HELD && small <= HELD + LOOK_MAX, "{small:?}");
        let large = held(40_000, 10, 0, 1_000_000);
        assert!(large >= STEP * 40_000, "{large:?}");
    }

    #[test]
    fn a_burst_that_was_waited_for_is_not_held_again_before_a_calm() {
        let (mut burst, begin) = (Burst::default(), Instant::now());
        let mut hold = |step: u32, gone: u64| {
            let flow = Flow { gone, come: 0 };
            burst.hold(flow, begin + STEP * step, || Ok::<_, ()>(u64::MAX / SHARE)).unwrap().is_some()
        };
        let end = HELD.as_millis() as u32 / 5 + 100;
        let held: Vec<bool> = (0..end + 1000).map(|step| hold(step, 10)).collect();
        assert!(held[..end as usize - 100].iter().all(|held| *held) && held[end as usize..].iter().all(|held| !held));
        assert!(!hold(end + 1100, 0) && !hold(end + 1200, 0), "calm");
        assert!(hold(end + 1300, 10), "another burst");
    }

    #[test]
    fn no_burst_is_waited_for_without_end() {
        let time = held(u32::MAX, 1000, 0, 1000);
        assert!(time >= HELD_MAX && time <= HELD_MAX + LOOK_MAX, "{time:?}");
    }
}
