//! One batch: from what is pending to what is durable and may be sent.

use super::{
    SourceError,
    batch::{Batch, Sink, widened},
    content::ctime,
    engine::{Engine, drain},
    guard::believe_moved,
    pending::Hint,
    reconcile::Pass,
    status::now_nanos,
};
use crate::{
    beneath,
    index::{Index, Stored},
    meta::{Meta, ObjectKind, Oid},
};
use model::{
    Mark, RootName,
    agent_status::{RootState, RootStatus},
};
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

/// Things looked at in one batch at most, and the bytes after which it ends.
const ITEMS_MAX: usize = 20_000;
const BYTES_MAX: u64 = 32 << 20;
/// A batch that only scans ends after this, so that a change does not wait long.
const SCAN_TIME_MAX: Duration = Duration::from_millis(100);
/// How often events are fetched again before an object counts as gone.
const LOOKS_AGAIN: u32 = 3;
/// Files at most this large are spooled, however small the spool is.
const SPOOLED_FILE_MIN: u64 = 64 << 20;
/// Files with names outside that are counted; more are of no use to anybody.
const LINKED_OUTSIDE_MAX: u32 = 10_000;
/// How often acknowledgements are made durable and the spool is trimmed.
const ACCOUNT_EVERY: Duration = Duration::from_millis(100);

impl Engine {
    pub fn build(&mut self) -> Result<(), SourceError> {
        believe_moved(&self.roots, &self.index)?;
        if self.roots.0.iter_mut().map(|slot| u32::from(!slot.check())).sum::<u32>() > 0 {
            self.publish_roots(false);
        }
        let at_the_top = self.pending.touches_a_root();
        let number = self.index.facts().last.batch + 1;
        let mark = Mark { epoch: self.epoch, batch: number };
        let sink = self.sink();
        let limit = self.spool.limits().bytes_max;
        self.index.begin()?;
        let (changes, first_new) = (self.index.changes(), Oid(self.index.facts().next_oid));
        let mut pass = Pass {
            index: &mut self.index,
            captures: &mut self.captures,
            roots: &self.roots,
            known: &mut self.known,
            pending: &mut self.pending,
            hot: &mut self.hot,
            rescans: &mut self.rescans,
            unreadable: &mut self.unreadable,
            guard: &mut self.guard,
            batch: Batch::begin(mark, sink, &mut self.spool)?,
            preserve: self.shared.config.preserve,
            spooled_file_max: (limit / 4).max(SPOOLED_FILE_MIN).min(limit),
            directories: HashMap::new(),
            touched: HashSet::new(),
            dropped: Vec::new(),
            moved: Vec::new(),
            looked: 0,
        };
        let mut lost = false;
        for _ in 0..LOOKS_AGAIN {
            pass.work()?;
            if !pass.has_orphans()? {
                break;
            }
            // What has no name here may have got another one since the events were fetched.
            lost |= drain(pass.captures, pass.known, pass.index, pass.pending, &mut self.barriers)?;
            if !pass.pending.has_hot() {
                break;
            }
        }
        pass.remove_orphans()?;
        pass.refresh_touched()?;
        pass.remove_orphans()?;
        let removes = pass.batch.removes();
        if removes || at_the_top {
            pass.judge(first_new)?;
        }
        let Pass { batch, .. } = pass;
        let (sink, changed) = commit(&mut self.index, batch, changes)?;
        self.guard.committed(&self.index);
        if removes {
            self.roots.all_held().try_for_each(|(_, held)| held.root.settle())?;
        }
        if sink == Sink::Nowhere {
            self.drop_unneeded()?;
        }
        self.publish(changed);
        if lost {
            tracing::warn!("events were lost; everything is looked at again");
            self.barriers.see_all();
            self.rescan();
        }
        Ok(())
    }

    fn sink(&self) -> Sink {
        let status = self.shared.lock();
        if status.acked.is_empty() && status.pins.is_empty() {
            Sink::Nowhere
        } else if self.index.facts().gap.is_some_and(|gap| gap.open) {
            Sink::Gap
        } else {
            Sink::Spool
        }
    }

    /// No target follows: what is in the spool is of no use.
    fn drop_unneeded(&mut self) -> Result<(), SourceError> {
        if self.spool.bytes() > 0 {
            self.spool.clear()?;
        }
        if self.index.facts().gap.is_some() {
            self.index.begin()?;
            self.index.close_gap()?;
            self.index.commit()?;
        }
        Ok(())
    }

    fn publish(&mut self, changed: bool) {
        let facts = self.index.facts();
        let mut status = self.shared.lock();
        status.last = facts.last;
        status.gap = facts.gap;
        status.spool_base = facts.spool_base;
        status.spool_bytes = self.spool.bytes();
        status.directories_read = self.pending.directories_read;
        status.problem = None;
        if changed {
            status.note_commit(facts.last.batch, now_nanos());
            drop(status);
            self.shared.changed.notify_all();
        }
    }

    /// Makes acknowledgements durable and gives the spool back what every target has.
    pub fn account(&mut self, now: Instant) -> Result<(), SourceError> {
        if now < self.timers.account {
            return Ok(());
        }
        self.timers.account = now + ACCOUNT_EVERY;
        let (acked, pins) = {
            let mut status = self.shared.lock();
            if !std::mem::take(&mut status.acked_changed) {
                return Ok(());
            }
            (status.acked.clone(), status.pins.clone())
        };
        let needed = acked.values().map(|mark| mark.batch).chain(pins.into_values()).min();
        self.index.begin()?;
        for (target, mark) in &acked {
            self.index.set_target(target, Some(*mark))?;
        }
        let trimmed = needed.and_then(|batch| self.spool.trimmable(batch));
        if let Some(batch) = trimmed {
            let facts = self.index.facts_mut();
            facts.spool_base = facts.spool_base.max(batch);
        }
        let gap = self.index.facts().gap;
        if gap.is_some_and(|gap| !gap.open && needed.is_some_and(|batch| batch >= gap.last)) {
            self.index.close_gap()?;
        }
        self.index.commit()?;
        if let Some(batch) = trimmed {
            self.spool.trim(batch)?;
        }
        self.publish(false);
        Ok(())
    }

    /// How many files of each root have names outside of what is replicated.
    fn linked_outside(&self) -> rusqlite::Result<HashMap<u32, u64>> {
        let mut counts = HashMap::new();
        for oid in self.index.linked_outside(LINKED_OUTSIDE_MAX)? {
            if let Some((root, _)) = self.index.path_of(oid)? {
                *counts.entry(root).or_default() += 1;
            }
        }
        Ok(counts)
    }

    /// Tells how the roots are.
    pub fn publish_roots(&mut self, sums: bool) {
        let single = self.roots.0.len() == 1;
        let counted = (sums && single).then(|| self.index.sums().ok()).flatten();
        let linked = sums.then(|| self.linked_outside().ok()).flatten();
        let roots: Vec<RootStatus> = self
            .roots
            .0
            .iter()
            .enumerate()
            .map(|(index, slot)| {
                let capture = self.captures.root(index);
                RootStatus {
                    name: RootName::new(slot.config.name.as_str()),
                    path: slot.config.path.to_string_lossy().into_owned(),
                    state: match &slot.held {
                        Ok(_) => RootState::Ready,
                        Err(halt) => RootState::Halted { reason: halt.reason, message: halt.message.clone() },
                    },
                    capture: capture.map(|capture| capture.mode),
                    capture_reason: capture.and_then(|capture| capture.reason(self.known.directories())),
                    files: counted.map(|(files, _)| files),
                    bytes: counted.map(|(_, bytes)| bytes),
                    unreadable: self.unreadable.count(index as u32),
                    held_removal: slot.held.as_ref().err().and_then(|halt| halt.change.clone()),
                    skipped: self.unreadable.count_skipped(index as u32),
                    linked_outside: linked.as_ref().and_then(|of| of.get(&(index as u32)).copied()).unwrap_or(0),
                    mounts: self.mounts.of(index),
                    ..RootStatus::default()
                }
            })
            .collect();
        let mut status = self.shared.lock();
        let before = std::mem::take(&mut status.roots);
        status.roots = roots;
        for (root, old) in status.roots.iter_mut().zip(before) {
            if counted.is_none() {
                (root.files, root.bytes) = (old.files, old.bytes);
            }
            if linked.is_none() {
                root.linked_outside = old.linked_outside;
            }
        }
        status.slots.clone_from(&self.roots.0);
        drop(status);
        self.shared.changed.notify_all();
    }
}

/// Makes the batch durable, then the index, then shows it to the sessions. `changes` is the index's count from before.
fn commit(index: &mut Index, mut batch: Batch<'_>, changes: u64) -> Result<(Sink, bool), SourceError> {
    let noted = index.facts().gap.is_some();
    let changed = batch.finish(index, noted)?;
    let (sink, mark) = (batch.sink, batch.mark);
    if changed {
        let facts = index.facts_mut();
        facts.last = mark;
        match sink {
            Sink::Spool => facts.spool_tail = mark.batch,
            Sink::Gap => facts.gap = Some(widened(facts.gap, mark.batch, batch.full)),
            Sink::Nowhere => (facts.spool_base, facts.spool_tail) = (mark.batch, 0),
        }
    }
    if changed || index.changes() != changes {
        index.commit()?;
    } else {
        index.rollback()?;
    }
    if changed {
        batch.publish();
    }
    Ok((sink, changed))
}

impl Pass<'_, '_> {
    /// Looks at what is pending: events first, then names that were not found, then what scans brought.
    fn work(&mut self) -> Result<(), SourceError> {
        self.settle_roots()?;
        let began = Instant::now();
        let mut left = ITEMS_MAX;
        while left > 0 && self.batch.bytes() < BYTES_MAX {
            if self.pending.has_hot() {
                left = self.work_hot(left)?;
            } else if !self.pending.gone.is_empty() {
                self.settle_gone()?;
            } else if began.elapsed() < SCAN_TIME_MAX
                && let Some(item) = self.pending.take_cold()
            {
                self.look(item, Hint::Scan)?;
                left -= 1;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn work_hot(&mut self, mut left: usize) -> Result<usize, SourceError> {
        for (item, hint) in self.pending.take_hot() {
            if left == 0 || self.batch.bytes() >= BYTES_MAX {
                self.pending.hot(item, hint);
            } else {
                self.look(item, hint)?;
                left -= 1;
            }
        }
        Ok(left)
    }

    /// The root directories themselves have no names: they are put into the index here.
    fn settle_roots(&mut self) -> Result<(), SourceError> {
        let roots = self.roots;
        for (index, slot) in roots.0.iter().enumerate() {
            let Ok(held) = &slot.held else { continue };
            let (oid, key) = (Oid::root(index as u32), held.filesystem.key(held.root.fd())?);
            if self.known.directory_oid(&key) == Some(oid) {
                continue;
            }
            if let Some(old) = self.index.object(oid)? {
                self.known.forget(&old.key);
            }
            let stat = beneath::stat(held.root.fd())?;
            let unlike = Meta {
                kind: ObjectKind::Directory,
                mode: u32::MAX,
                uid: 0,
                gid: 0,
                mtime: (0, 0),
                size: 0,
                rdev: 0,
                link: Vec::new(),
                xattrs: Vec::new(),
            };
            let old =
                Stored { oid, key: key.clone(), meta: unlike, ctime: ctime(&stat), racy: true, links: 1, hash: None };
            self.examine(Some(old), key, held.root.fd(), Hint::Scan)?;
        }
        Ok(())
    }
}
