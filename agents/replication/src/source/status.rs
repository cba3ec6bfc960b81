//! What the engine tells sessions and reports, and how it is woken.

use super::{SourceConfig, command::Command, slot::Slot};
use crate::spool::SpoolReader;
use model::{
    Mark, Timestamp,
    agent_status::{RootStatus, ScrubStatus},
};
use std::{
    collections::{BTreeMap, VecDeque},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, mpsc::SyncSender},
    time::Duration,
};

/// Commit times remembered for heartbeats while a target is behind.
const COMMITS_MAX: usize = 8192;

/// What everybody may see, under one lock.
#[derive(Default)]
pub(super) struct Status {
    pub lineage: String,
    pub scanned: bool,
    pub last: Mark,
    pub spool_bytes: u64,
    pub spool_base: u64,
    pub gap: Option<crate::index::Gap>,
    pub roots: Vec<RootStatus>,
    pub slots: Vec<Slot>,
    /// How far each target is durable in this lineage.
    pub acked: BTreeMap<String, Mark>,
    /// Acknowledged since the engine last looked.
    pub acked_changed: bool,
    /// Batches that are still needed by a session which has no acknowledged position yet.
    pub pins: BTreeMap<String, u64>,
    /// When each of the last batches was committed, in nanoseconds since 1970.
    pub commits: VecDeque<(u64, u64)>,
    /// Since when captured changes wait to become a batch, in nanoseconds since 1970.
    pub waits_since: Option<u64>,
    /// Directories that were read whole since the start: a change alone should cause few.
    pub directories_read: u64,
    pub problem: Option<String>,
    /// What the scan by the clock and the reading of content have seen, by root.
    pub audits: Vec<Audit>,
    /// The engine has ended.
    pub ended: bool,
}

/// How far a root was looked at for what no event told.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    pub scanned_at: Option<Timestamp>,
    pub scrub: Option<ScrubStatus>,
    /// Path of the file that was read last.
    pub position: Vec<u8>,
    pub differences: u64,
}

impl Status {
    /// Everything in these roots was looked at.
    pub fn note_scanned(&mut self, roots: &[usize]) {
        self.scanned = true;
        let now = Timestamp(now_nanos() / 1_000_000);
        for root in roots {
            if let Some(audit) = self.audits.get_mut(*root) {
                audit.scanned_at = Some(now);
            }
        }
    }

    pub fn roots_with_audits(&self) -> Vec<RootStatus> {
        let audits = self.audits.iter().cloned().chain(std::iter::repeat_with(Audit::default));
        let with = |(root, audit): (&RootStatus, Audit)| RootStatus {
            scanned_at: audit.scanned_at,
            scrub: audit.scrub,
            ..root.clone()
        };
        self.roots.iter().zip(audits).map(with).collect()
    }

    pub fn note_commit(&mut self, batch: u64, at: u64) {
        if self.commits.len() == COMMITS_MAX {
            self.commits.pop_front();
        }
        self.commits.push_back((batch, at));
    }

    /// Up to when everything is contained in the batches up to `batch`; `None` when that is too long ago to be known,
    /// or nobody looks any more.
    pub fn complete_until(&self, batch: u64, now: u64) -> Option<u64> {
        if self.ended {
            return None;
        }
        if batch >= self.last.batch {
            return Some(self.waits_since.unwrap_or(now));
        }
        let index = self.commits.partition_point(|(number, _)| *number <= batch);
        self.commits.get(index.checked_sub(1)?).map(|(_, at)| *at)
    }
}

/// Shared between the engine, its sessions and whoever holds the source.
pub(super) struct Shared {
    pub config: SourceConfig,
    pub database: PathBuf,
    pub status: Mutex<Status>,
    pub changed: Condvar,
    pub commands: SyncSender<Command>,
    pub wake: OwnedFd,
    pub stop: AtomicBool,
    pub spool: SpoolReader,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to change, at most `wait`.
    pub fn wait<'a>(&self, guard: MutexGuard<'a, Status>, wait: Duration) -> MutexGuard<'a, Status> {
        self.changed.wait_timeout(guard, wait).map_or_else(|e| e.into_inner().0, |(guard, _)| guard)
    }

    pub fn wake(&self) {
        // The counter being full means that the engine is woken already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    pub fn order(&self, command: Command) -> Result<(), super::SourceError> {
        self.commands.send(command).map_err(|_| super::SourceError::Stopped)?;
        self.wake();
        Ok(())
    }
}

/// Nanoseconds since 1970.
pub(super) fn now_nanos() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Epoch;

    #[test]
    fn what_waits_to_become_a_batch_is_not_at_the_target() {
        let mut status = Status { last: Mark { epoch: Epoch(1), batch: 7 }, ..Status::default() };
        status.note_commit(6, 600);
        assert_eq!((status.complete_until(7, 1000), status.complete_until(6, 1000)), (Some(1000), Some(600)));
        status.waits_since = Some(900);
        assert_eq!((status.complete_until(7, 1000), status.complete_until(6, 1000)), (Some(900), Some(600)));
        status.ended = true;
        assert_eq!((status.complete_until(7, 1000), status.complete_until(6, 1000)), (None, None));
    }
}
