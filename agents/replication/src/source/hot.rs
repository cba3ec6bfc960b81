//! Files that are written in ways no event tells: by a mapping, by libaio, from within a loop device. Those written
//! lately, and those somebody has open for writing, are looked at every second, and the system is asked to start writing
//! them back, so that the next store through a mapping moves their times again.
//!
//! A store to a page that is dirty already moves no time. What was read while it had writers is therefore read once
//! more when the system must have cleaned its pages, whatever the times say then.

use crate::meta::Oid;
use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

/// How long a file counts as written lately.
pub(super) const RECENT: Duration = Duration::from_secs(600);
/// Files looked at each second; 1000 cost about 10 ms.
const FILES_MAX: usize = 1024;
const FORGOTTEN_AT_ONCE: usize = FILES_MAX / 8;
const EVERY: Duration = Duration::from_secs(1);
/// How long a page stays dirty where the system does not say: its defaults, together.
const DIRTY_USUAL: Duration = Duration::from_secs(35);

pub(super) struct HotSet {
    files: HashMap<Oid, Hot>,
    next: Instant,
    /// After this time a page that was dirty has been cleaned.
    dirty_max: Duration,
}

#[derive(Clone, Copy)]
struct Hot {
    until: Instant,
    writers: bool,
    untold: bool,
    again: Option<Instant>,
}

/// How a file was found when it was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Its content was written lately.
    pub recent: bool,
    /// Somebody had it open for writing, or mapped.
    pub writers: bool,
    /// Times or content were others than at the reading before.
    pub moved: bool,
    /// Its file system moves no times at stores through a mapping, however long it is waited.
    pub untold: bool,
}

/// One file to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub oid: Oid,
    /// Somebody may be writing.
    pub writers: bool,
    /// Its times are not to be believed.
    pub read: bool,
}

impl HotSet {
    /// `dirty_max` only for tests; otherwise the system says how long pages stay dirty.
    pub fn new(dirty_max: Option<Duration>) -> Self {
        let dirty_max = dirty_max.unwrap_or_else(dirty_max_of_the_system);
        Self { files: HashMap::new(), next: Instant::now() + EVERY, dirty_max }
    }

    /// Notes a file that was just read.
    pub fn add(&mut self, oid: Oid, reading: Reading) {
        if !reading.recent && !reading.writers {
            return;
        }
        let now = Instant::now();
        if self.files.len() >= FILES_MAX && !self.files.contains_key(&oid) && !self.make_room() {
            return;
        }
        let untold = reading.writers && reading.untold;
        let before = self.files.get(&oid).and_then(|hot| hot.again);
        let again = if untold || reading.writers && reading.moved { Some(now + self.dirty_max) } else { before };
        self.files.insert(oid, Hot { until: now + RECENT, writers: reading.writers, untold, again });
    }

    /// Forgets some of those that were written longest ago and that nobody has open. Some at once, as to look for them
    /// takes its time when one file after the other is made.
    fn make_room(&mut self) -> bool {
        let mut quiet: Vec<_> =
            self.files.iter().filter(|(_, hot)| !hot.writers).map(|(oid, hot)| (hot.until, *oid)).collect();
        let count = quiet.len().min(FORGOTTEN_AT_ONCE);
        if count < quiet.len() {
            quiet.select_nth_unstable(count);
        }
        for (_, oid) in &quiet[..count] {
            self.files.remove(oid);
        }
        count > 0
    }

    pub fn forget(&mut self, oid: Oid) {
        self.files.remove(&oid);
    }

    /// Whether a file has a mapping, or had one at the last look, through which stores move no times.
    pub fn is_untold(&self, oid: Oid) -> bool {
        self.files.get(&oid).is_some_and(|hot| hot.untold)
    }

    /// Notes whether somebody still has a file open for writing; then it stays.
    pub fn note_writers(&mut self, oid: Oid, writers: bool) {
        if let Some(hot) = self.files.get_mut(&oid) {
            hot.writers = writers;
            if writers {
                hot.until = Instant::now() + RECENT;
            }
        }
    }

    /// The files to look at now; empty when it is not time.
    pub fn due(&mut self, now: Instant) -> Vec<Look> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + EVERY;
        self.files.retain(|_, hot| hot.until > now);
        let looks = self.files.iter_mut().map(|(oid, hot)| {
            let read = hot.again.take_if(|again| *again <= now).is_some();
            Look { oid: *oid, writers: hot.writers, read }
        });
        looks.collect()
    }

    /// All files, as somebody wants to have them who waits for everything that was written.
    pub fn all(&self) -> Vec<Look> {
        // What is still to be read once more is read now: its writers may have ended without moving a time.
        let look = |(oid, hot): (&Oid, &Hot)| Look { oid: *oid, writers: hot.writers, read: hot.again.is_some() };
        self.files.iter().map(look).collect()
    }
}

/// A page is written back when it is older than `dirty_expire` at one of the wakings every `dirty_writeback`.
fn dirty_max_of_the_system() -> Duration {
    let of =
        |name: &str| -> Option<u64> { fs::read_to_string(format!("/proc/sys/vm/{name}")).ok()?.trim().parse().ok() };
    match (of("dirty_expire_centisecs"), of("dirty_writeback_centisecs")) {
        // Without wakings nothing is written back but by our own asking, at every look.
        (Some(expire), Some(wakes)) if wakes > 0 => Duration::from_millis((expire + wakes).saturating_mul(10)),
        _ => DIRTY_USUAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: Reading = Reading { recent: true, writers: true, moved: true, untold: false };

    fn reads(hot: &mut HotSet, now: Instant) -> Vec<bool> {
        hot.next = now;
        hot.due(now).into_iter().map(|look| look.read).collect()
    }

    #[test]
    fn what_had_writers_is_read_once_more_when_its_pages_must_be_clean() {
        let mut hot = HotSet::new(Some(Duration::from_secs(35)));
        let begin = Instant::now();
        hot.add(Oid(2000), WRITTEN);
        assert_eq!(reads(&mut hot, begin + Duration::from_secs(30)), [false]);
        assert_eq!(reads(&mut hot, begin + Duration::from_secs(36)), [true]);
        hot.add(Oid(2000), Reading { moved: false, ..WRITTEN });
        assert_eq!(reads(&mut hot, begin + Duration::from_secs(90)), [false], "it was as before");
        hot.add(Oid(2000), Reading { moved: false, untold: true, ..WRITTEN });
        assert_eq!(reads(&mut hot, begin + Duration::from_secs(90)), [true], "times tell nothing there");
    }

    #[test]
    fn what_is_open_for_writing_stays_and_what_is_quiet_goes() {
        let mut hot = HotSet::new(None);
        hot.add(Oid(2000), Reading { recent: false, writers: true, ..Reading::default() });
        hot.add(Oid(2001), Reading { recent: true, ..Reading::default() });
        hot.add(Oid(2002), Reading::default());
        assert_eq!(hot.all().len(), 2);
        (3000..3000 + 2 * FILES_MAX as u64).for_each(|oid| hot.add(Oid(oid), Reading { recent: true, ..WRITTEN }));
        assert_eq!(hot.all().len(), FILES_MAX);
        (9000..9000 + 2 * FILES_MAX as u64)
            .for_each(|oid| hot.add(Oid(oid), Reading { recent: true, ..Reading::default() }));
        assert_eq!(hot.all().len(), FILES_MAX, "and those with writers are not forgotten for others");
        assert!(hot.all().iter().all(|look| look.writers), "those without writers made room");
        hot.files.retain(|oid, _| *oid == Oid(2000));
        assert!(reads(&mut hot, Instant::now() + RECENT * 2).is_empty());
    }
}
