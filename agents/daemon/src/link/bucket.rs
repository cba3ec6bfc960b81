//! How many bytes may go at a moment: a token bucket, without a clock of its own.

use std::time::{Duration, Instant};

/// What may go at once after a rest: this much of what goes in a second, and never less than one TLS record.
const BURST: Duration = Duration::from_millis(100);
const BURST_BYTES_MIN: u64 = 17 << 10;

/// Fills up with time and is emptied by what is sent.
#[derive(Debug)]
pub struct Bucket {
    /// Bytes in each second; `None` is no limit.
    rate: Option<u64>,
    bytes: f64,
    filled: Instant,
}

impl Bucket {
    pub fn new(now: Instant) -> Self {
        Self { rate: None, bytes: 0.0, filled: now }
    }

    pub fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// A new rate begins with an empty bucket.
    pub fn set_rate(&mut self, rate: Option<u64>, now: Instant) {
        *self = Self { rate, bytes: 0.0, filled: now };
    }

    /// How many of `wanted` bytes may go now.
    ///
    /// **Errors** with how long to wait, when too few may go to be worth it.
    pub fn allow(&mut self, wanted: usize, now: Instant) -> Result<usize, Duration> {
        let Some(rate) = self.rate.map(|rate| rate.max(1)) else { return Ok(wanted) };
        let burst = (rate as f64 * BURST.as_secs_f64()).max(BURST_BYTES_MIN as f64);
        let came = now.saturating_duration_since(self.filled).as_secs_f64() * rate as f64;
        (self.bytes, self.filled) = ((self.bytes + came).min(burst), now);
        let enough = (wanted as f64).min(BURST_BYTES_MIN as f64);
        if self.bytes >= enough {
            return Ok(wanted.min(self.bytes as usize));
        }
        // A little longer, so that rounding never makes it come back too early.
        Err(Duration::from_secs_f64((enough - self.bytes) / rate as f64) + Duration::from_micros(1))
    }

    /// Notes that `bytes` went.
    pub fn spend(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes sent in `time` by somebody who always wants `wanted` more and comes back when told to, or `late` after.
    fn sent(rate: u64, wanted: usize, time: Duration, late: Duration) -> usize {
        let begin = Instant::now();
        let mut bucket = Bucket::new(begin);
        bucket.set_rate(Some(rate), begin);
        let (mut now, mut sent) = (begin, 0);
        while now < begin + time {
            match bucket.allow(wanted, now) {
                Ok(bytes) => {
                    assert!(bytes > 0 && bytes <= wanted);
                    bucket.spend(bytes);
                    sent += bytes;
                }
                Err(wait) => now += wait + late,
            }
        }
        sent
    }

    #[test]
    fn over_some_seconds_the_rate_is_kept() {
        for rate in [8_000, 125_000, 5_000_000, 20_000_000, 1_250_000_000] {
            for wanted in [20, 1000, 16_406, 1 << 20] {
                let (time, late) = (Duration::from_secs(20), Duration::from_millis(3));
                if rate * time.as_secs() / wanted as u64 > 500_000 {
                    continue; // the same in more steps
                }
                let share = sent(rate, wanted, time, late) as f64 / (rate as f64 * time.as_secs_f64());
                assert!((0.9..=1.02).contains(&share), "{rate} B/s in pieces of {wanted}: {share}");
            }
        }
    }

    #[test]
    fn a_rest_saves_up_no_more_than_a_burst() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(begin);
        bucket.set_rate(Some(1_000_000), begin);
        assert!(bucket.allow(1 << 20, begin).is_err(), "a new rate begins with nothing");
        assert_eq!(bucket.allow(1 << 20, begin + Duration::from_secs(3600)), Ok(100_000));
        bucket.spend(100_000);
        let wait = bucket.allow(1 << 20, begin + Duration::from_secs(3600)).unwrap_err();
        assert!(wait < Duration::from_millis(20), "{wait:?}");
    }

    #[test]
    fn without_a_rate_everything_goes() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(begin);
        assert_eq!(bucket.allow(1 << 30, begin), Ok(1 << 30));
        bucket.spend(1 << 30);
        assert_eq!(bucket.allow(1 << 30, begin), Ok(1 << 30));
        bucket.set_rate(Some(100_000), begin);
        assert!(bucket.allow(20, begin + Duration::from_secs(1)).is_ok(), "what went before is not owed");
    }
}
