//! How often something may happen.

use crate::rooms::network_of;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Networks that are told apart; beyond this, those that have recovered are forgotten, then all.
const NETWORKS_MAX: usize = 4096;

/// A bucket of permits that fills up again with time.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    capacity: u32,
    refill: Duration,
    spent: u32,
    since: Option<Instant>,
}

impl Bucket {
    /// Holds `capacity` permits and regains one in every `refill`.
    pub const fn new(capacity: u32, refill: Duration) -> Self {
        Self { capacity, refill, spent: 0, since: None }
    }

    /// Whether a permit is left.
    pub fn open(&mut self, now: Instant) -> bool {
        self.recover(now);
        self.spent < self.capacity
    }

    /// Takes a permit. Answers false when none was left.
    pub fn take(&mut self, now: Instant) -> bool {
        let open = self.open(now);
        self.spent = (self.spent + 1).min(self.capacity);
        open
    }

    fn recover(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let regained = (now.saturating_duration_since(since).as_millis() / self.refill.as_millis().max(1)) as u32;
        self.spent = self.spent.saturating_sub(regained);
        self.since = Some(if self.spent == 0 { now } else { since + self.refill.saturating_mul(regained) });
    }
}

/// One bucket for everybody and one for each network.
#[derive(Debug)]
pub struct Failures {
    inner: Mutex<(Bucket, BTreeMap<IpAddr, Bucket>)>,
    each: Bucket,
}

impl Failures {
    pub fn new(total: Bucket, each: Bucket) -> Self {
        Self { inner: Mutex::new((total, BTreeMap::new())), each }
    }

    /// Whether the network of `address` has not failed too often lately.
    pub fn open(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, networks) = &mut *guard;
        total.open(now) && networks.get_mut(&network_of(address)).is_none_or(|bucket| bucket.open(now))
    }

    /// Counts a failure.
    pub fn count(&self, address: IpAddr) {
        let now = Instant::now();
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, networks) = &mut *guard;
        total.take(now);
        if networks.len() >= NETWORKS_MAX {
            networks.retain(|_, bucket| !bucket.open(now));
        }
        if networks.len() >= NETWORKS_MAX {
            networks.clear();
        }
        networks.entry(network_of(address)).or_insert(self.each).take(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_runs_dry_and_fills_up() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut bucket = Bucket::new(2, second);
        assert!(bucket.take(start) && bucket.take(start));
        assert!(!bucket.take(start));
        assert!(!bucket.open(start + second / 2));
        assert!(bucket.take(start + second));
        assert!(!bucket.open(start + second + second / 2));
        assert!(bucket.open(start + 10 * second));
    }

    #[test]
    fn one_address_does_not_shut_out_another() {
        let minute = Duration::from_secs(60);
        let failures = Failures::new(Bucket::new(5, minute), Bucket::new(2, minute));
        let [a, b, c] = [1, 2, 3].map(|n| IpAddr::from([10, 0, 0, n]));
        failures.count(a);
        failures.count(a);
        assert!(!failures.open(a) && failures.open(b));
        failures.count(b);
        failures.count(c);
        failures.count(c);
        assert!(!failures.open(b), "the bucket of all is empty");
    }

    #[test]
    fn the_addresses_of_one_network_share_a_bucket() {
        let minute = Duration::from_secs(60);
        let failures = Failures::new(Bucket::new(5, minute), Bucket::new(2, minute));
        let at = |net: u16, last: u16| IpAddr::from([0x2001, 0xdb8, 0, net, 0, 0, 0, last]);
        let tried = (1..100).filter(|n| failures.open(at(1, *n)).then(|| failures.count(at(1, *n))).is_some());
        assert_eq!(tried.count(), 2);
        assert!(failures.open(at(2, 1)), "everybody else may still try");
    }
}
