//! The scan by the clock: all names and times in all roots are compared with the index, gently and beside all else, for
//! what no event told. What differs is only pointed out; the engine looks at it as at any hint.

use super::{
    SourceError,
    command::Command,
    content::ctime,
    pace::Pace,
    pending::{Hint, Item},
    slot::{Held, Roots},
    status::{Shared, now_nanos},
};
use crate::{
    beneath,
    index::{Listed, Snapshot},
    meta::{ObjectKind, Oid},
};
use model::Timestamp;
use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::Instant,
};

/// Share of the time that a scan may take: a million entries take about a minute.
const PERCENT: u32 = 15;
/// Differences told at once.
const HINTS_MAX: usize = 1000;

/// Scans every root again and again until the source is stopped.
pub(super) fn run(shared: &Shared) {
    let pace = Pace::new(shared, PERCENT);
    loop {
        pace.wait(Instant::now() + shared.config.scan_every);
        if pace.is_stopped() {
            return;
        }
        if let Err(error) = Sweep::begin(shared, &pace).and_then(|mut sweep| sweep.all()) {
            tracing::warn!(%error, "a scan did not come to its end; the next one may");
        }
    }
}

struct Sweep<'a> {
    shared: &'a Shared,
    pace: &'a Pace<'a>,
    snapshot: Snapshot,
    hints: Vec<Item>,
}

impl<'a> Sweep<'a> {
    fn begin(shared: &'a Shared, pace: &'a Pace<'a>) -> Result<Self, SourceError> {
        Ok(Self { shared, pace, snapshot: Snapshot::open(&shared.database)?, hints: Vec::new() })
    }

    fn all(&mut self) -> Result<(), SourceError> {
        let roots = Roots(self.shared.lock().slots.clone());
        for (oid, held) in roots.all_held() {
            if self.root(oid, held)? {
                self.tell()?;
                let root = held.root.index as usize;
                if let Some(audit) = self.shared.lock().audits.get_mut(root) {
                    audit.scanned_at = Some(Timestamp(now_nanos() / 1_000_000));
                }
            }
        }
        Ok(())
    }

    /// Returns whether everything in the root was looked at.
    fn root(&mut self, root: Oid, held: &Arc<Held>) -> Result<bool, SourceError> {
        let mut left = vec![(root, Vec::new())];
        while let Some((directory, path)) = left.pop() {
            // Never the state of an old batch, which the database would have to keep.
            self.snapshot.renew()?;
            self.directory(directory, &path, held, &mut left)?;
            if self.hints.len() >= HINTS_MAX {
                self.tell()?;
            }
            if self.pace.rest() || held.root.check().is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn directory(
        &mut self,
        oid: Oid,
        path: &[u8],
        held: &Held,
        left: &mut Vec<(Oid, Vec<u8>)>,
    ) -> Result<(), SourceError> {
        let listed = self.snapshot.listed(oid)?;
        // What cannot be reached is known to those who try again.
        let Ok(directory) = beneath::open_dir(held.root.fd(), path) else { return Ok(()) };
        let mut known: HashMap<&[u8], &Listed> = listed.iter().map(|entry| (entry.name.as_slice(), entry)).collect();
        let Ok(names) = beneath::names(directory.as_fd()) else { return Ok(()) };
        for name in &names {
            let at = if path.is_empty() { name.clone() } else { [path, name].join(&b'/') };
            let entry = known.remove(name.as_slice());
            if entry.is_some_and(|entry| entry.kind == ObjectKind::Directory) {
                left.push((entry.map_or(oid, |entry| entry.oid), at.clone()));
            }
            if self.differs(directory.as_fd(), name, &at, entry, held) {
                self.hints.push(Item::Entry(oid, name.as_slice().into()));
            }
            if self.pace.rest() {
                return Ok(());
            }
        }
        self.hints.extend(known.into_keys().map(|name| Item::Entry(oid, name.into())));
        Ok(())
    }

    fn differs(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        path: &[u8],
        known: Option<&Listed>,
        held: &Held,
    ) -> bool {
        let Ok(entry) = beneath::open_entry(directory, name) else { return false };
        let Ok(stat) = beneath::stat(entry.as_fd()) else { return false };
        let kind = ObjectKind::from_mode(stat.st_mode);
        let Some(known) = known else {
            return kind.is_some_and(|kind| !held.root.excludes.matches(path, kind == ObjectKind::Directory));
        };
        let size = if kind == Some(ObjectKind::File) { stat.st_size as u64 } else { 0 };
        known.racy
            || (kind, ctime(&stat), size) != (Some(known.kind), known.ctime, known.size)
            || held.filesystem.key(entry.as_fd()).is_ok_and(|key| key != known.key)
    }

    fn tell(&mut self) -> Result<(), SourceError> {
        match std::mem::take(&mut self.hints) {
            items if items.is_empty() => Ok(()),
            items => self.shared.order(Command::Look { items, hint: Hint::Scan }),
        }
    }
}
