//! Content is read again, slowly and round after round, and its hash compared with the index's: what changed and moved
//! no time is found at last, and so is a disk that does not give back what was written.
//!
//! A file whose hash the index does not know has nothing it could be compared with; what is read of it is noted there,
//! for the next round.

use super::{
    SourceError,
    command::Command,
    content::{self, times},
    engine::Engine,
    pace::Pace,
    patch::PATCHED_BYTES_MIN,
    pending::{Hint, Item},
    slot::Roots,
    status::{Shared, now_nanos},
};
use crate::{
    beneath,
    index::{Snapshot, Stored},
    meta::Oid,
};
use model::{Timestamp, agent_status::ScrubStatus};
use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

/// Share of the time that reading may take: 300 MiB a second of what is in memory.
const PERCENT: u32 = 10;
/// Files asked for at once.
const PAGE: usize = 256;
/// Hashes noted at once, in one batch of the index.
const LEARNT_MAX: usize = 64;
/// What a file counts for besides its bytes.
const FILE_BYTES: u64 = 4096;
/// How often the position is written down.
const STORE_EVERY: Duration = Duration::from_secs(30);
/// Shortest pause of a round that has nothing to read.
const IDLE: Duration = Duration::from_secs(60);
const FILE: &str = "scrub";

/// Reads all files round after round until the source is stopped.
pub(super) fn run(shared: &Shared) {
    let pace = Pace::new(shared, PERCENT);
    let mut scrub =
        Scrub { shared, pace: &pace, at: Position::load(shared), learnt: Vec::new(), stored: Instant::now() };
    while !pace.is_stopped() {
        if let Err(error) = scrub.round() {
            tracing::warn!(%error, "content could not be read again; it goes on later");
            pace.wait(Instant::now() + IDLE);
        }
    }
    scrub.at.store(shared);
}

/// How far the round is. Survives a restart.
#[derive(Clone, Debug, Default, PartialEq)]
struct Position {
    lineage: String,
    after: u64,
    /// Milliseconds since 1970.
    began: u64,
    ended: u64,
    done: u64,
    total: u64,
}

impl Position {
    /// What was written down for the same index; otherwise the beginning of a round.
    fn load(shared: &Shared) -> Self {
        let lineage = shared.lock().lineage.clone();
        let text = fs::read_to_string(shared.config.state.join(FILE)).unwrap_or_default();
        Self::parse(&text).filter(|at| at.lineage == lineage).unwrap_or(Self { lineage, ..Self::default() })
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let number = |key: &str| field(key)?.parse().ok();
        Some(Self {
            lineage: field("lineage")?.to_owned(),
            after: number("after")?,
            began: number("began")?,
            ended: number("ended")?,
            done: number("done")?,
            total: number("total")?,
        })
    }

    fn text(&self) -> String {
        let Self { lineage, after, began, ended, done, total } = self;
        format!("lineage {lineage}\nafter {after}\nbegan {began}\nended {ended}\ndone {done}\ntotal {total}\n")
    }

    /// A loss costs a part of a round.
    fn store(&self, shared: &Shared) {
        let path = shared.config.state.join(FILE);
        let new = path.with_extension("new");
        if let Err(error) = fs::write(&new, self.text()).and_then(|()| fs::rename(&new, &path)) {
            tracing::warn!(%error, "how far content was read again cannot be written down");
        }
    }

    /// When what comes next is due, in milliseconds since 1970: a round is spread over `every`.
    fn due(&self, every: Duration) -> u64 {
        let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        let share = u128::from(self.done.min(self.total)) * u128::from(every) / u128::from(self.total.max(1));
        self.began.saturating_add(u64::try_from(share).unwrap_or(every))
    }
}

struct Scrub<'a> {
    shared: &'a Shared,
    pace: &'a Pace<'a>,
    at: Position,
    learnt: Vec<Stored>,
    stored: Instant,
}

impl Scrub<'_> {
    /// Reads what comes next, or begins anew at the end.
    fn round(&mut self) -> Result<(), SourceError> {
        if !self.shared.lock().scanned {
            self.pace.wait(Instant::now() + Duration::from_secs(1));
            return Ok(());
        }
        let snapshot = Snapshot::open(&self.shared.database)?;
        if self.at.after == 0 {
            let (files, bytes) = snapshot.sums()?;
            (self.at.began, self.at.done, self.at.total) = (now_millis(), 0, bytes + files * FILE_BYTES);
        }
        let files = snapshot.files(Oid(self.at.after), PAGE)?;
        drop(snapshot);
        for (oid, size) in &files {
            self.wait_until(self.at.due(self.shared.config.scrub_every));
            if self.pace.is_stopped() {
                return Ok(());
            }
            self.file(*oid)?;
            self.at.after = oid.0;
            self.at.done += size + FILE_BYTES;
            self.tell();
        }
        if files.len() < PAGE {
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), SourceError> {
        self.learn()?;
        self.at.done = self.at.total;
        self.wait_until(self.at.due(self.shared.config.scrub_every));
        if self.pace.is_stopped() {
            return Ok(());
        }
        (self.at.after, self.at.ended) = (0, now_millis());
        self.stored = Instant::now();
        self.at.store(self.shared);
        self.tell();
        Ok(())
    }

    fn wait_until(&mut self, due: u64) {
        let left = Duration::from_millis(due.saturating_sub(now_millis()));
        // What is learnt does not wait for hours.
        if left > IDLE && self.learn().is_err() {
            self.learnt.clear();
        }
        self.pace.wait(Instant::now() + left);
    }

    /// What cannot be read is known to those who try again.
    fn file(&mut self, oid: Oid) -> Result<(), SourceError> {
        let snapshot = Snapshot::open(&self.shared.database)?;
        let Some(old) = snapshot.object(oid)? else { return Ok(()) };
        let Some((root, path)) = snapshot.path_of(oid)? else { return Ok(()) };
        drop(snapshot);
        let roots = Roots(self.shared.lock().slots.clone());
        let Ok(Some(entry)) = roots.open(&old.key, || Some((root, path.clone()))) else { return Ok(()) };
        let Ok(file) = content::open(entry.as_fd()) else { return Ok(()) };
        match self.read(&old, &file) {
            Ok(Some(hash)) if old.hash.is_none() => self.learnt.push(Stored { hash: Some(hash), ..old }),
            Ok(Some(hash)) if old.hash != Some(hash) => self.differs(oid, root, &path)?,
            _ => {}
        }
        if self.learnt.len() >= LEARNT_MAX {
            self.learn()?;
        }
        let mut status = self.shared.lock();
        if let Some(audit) = status.audits.get_mut(root as usize) {
            audit.position = path;
        }
        Ok(())
    }

    /// The hash of a file that is as the index has it by its times, and that nobody writes to where it is to be learnt.
    fn read(&self, old: &Stored, file: &OwnedFd) -> io::Result<Option<[u8; 32]>> {
        let as_known = || {
            let stat = beneath::stat(file.as_fd())?;
            io::Result::Ok(!old.racy && times(&stat) == (old.meta.size, old.meta.mtime, old.ctime))
        };
        let is_learnt = old.hash.is_none();
        // What targets have of a large file is told by those who gave it to them.
        if !as_known()? || (is_learnt && (old.meta.size >= PATCHED_BYTES_MIN || content::has_writers(file.as_fd()))) {
            return Ok(None);
        }
        // What is read once in a week is not to drive out what is read every day.
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::NoReuse);
        let hash = content::hash(file, &|| self.pace.rest())?;
        Ok(if as_known()? { hash } else { None })
    }

    fn differs(&mut self, oid: Oid, root: u32, path: &[u8]) -> Result<(), SourceError> {
        tracing::warn!(root, path = %path.escape_ascii(), "content has changed, and no time of the file has");
        if let Some(audit) = self.shared.lock().audits.get_mut(root as usize) {
            audit.differences += 1;
        }
        self.shared.order(Command::Look { items: vec![Item::Object(oid)], hint: Hint::Reread })
    }

    fn learn(&mut self) -> Result<(), SourceError> {
        match std::mem::take(&mut self.learnt) {
            learnt if learnt.is_empty() => Ok(()),
            learnt => self.shared.order(Command::Learn(learnt)),
        }
    }

    fn tell(&mut self) {
        if self.stored.elapsed() >= STORE_EVERY {
            self.stored = Instant::now();
            self.at.store(self.shared);
        }
        let percent = u128::from(self.at.done.min(self.at.total)) * 100 / u128::from(self.at.total.max(1));
        let ended = (self.at.ended > 0).then_some(Timestamp(self.at.ended));
        let mut status = self.shared.lock();
        for audit in &mut status.audits {
            audit.scrub = Some(ScrubStatus {
                began: Timestamp(self.at.began),
                percent: u8::try_from(percent).unwrap_or(100),
                position: String::from_utf8_lossy(&audit.position).into_owned(),
                ended,
                differences: audit.differences,
            });
        }
    }
}

impl Engine {
    /// Takes over hashes of objects that are still as they were when they were read.
    pub fn learn(&mut self, learnt: &[Stored]) -> Result<(), SourceError> {
        self.index.begin()?;
        for object in learnt {
            let as_read = |now: &Stored| *now == Stored { hash: None, ..object.clone() };
            if self.index.object(object.oid)?.as_ref().is_some_and(as_read) {
                self.index.put_object(object)?;
            }
        }
        Ok(self.index.commit()?)
    }
}

fn now_millis() -> u64 {
    now_nanos() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_spread_over_its_time_and_goes_on_after_a_restart() {
        let at = Position { lineage: "l".into(), after: 7, began: 1000, ended: 3, done: 25, total: 100 };
        assert_eq!(at.due(Duration::from_secs(100)), 26_000);
        assert_eq!(Position { done: 300, ..at.clone() }.due(Duration::from_secs(100)), 101_000);
        assert_eq!(Position { done: 0, total: 0, ..at.clone() }.due(Duration::from_secs(100)), 1000);
        assert_eq!(Position::parse(&at.text()), Some(at));
        assert_eq!(Position::parse("after x"), None);
    }
}
