//! Whether more goes within a short time than may go unasked.
//!
//! What came within that time may go again: a mail queue or a build removes as much as it makes. Objects are numbered
//! in the order in which they were found, so a number tells which are older.

use super::{
    super::{SourceError, batch::Sink, reconcile::Pass},
    census::Missing,
    taken::Taken,
};
use crate::{index::Index, meta::Oid};
use model::elements::mass_change::MassChange;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    time::{Duration, Instant},
};

/// Parts of the time within which removals are counted: what is older than it by less than a part may count as well.
const WINDOW_PARTS: u32 = 64;
/// How long the number of names in a root is believed.
const NAMES_FOR: Duration = Duration::from_secs(60);
/// Batches in a row that are dropped because of what they take, although a census finds that there. Then the census is
/// believed: what was in directories that moved into each other is found again.
const DOUBTS_MAX: u32 = 3;

/// What is remembered of removals.
pub(super) struct Mass {
    limits: MassChange,
    windows: BTreeMap<Oid, Window>,
    /// Names of each root, with those that went within the time.
    names: BTreeMap<Oid, (Instant, u64)>,
    /// What the batch that was judged last takes.
    judged: Vec<(Oid, u64)>,
    ages: Ages,
    /// Objects that may go, or were replaced, whatever their number, until everything was looked at.
    approved: BTreeMap<Oid, HashSet<Oid>>,
    /// Roots of which all that is missing was counted in the scan that is under way.
    counted: BTreeSet<Oid>,
    doubts: u32,
}

impl Mass {
    /// `next` is the number that the next new object gets.
    pub fn new(limits: MassChange, next: Oid) -> Self {
        Self {
            limits,
            windows: BTreeMap::new(),
            names: BTreeMap::new(),
            judged: Vec::new(),
            ages: Ages { old: next, seen: VecDeque::new() },
            approved: BTreeMap::new(),
            counted: BTreeSet::new(),
            doubts: 0,
        }
    }

    pub fn committed(&mut self, now: Instant, next: Oid) {
        self.ages.note(now, next, self.limits.within.0);
        for (root, gone) in std::mem::take(&mut self.judged) {
            self.windows.entry(root).or_default().note(now, gone, self.limits.within.0);
        }
        self.doubts = 0;
    }

    pub fn scanned(&mut self, is_first: bool, next: Oid) {
        if is_first {
            self.ages.old = next;
        }
        self.counted.clear();
        self.approved.clear();
    }

    pub fn approve(&mut self, root: Oid, objects: HashSet<Oid>) {
        self.approved.entry(root).or_default().extend(objects);
    }

    /// Notes that what a root misses was counted, and is not too much. What was replaced is not missing.
    pub fn counted(&mut self, root: Oid, replaced: HashSet<Oid>) {
        self.counted.insert(root);
        self.approved.entry(root).or_default().extend(replaced);
        self.doubts += 1;
    }

    /// Whether the object is one that a person has to be asked about, if there are many of them.
    fn counts(&self, root: Oid, object: Oid) -> bool {
        object < self.ages.old && !self.approved.get(&root).is_some_and(|objects| objects.contains(&object))
    }

    fn within(&mut self, root: Oid, now: Instant) -> u64 {
        self.windows.get_mut(&root).map_or(0, |window| window.sum(now, self.limits.within.0))
    }

    /// Names the root has, with those that went within the time.
    pub fn names(&mut self, root: Oid, index: &Index, is_only: bool, now: Instant) -> rusqlite::Result<u64> {
        if let Some((at, names)) = self.names.get(&root)
            && now < *at + NAMES_FOR
        {
            return Ok(*names);
        }
        let there = if is_only { index.count_names()? } else { index.count_names_below(root, u32::MAX)?.into() };
        let names = there + self.within(root, now);
        self.names.insert(root, (now, names));
        Ok(names)
    }

    /// Whether what a root misses is too much, with what went of it before.
    pub fn is_too_much(&mut self, root: Oid, missing: &Missing, of: u64, now: Instant) -> bool {
        let unasked = missing.names.iter().filter(|(_, object)| self.counts(root, *object)).count() as u64;
        let removed = unasked + self.within(root, now);
        unasked > 0 && self.limits.is_passed_by(removed, of)
    }
}

impl Pass<'_, '_> {
    /// Fails with `Suspect` when a batch takes too much, or may be the begin of that.
    pub(super) fn judge_mass(&mut self, taken: Taken) -> Result<(), SourceError> {
        self.guard.mass.judged.clear();
        // A batch that nobody follows removes nothing anywhere.
        if self.batch.sink == Sink::Nowhere {
            return Ok(());
        }
        let (now, is_only, in_a_scan) = (Instant::now(), self.roots.0.len() == 1, self.pending.has_cold());
        for (root, from) in taken.each() {
            let mass = &mut self.guard.mass;
            let unasked = from.gone.iter().filter(|object| mass.counts(root, **object)).count() as u64;
            let Some(held) = self.roots.held_as(root).filter(|_| unasked > 0) else { continue };
            if !mass.limits.halt || held.root.is_adopted() {
                continue;
            }
            let removed = unasked + mass.within(root, now);
            let is_first = in_a_scan && !mass.counted.contains(&root);
            let min = u64::from(mass.limits.removed_min);
            if removed > min || is_first {
                let of = mass.names(root, self.index, is_only, now)?;
                let is_suspect = mass.limits.is_passed_by(removed, of) || (is_first && of > min);
                if is_suspect && mass.doubts < DOUBTS_MAX {
                    mass.names.remove(&root);
                    return Err(SourceError::Suspect(root));
                }
            }
            mass.judged.push((root, unasked));
        }
        Ok(())
    }
}

/// Which objects were known before the time within which removals are counted.
struct Ages {
    /// The first number that is not old.
    old: Oid,
    /// What became the next number since, and when.
    seen: VecDeque<(Instant, Oid)>,
}

impl Ages {
    fn note(&mut self, now: Instant, next: Oid, within: Duration) {
        if self.seen.back().is_none_or(|(at, _)| *at + within / WINDOW_PARTS <= now) {
            self.seen.push_back((now, next));
        }
        while let Some((_, next)) = self.seen.pop_front_if(|(at, _)| *at + within <= now) {
            self.old = self.old.max(next);
        }
    }
}

/// How many names went, by when.
#[derive(Default)]
struct Window(VecDeque<(Instant, u64)>);

impl Window {
    fn note(&mut self, now: Instant, gone: u64, within: Duration) {
        if gone == 0 {
            return;
        }
        match self.0.back_mut() {
            Some((since, sum)) if now < *since + within / WINDOW_PARTS => *sum += gone,
            _ => self.0.push_back((now, gone)),
        }
        self.forget(now, within);
    }

    fn sum(&mut self, now: Instant, within: Duration) -> u64 {
        self.forget(now, within);
        self.0.iter().map(|(_, gone)| gone).sum()
    }

    fn forget(&mut self, now: Instant, within: Duration) {
        let kept = within + within / WINDOW_PARTS;
        while self.0.front().is_some_and(|(since, _)| *since + kept <= now) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::units::Period;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_went_long_ago_does_not_count() {
        let (mut window, begin) = (Window::default(), Instant::now());
        for minute in 0..10 {
            window.note(begin + MINUTE * minute, 100, MINUTE * 10);
        }
        assert_eq!(window.sum(begin + MINUTE * 9, MINUTE * 10), 1000);
        assert_eq!(window.sum(begin + MINUTE * 14, MINUTE * 10), 600);
        assert_eq!(window.sum(begin + MINUTE * 30, MINUTE * 10), 0);
    }

    #[test]
    fn a_window_is_bounded_however_often_something_goes() {
        let (mut window, begin) = (Window::default(), Instant::now());
        for step in 0..100_000 {
            window.note(begin + Duration::from_millis(100) * step, 1, MINUTE * 10);
            assert!(window.0.len() <= WINDOW_PARTS as usize + 2);
        }
        let sum = window.sum(begin + Duration::from_millis(100) * 100_000, MINUTE * 10);
        assert!((6000..=6200).contains(&sum), "{sum}");
    }

    #[test]
    fn what_came_within_the_time_may_go_again() {
        let limits = MassChange { removed_min: 10, within: Period::from_secs(600), ..MassChange::default() };
        let (mut mass, begin, root) = (Mass::new(limits, Oid(100)), Instant::now(), Oid::root(0));
        for minute in 0..30 {
            mass.committed(begin + MINUTE * minute, Oid(100 + u64::from(minute) * 100));
            assert!(mass.ages.seen.len() <= WINDOW_PARTS as usize + 1);
        }
        let now = begin + MINUTE * 29;
        assert!(!mass.is_too_much(root, &missing(2100..3000), 1000, now), "less than ten minutes old");
        assert!(mass.is_too_much(root, &missing(1600..2000), 1000, now));
        mass.scanned(true, Oid(3000));
        assert!(mass.is_too_much(root, &missing(2100..3000), 1000, now), "found by the first scan, whenever it came");
    }

    fn missing(objects: std::ops::Range<u64>) -> Missing {
        Missing { names: objects.map(|at| (format!("{at}").into_bytes(), Oid(at))).collect(), replaced: HashSet::new() }
    }

    #[test]
    fn what_went_before_counts_and_what_was_approved_does_not() {
        let limits = MassChange { removed_min: 10, within: Period::from_secs(600), ..MassChange::default() };
        let (mut mass, now, root) = (Mass::new(limits, Oid(1000)), Instant::now(), Oid::root(0));
        assert!(!mass.is_too_much(root, &missing(0..10), 30, now));
        assert!(mass.is_too_much(root, &missing(0..11), 30, now));
        assert!(!mass.is_too_much(root, &missing(0..11), 40, now), "a small part");
        mass.judged = vec![(root, 5)];
        mass.committed(now, Oid(1000));
        assert!(mass.is_too_much(root, &missing(0..6), 30, now));
        assert!(!mass.is_too_much(root, &missing(0..6), 30, now + MINUTE * 20), "slowly");
        mass.approve(root, (0..100).map(Oid).collect());
        assert!(!mass.is_too_much(root, &missing(0..100), 100, now + MINUTE * 20));
        assert!(mass.is_too_much(root, &missing(0..140), 100, now + MINUTE * 20), "more than what was approved");
        mass.scanned(false, Oid(1000));
        assert!(mass.is_too_much(root, &missing(0..100), 100, now + MINUTE * 20), "an approval is used once");
    }
}
