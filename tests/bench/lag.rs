//! How far a replica is behind: each write bears a number, and the replica is looked at until it shows that one or a
//! later one.

use crate::{
    arrival::GIVE_UP,
    measure::{P50, P99, Sample, percentile},
};
use anyhow::{Result, anyhow, ensure};
use std::{
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// Writes that were made and not yet taken up by who looks.
const UNSEEN_MAX: usize = 100_000;
/// Fine enough for milliseconds, and little load on a machine of two processors.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// A round of looks is followed by a rest so many times as long.
const REST: u32 = 4;

/// One write: which place, which number, and when it was done.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    pub place: u64,
    pub number: u64,
    pub at: Instant,
}

/// Lets `writer` write, and looks with `shows` which number the replica has at a place, until everything arrived.
pub fn follow(
    writer: impl FnOnce(&SyncSender<Write>) -> Result<()> + Send,
    mut shows: impl FnMut(u64) -> Option<u64>,
) -> Result<Vec<f64>> {
    let (sender, writes) = sync_channel(UNSEEN_MAX);
    thread::scope(|scope| {
        let writing = scope.spawn(move || writer(&sender));
        let lags = look(&writes, &mut shows);
        writing.join().map_err(|_| anyhow!("the writer panicked"))??;
        lags
    })
}

fn look(writes: &Receiver<Write>, shows: &mut impl FnMut(u64) -> Option<u64>) -> Result<Vec<f64>> {
    let (mut waiting, mut lags, mut over) = (Vec::<Write>::new(), Vec::new(), false);
    let mut last_arrival = Instant::now();
    while !over || !waiting.is_empty() {
        loop {
            match writes.try_recv() {
                Ok(write) => waiting.push(write),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    over = true;
                    break;
                }
            }
        }
        let begin = Instant::now();
        waiting.retain(|write| {
            let arrived = shows(write.place).is_some_and(|number| number >= write.number);
            if arrived {
                last_arrival = Instant::now();
                lags.push(write.at.elapsed().as_secs_f64());
            }
            !arrived
        });
        ensure!(last_arrival.elapsed() < GIVE_UP, "{} writes did not arrive", waiting.len());
        thread::sleep(LOOK_EVERY.max(begin.elapsed() * REST));
    }
    Ok(lags)
}

/// Both percentiles.
pub fn noted(sample: Sample, mut lags: Vec<f64>) -> Result<Sample> {
    lags.sort_by(f64::total_cmp);
    let at = |percent| percentile(&lags, percent).ok_or_else(|| anyhow!("nothing was written"));
    Ok(sample.with(P50, at(50)?).with(P99, at(99)?))
}

/// Calls `write` so many times a second for a while; what is missed is made up for.
pub fn at_rate(rate: u32, time: Duration, mut write: impl FnMut(u64) -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    for number in 0..(time.as_secs_f64() * f64::from(rate)) as u64 {
        let due = Duration::from_secs_f64(number as f64 / f64::from(rate));
        thread::sleep(due.saturating_sub(begin.elapsed()));
        write(number)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_later_number_at_a_place_stands_for_the_earlier_ones() {
        let shown = AtomicU64::new(0);
        let writer = |sender: &SyncSender<Write>| {
            for number in 1..=3 {
                sender.send(Write { place: 7, number, at: Instant::now() })?;
            }
            thread::sleep(Duration::from_millis(20));
            shown.store(3, Ordering::SeqCst);
            Ok(())
        };
        let lags = follow(writer, |place| (place == 7).then(|| shown.load(Ordering::SeqCst))).unwrap();
        assert_eq!(lags.len(), 3);
        assert!(lags.iter().all(|lag| *lag >= 0.02), "{lags:?}");
        assert!(noted(Sample::default(), lags).is_ok() && noted(Sample::default(), vec![]).is_err());
    }
}
