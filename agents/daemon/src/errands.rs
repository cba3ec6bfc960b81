//! The record of errands: one file each, so that a repeated order is answered and never carried out twice.
//!
//! A record is written before the work begins and again when it ends. A record without an outcome, found after a
//! restart, is `Interrupted`: nobody knows how far it came. Records stay seven days after their order has gone.

use crate::{
    agent::lock,
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
    sync::Mutex,
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

/// All errands of one scenario. Whoever only asks never waits for the disk.
#[derive(Debug)]
pub struct ErrandRecord {
    directory: PathBuf,
    /// Held for moments.
    known: Mutex<Known>,
    /// Held while the disk is written to; taken before `known`.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    records: BTreeMap<ErrandId, Record>,
    progress: BTreeMap<ErrandId, String>,
}

impl ErrandRecord {
    /// Reads all records; what had begun and not ended is interrupted from now on.
    pub fn open(directory: &Path) -> Result<Self, DiskError> {
        disk::private_directory(directory)?;
        let errands = Self { directory: directory.to_owned(), known: Mutex::default(), writing: Mutex::default() };
        for entry in fs::read_dir(directory).map_err(DiskError::io("list", directory))? {
            let path = entry.map_err(DiskError::io("list", directory))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                errands.take_in(&path)?;
            }
        }
        Ok(errands)
    }

    fn take_in(&self, path: &Path) -> Result<(), DiskError> {
        let Some(record) = disk::read_json::<Record>(path)? else { return Ok(()) };
        let id = record.id.clone();
        let begun_only = record.outcome.is_none();
        lock(&self.known).records.insert(id.clone(), record);
        if begun_only {
            let message = "the agent stopped while this was under way".to_owned();
            self.end(&id, ErrandOutcome::Interrupted { message })?;
        }
        Ok(())
    }

    /// Notes that `id` is about to be carried out; false when it is known already and must not be. Blocks on the disk.
    pub fn begin(&self, id: &ErrandId, epoch: Epoch, work: &Work) -> Result<bool, DiskError> {
        let _writing = lock(&self.writing);
        if self.knows(id) {
            return Ok(false);
        }
        let (id, work) = (id.clone(), work.clone());
        let record = Record { id: id.clone(), epoch, work, begun_at: clock::now(), outcome: None, gone_since: None };
        disk::write_json(&self.path(&id), &record)?;
        lock(&self.known).records.insert(id, record);
        failpoint::pass("agent.errand.begun");
        Ok(true)
    }

    /// Notes how `id` ended. The first outcome is the one that stays. Blocks on the disk.
    pub fn end(&self, id: &ErrandId, outcome: ErrandOutcome) -> Result<(), DiskError> {
        let _writing = lock(&self.writing);
        let Some(mut record) = self.record(id).filter(|record| record.outcome.is_none()) else {
            return Ok(());
        };
        record.outcome = Some(outcome);
        failpoint::pass("agent.errand.done");
        let written = disk::write_json(&self.path(id), &record);
        // It has ended, also when that could not be written.
        let mut known = lock(&self.known);
        known.progress.remove(id);
        known.records.insert(id.clone(), record);
        written
    }

    fn record(&self, id: &ErrandId) -> Option<Record> {
        lock(&self.known).records.get(id).cloned()
    }

    /// A word on how far a running errand is; kept in memory only.
    pub fn note(&self, id: &ErrandId, progress: String) {
        lock(&self.known).progress.insert(id.clone(), progress);
    }

    pub fn knows(&self, id: &ErrandId) -> bool {
        lock(&self.known).records.contains_key(id)
    }

    /// Whether `id` has begun and not ended.
    pub fn is_running(&self, id: &ErrandId) -> bool {
        lock(&self.known).records.get(id).is_some_and(|record| record.outcome.is_none())
    }

    /// How an earlier attempt at the same work ended well, where nothing else could tell that it is done: whoever
    /// orders another attempt has not heard of it.
    pub fn done_before(&self, id: &ErrandId, work: &Work) -> Option<ErrandOutcome> {
        let (Work::Run { check, .. } | Work::Redirect { check, .. }) = work else { return None };
        let same = |record: &&Record| record.id.step() == id.step() && record.id != *id && record.work == *work;
        let known = lock(&self.known);
        let mut earlier = known.records.values().filter(|_| check.is_empty()).filter(same);
        earlier.find_map(|r| r.outcome.clone().filter(|outcome| matches!(outcome, ErrandOutcome::Done(_))))
    }

    /// What to report of the errands that are ordered now.
    pub fn outcomes<'a>(&self, ordered: impl Iterator<Item = &'a ErrandId>) -> BTreeMap<ErrandId, ErrandOutcome> {
        let known = lock(&self.known);
        let running = |id: &ErrandId| known.progress.get(id).cloned().unwrap_or_default();
        let outcome = |record: &Record| match &record.outcome {
            Some(outcome) => outcome.clone(),
            None => ErrandOutcome::Running { progress: running(&record.id) },
        };
        ordered.filter_map(|id| Some((id.clone(), outcome(known.records.get(id)?)))).collect()
    }

    /// Starts the seven days of records whose order has gone, and removes those whose days are over. Blocks on the disk.
    pub fn sweep(&self, ordered: &BTreeSet<ErrandId>, now: Timestamp) -> Result<(), DiskError> {
        let _writing = lock(&self.writing);
        let ids: Vec<ErrandId> = lock(&self.known).records.keys().cloned().collect();
        for id in &ids {
            self.sweep_one(id, ordered.contains(id), now)?;
        }
        while let Some(oldest) = self.too_many() {
            self.forget(&oldest)?;
        }
        Ok(())
    }

    /// The oldest record without an order, when there are more than may be.
    fn too_many(&self) -> Option<ErrandId> {
        let known = lock(&self.known);
        let gone = known.records.values().filter(|r| r.gone_since.is_some() && r.outcome.is_some());
        let oldest = gone.min_by_key(|record| record.gone_since).map(|record| record.id.clone());
        oldest.filter(|_| known.records.len() > RECORDS_MAX)
    }

    fn sweep_one(&self, id: &ErrandId, ordered: bool, now: Timestamp) -> Result<(), DiskError> {
        let Some(mut record) = self.record(id) else { return Ok(()) };
        match (ordered, record.gone_since) {
            (false, None) => record.gone_since = Some(now),
            (true, Some(_)) => record.gone_since = None,
            (false, Some(since)) if now.since(since) > KEPT_AFTER && record.outcome.is_some() => {
                return self.forget(id);
            }
            _ => return Ok(()),
        }
        let written = disk::write_json(&self.path(id), &record);
        lock(&self.known).records.insert(id.clone(), record);
        written
    }

    fn forget(&self, id: &ErrandId) -> Result<(), DiskError> {
        lock(&self.known).records.remove(id);
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
    use std::sync::Arc;

    fn id(n: u32) -> ErrandId {
        ErrandId::new("r-1", "4.db.2", n)
    }

    fn one(record: &ErrandRecord, id: &ErrandId) -> Option<ErrandOutcome> {
        record.outcomes([id].into_iter()).remove(id)
    }

    #[test]
    fn a_repeated_order_is_answered_from_the_record() {
        let directory = tempfile::tempdir().unwrap();
        let record = ErrandRecord::open(directory.path()).unwrap();
        assert!(record.begin(&id(1), Epoch(2), &Work::Barrier).unwrap());
        assert!(!record.begin(&id(1), Epoch(2), &Work::Barrier).unwrap());
        record.note(&id(1), "halfway".to_owned());
        assert_eq!(one(&record, &id(1)), Some(ErrandOutcome::Running { progress: "halfway".to_owned() }));
        record.end(&id(1), done("yes")).unwrap();
        record.end(&id(1), failed("no")).unwrap();
        let again = ErrandRecord::open(directory.path()).unwrap();
        assert_eq!(one(&again, &id(1)), Some(done("yes")));
        assert!(!again.begin(&id(1), Epoch(2), &Work::Barrier).unwrap());
        assert!(again.begin(&id(2), Epoch(2), &Work::Barrier).unwrap());
        assert_eq!(one(&again, &id(3)), None);
    }

    #[test]
    fn what_had_begun_and_not_ended_is_interrupted_for_good() {
        let directory = tempfile::tempdir().unwrap();
        let record = ErrandRecord::open(directory.path()).unwrap();
        record.begin(&id(1), Epoch(2), &Work::Checks).unwrap();
        drop(record);
        for _ in 0..2 {
            let again = ErrandRecord::open(directory.path()).unwrap();
            assert!(matches!(one(&again, &id(1)), Some(ErrandOutcome::Interrupted { .. })));
            again.end(&id(1), done("late")).unwrap();
        }
    }

    #[test]
    fn records_go_seven_days_after_their_order() {
        let directory = tempfile::tempdir().unwrap();
        let record = ErrandRecord::open(directory.path()).unwrap();
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

    #[test]
    fn a_slow_disk_keeps_nobody_from_asking() {
        let directory = tempfile::tempdir().unwrap();
        let record = Arc::new(ErrandRecord::open(directory.path()).unwrap());
        record.begin(&id(1), Epoch(2), &Work::Checks).unwrap();
        let under_way = lock(&record.writing);
        let (asked, answer) = std::sync::mpsc::channel();
        let (ended, end) = std::sync::mpsc::channel();
        let (asking, ending) = (Arc::clone(&record), Arc::clone(&record));
        std::thread::spawn(move || {
            asking.note(&id(1), "halfway".to_owned());
            asked.send((asking.knows(&id(1)), asking.is_running(&id(1)), one(&asking, &id(1)))).unwrap();
        });
        std::thread::spawn(move || ended.send(ending.end(&id(1), done("yes")).is_ok()));
        let halfway = Some(ErrandOutcome::Running { progress: "halfway".to_owned() });
        assert_eq!(answer.recv_timeout(Duration::from_secs(30)), Ok((true, true, halfway)));
        drop(under_way);
        assert_eq!(end.recv_timeout(Duration::from_secs(30)), Ok(true));
        assert_eq!(one(&record, &id(1)), Some(done("yes")));
    }
}
