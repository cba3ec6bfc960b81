//! What is still to be looked at.

use crate::{capture::Flow, meta::Oid};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Instant,
};

/// Why something is looked at, which decides whether unchanged times are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hint {
    /// An event that is not about content.
    #[default]
    Names,
    /// A scan or a poll: nothing is known.
    Scan,
    /// An event about content.
    Content,
    /// Read whatever the times say; a content that is as it was is not said again.
    Reread,
    /// Read whatever the times say, and say all its names again.
    Force,
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Item {
    Entry(Oid, Box<[u8]>),
    Object(Oid),
    Scan(Oid),
}

/// Hot items come from events and go first; cold ones from scans.
#[derive(Default)]
pub(super) struct Pending {
    hot: HashMap<Item, Hint>,
    cold: VecDeque<(Oid, Box<[u8]>)>,
    scans: Vec<Oid>,
    /// What is in `scans`: a directory is read once, however many reasons there are.
    to_scan: HashSet<Oid>,
    pub directories_read: u64,
    /// For the next batch.
    next: Vec<(Item, Hint)>,
    later: BTreeMap<(Instant, Item), Hint>,
    /// What was not where the index has it, to be looked for again soon.
    lost: BTreeMap<Item, (Instant, Hint)>,
    /// Names that were not found; looked at again once the hot ones are done, so that a rename is seen as one.
    pub gone: HashSet<(Oid, Box<[u8]>)>,
    /// Names that went and came since this was last taken.
    pub flow: Flow,
}

/// Items that wait for their time; more of them are looked at at once.
const LATER_MAX: usize = 100_000;

impl Pending {
    pub fn hot(&mut self, item: Item, hint: Hint) {
        let known = self.hot.entry(item).or_default();
        *known = (*known).max(hint);
    }

    pub fn scan(&mut self, directory: Oid) {
        if self.to_scan.insert(directory) {
            self.scans.push(directory);
        }
    }

    pub fn cold(&mut self, directory: Oid, name: Box<[u8]>) {
        self.cold.push_back((directory, name));
    }

    pub fn next(&mut self, item: Item, hint: Hint) {
        self.next.push((item, hint));
    }

    /// Looks again at `at` for what was not where the index has it; nothing is settled until it is found or gone.
    pub fn lost(&mut self, at: Instant, item: Item, hint: Hint) {
        let known = self.lost.entry(item).or_insert((at, hint));
        known.1 = known.1.max(hint);
    }

    pub fn later(&mut self, at: Instant, item: Item, hint: Hint) {
        if self.later.len() < LATER_MAX {
            self.later.insert((at, item), hint);
        }
    }

    /// Makes hot what has waited long enough.
    pub fn ripen(&mut self, now: Instant) {
        for (item, (_, hint)) in self.lost.extract_if(.., |_, (at, _)| *at <= now).collect::<Vec<_>>() {
            self.hot(item, hint);
        }
        for (item, hint) in std::mem::take(&mut self.next) {
            self.hot(item, hint);
        }
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let ((_, item), hint) = first.remove_entry();
            self.hot(item, hint);
        }
    }

    /// When the next waiting item is due.
    pub fn due(&self) -> Option<Instant> {
        let lost = self.lost.values().map(|(at, _)| *at).min();
        self.later.first_key_value().map(|((at, _), _)| *at).into_iter().chain(lost).min()
    }

    pub fn take_hot(&mut self) -> Vec<(Item, Hint)> {
        let mut items: Vec<_> = self.hot.drain().collect();
        items.sort();
        items
    }

    pub fn take_cold(&mut self) -> Option<Item> {
        match self.cold.pop_front() {
            Some((directory, name)) => Some(Item::Entry(directory, name)),
            None => self.scans.pop().map(|directory| {
                self.to_scan.remove(&directory);
                self.directories_read += 1;
                Item::Scan(directory)
            }),
        }
    }

    pub fn has_hot(&self) -> bool {
        !self.hot.is_empty()
    }

    pub fn has_cold(&self) -> bool {
        !self.cold.is_empty() || !self.scans.is_empty()
    }

    /// Whether a name at the top of a root is to be looked at.
    pub fn touches_a_root(&self) -> bool {
        let at_the_top = |item: &Item| matches!(item, Item::Entry(directory, _) if *directory < Oid::FIRST);
        self.hot.keys().any(at_the_top)
            || self.scans.iter().any(|directory| *directory < Oid::FIRST)
            || self.gone.iter().any(|(directory, _)| *directory < Oid::FIRST)
    }

    /// Nothing to look at now; what waits for its time does not count.
    pub fn is_empty(&self) -> bool {
        self.hot.is_empty() && !self.has_cold() && self.gone.is_empty() && self.next.is_empty()
    }

    /// Nothing to look at now, and nothing that is still looked for.
    pub fn is_settled(&self) -> bool {
        self.is_empty() && self.lost.is_empty()
    }

    pub fn clear(&mut self) {
        *self = Self { directories_read: self.directories_read, ..Self::default() };
    }
}
