//! The record of errands: one file each, so that a repeated order is answered and never carried out twice.
//!
//! A record is written before the work begins and again when it ends. A record without an outcome, found after a
//! restart, is `Interrupted`: nobody knows how far it came. Records stay seven days after their order has gone.

use crate::{
    clock,
    disk::{self, DiskError},
};
use model::{
    Epoch, ErrandId, ErrandOutcome, Timestamp,
    errand::{ErrandResult, Work},
};
use replication::failpoint;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an outcome is kept after its order has gone.
pub const KEPT_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most records of one scenario; the oldest without an order go first.
pub const RECORDS_MAX: usize = 10_000;

/// What is remembered of one errand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: ErrandId,
    epoch: Epoch,
    work: Work,
    begun_at: Timestamp,
    outcome: Option<ErrandOutcome>,
    /// Since when no spec has named it.
    gone_since: Option<Timestamp>,
}

/// All errands of one scenario.
#[derive(Debug)]
pub struct ErrandRecord {
    directory: PathBuf,
    records: BTreeMap<ErrandId, Record>,
    progress: BTreeMap<ErrandId, String>,
}

impl ErrandRecord {
    /// Reads all records; what had begun and not ended is interrupted from now on.
    pub fn open(directory: &Path) -> Result<Self, DiskError> {
        disk::private_directory(directory)?;
        let mut errands = Self { directory: directory.to_owned(), records: BTreeMap::new(), progress: BTreeMap::new() };
        for entry in fs::read_dir(directory).map_err(DiskError::io("list", directory))? {
            let path = entry.map_err(DiskError::io("list", directory))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                errands.take_in(&path)?;
            }
        }
        Ok(errands)
    }

    fn take_in(&mut self, path: &Path) -> Result<(), DiskError> {
        let Some(record) = disk::read_json::<Record>(path)? else { return Ok(()) };
        let id = record.id.clone();
        let begun_only = record.outcome.is_none();
        self.records.insert(id.clone(), record);
        if begun_only {
            let message = "the agent stopped while this was under way".to_owned();
            self.end(&id, ErrandOutcome::Interrupted { message })?;
        }
        Ok(())
    }

    /// Notes that `id` is about to be carried out; false when it is known already and must not be.
    pub fn begin(&mut self, id: &ErrandId, epoch: Epoch, work: &Work) -> Result<bool, DiskError> {
        if self.records.contains_key(id) {
            return Ok(false);
        }
        let (id, work) = (id.clone(), work.clone());
        let record = Record { id: id.clone(), epoch, work, begun_at: clock::now(), outcome: None, gone_since: None };
        disk::write_json(&self.path(&id), &record)?;
        self.records.insert(id, record);
        failpoint::pass("agent.errand.begun");
        Ok(true)
    }

    /// Notes how `id` ended. The first outcome is the one that stays.
    pub fn end(&mut self, id: &ErrandId, outcome: ErrandOutcome) -> Result<(), DiskError> {
        let path = self.path(id);
        let Some(record) = self.records.get_mut(id).filter(|record| record.outcome.is_none()) else {
            return Ok(());
        };
        record.outcome = Some(outcome);
        self.progress.remove(id);
        failpoint::pass("agent.errand.done");
        disk::write_json(&path, record)
    }

    /// A word on how far a running errand is; kept in memory only.
    pub fn note(&mut self, id: &ErrandId, progress: String) {
        self.progress.insert(id.clone(), progress);
    }

    pub fn knows(&self, id: &ErrandId) -> bool {
        self.records.contains_key(id)
    }

    /// Whether `id` has begun and not ended.
    pub fn is_running(&self, id: &ErrandId) -> bool {
        self.records.get(id).is_some_and(|record| record.outcome.is_none())
    }

    /// How an earlier attempt at the same work ended well, where nothing else could tell that it is done: whoever
    /// orders another attempt has not heard of it.
    pub fn done_before(&self, id: &ErrandId, work: &Work) -> Option<ErrandOutcome> {
        let (Work::Run { check, .. } | Work::Redirect { check, .. }) = work else { return None };
        let same = |record: &&Record| record.id.step() == id.step() && record.id != *id && record.work == *work;
        let mut earlier = self.records.values().filter(|_| check.is_empty()).filter(same);
        earlier.find_map(|r| r.outcome.clone().filter(|outcome| matches!(outcome, ErrandOutcome::Done(_))))
    }

    /// What to report of the errands that are ordered now.
    pub fn outcomes<'a>(&self, ordered: impl Iterator<Item = &'a ErrandId>) -> BTreeMap<ErrandId, ErrandOutcome> {
        let running = |id: &ErrandId| self.progress.get(id).cloned().unwrap_or_default();
        let outcome = |record: &Record| match &record.outcome {
            Some(outcome) => outcome.clone(),
            None => ErrandOutcome::Running { progress: running(&record.id) },
        };
        ordered.filter_map(|id| Some((id.clone(), outcome(self.records.get(id)?)))).collect()
    }

    /// Starts the seven days of records whose order has gone, and removes those whose days are over.
    pub fn sweep(&mut self, ordered: &BTreeSet<ErrandId>, now: Timestamp) -> Result<(), DiskError> {
        for id in self.records.keys().cloned().collect::<Vec<_>>() {
            self.sweep_one(&id, ordered.contains(&id), now)?;
        }
        while self.records.len() > RECORDS_MAX {
            let gone = self.records.values().filter(|r| r.gone_since.is_some() && r.outcome.is_some());
            let Some(oldest) = gone.min_by_key(|record| record.gone_since).map(|record| record.id.clone()) else {
                break;
            };
            self.forget(&oldest)?;
        }
        Ok(())
    }

    fn sweep_one(&mut self, id: &ErrandId, ordered: bool, now: Timestamp) -> Result<(), DiskError> {
        let path = self.path(id);
        let Some(record) = self.records.get_mut(id) else { return Ok(()) };
        match (ordered, record.gone_since) {
            (false, None) => record.gone_since = Some(now),
            (true, Some(_)) => record.gone_since = None,
            (false, Some(since)) if now.since(since) > KEPT_AFTER && record.outcome.is_some() => {
                return self.forget(id);
            }
            _ => return Ok(()),
        }
        disk::write_json(&path, record)
    }

    fn forget(&mut self, id: &ErrandId) -> Result<(), DiskError> {
        self.records.remove(id);
        disk::remove(&self.path(id))
    }

    /// Ids hold slashes and come from outside: the file is named by their hash.
    fn path(&self, id: &ErrandId) -> PathBuf {
        self.directory.join(format!("{}.json", &blake3::hash(id.0.as_bytes()).to_hex()[..32]))
    }
}

/// An outcome that is only a line of text.
pub fn done(message: impl Into<String>) -> ErrandOutcome {
    ErrandOutcome::Done(ErrandResult { message: message.into(), ..ErrandResult::default() })
}

pub fn failed(message: impl Into<String>) -> ErrandOutcome {
    ErrandOutcome::Failed { message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> ErrandId {
        ErrandId::new("r-1", "4.db.2", n)
    }

    fn one(record: &ErrandRecord, id: &ErrandId) -> Option<ErrandOutcome> {
        record.outcomes([id].into_iter()).remove(id)
    }

    #[test]
    fn a_repeated_order_is_answered_from_the_record() {
        let directory = tempfile::tempdir().unwrap();
        let mut record = ErrandRecord::open(directory.path()).unwrap();
        assert!(record.begin(&id(1), Epoch(2), &Work::Barrier).unwrap());
        assert!(!record.begin(&id(1), Epoch(2), &Work::Barrier).unwrap());
        record.note(&id(1), "halfway".to_owned());
        assert_eq!(one(&record, &id(1)), Some(ErrandOutcome::Running { progress: "halfway".to_owned() }));
        record.end(&id(1), done("yes")).unwrap();
        record.end(&id(1), failed("no")).unwrap();
        let mut again = ErrandRecord::open(directory.path()).unwrap();
        assert_eq!(one(&again, &id(1)), Some(done("yes")));
        assert!(!again.begin(&id(1), Epoch(2), &Work::Barrier).unwrap());
        assert!(again.begin(&id(2), Epoch(2), &Work::Barrier).unwrap());
        assert_eq!(one(&again, &id(3)), None);
    }

    #[test]
    fn what_had_begun_and_not_ended_is_interrupted_for_good() {
        let directory = tempfile::tempdir().unwrap();
        let mut record = ErrandRecord::open(directory.path()).unwrap();
        record.begin(&id(1), Epoch(2), &Work::Checks).unwrap();
        drop(record);
        for _ in 0..2 {
            let mut again = ErrandRecord::open(directory.path()).unwrap();
            assert!(matches!(one(&again, &id(1)), Some(ErrandOutcome::Interrupted { .. })));
            again.end(&id(1), done("late")).unwrap();
        }
    }

    #[test]
    fn records_go_seven_days_after_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut record = ErrandRecord::open(directory.path()).unwrap();
        record.begin(&id(1), Epoch(2), &Work::Checks).unwrap();
        record.end(&id(1), done("yes")).unwrap();
        let day = |n: u64| Timestamp(n * 24 * 3600 * 1000);
        let (ordered, none) = ([id(1)].into(), BTreeSet::new());
        record.sweep(&ordered, day(100)).unwrap();
        record.sweep(&none, day(101)).unwrap();
        record.sweep(&none, day(108)).unwrap();
        assert!(record.knows(&id(1)));
        record.sweep(&none, day(109)).unwrap();
        assert!(!record.knows(&id(1)));
        assert!(!ErrandRecord::open(directory.path()).unwrap().knows(&id(1)));
    }
}
