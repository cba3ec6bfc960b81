//! The writing end, and the list of segments that cursors read from.

use super::{
    Cursor, SpoolError,
    record::{Header, SEAL},
    segment::{self, HEAD_BYTES, Segment},
};
use crate::failpoint;
use crate::message::Message;
use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Type of the record that ends a batch.
pub(super) const BATCH_END: u16 = 0x117;
/// A segment is sealed at the first end of a batch after this many bytes; smaller when the limit is small.
const SEGMENT_BYTES: u64 = 32 << 20;
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Room for the end of a batch, and for a seal and a new head.
const RESERVE_BYTES: u64 = 1024;

/// How much room the spool may take.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    pub bytes_max: u64,
    /// Free bytes that always stay on the file system.
    pub disk_free_min: u64,
}

/// Segments in order, shared with cursors. Holds whole batches only.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub segments: VecDeque<Segment>,
}

/// The writing end of the spool: one per source.
pub struct Spool {
    directory: PathBuf,
    lineage: String,
    limits: SpoolLimits,
    listed: Arc<Mutex<Listed>>,
    out: Option<BufWriter<File>>,
    next_seq: u64,
    /// The batch being written: its number, the offset where it began, its first seq and the bytes so far.
    batch: Option<Open>,
}

#[derive(Clone, Copy)]
struct Open {
    number: u64,
    begin: u64,
    first_seq: u64,
    bytes: u64,
}

/// What was found when the spool was opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// Everything the index says is there.
    Whole,
    /// Something is missing or damaged, so everything was removed.
    Lost(String),
}

pub(super) fn lock(listed: &Mutex<Listed>) -> MutexGuard<'_, Listed> {
    listed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spool {
    /// Opens the spool of `lineage`. `base..=last` are the batches the index says were spooled and not trimmed; `tail` is
    /// the last of them that was spooled (0 if there is none).
    pub fn open(
        directory: &Path,
        lineage: &str,
        limits: SpoolLimits,
        base: u64,
        tail: u64,
    ) -> Result<(Self, Opened), SpoolError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(directory).map_err(SpoolError::io("create", directory))?;
        let mut spool = Self {
            directory: directory.to_owned(),
            lineage: lineage.to_owned(),
            limits,
            listed: Arc::default(),
            out: None,
            next_seq: 1,
            batch: None,
        };
        let opened = match spool.recover(base, tail) {
            Ok(()) => Opened::Whole,
            Err(SpoolError::Damaged(why)) => {
                spool.clear()?;
                Opened::Lost(why)
            }
            Err(error) => return Err(error),
        };
        Ok((spool, opened))
    }

    fn recover(&mut self, base: u64, tail: u64) -> Result<(), SpoolError> {
        let mut paths: Vec<PathBuf> = fs::read_dir(&self.directory)
            .map_err(SpoolError::io("list", &self.directory))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "seg"))
            .collect();
        paths.sort();
        let count = paths.len();
        let mut segments: VecDeque<Segment> = VecDeque::new();
        for (index, path) in paths.into_iter().enumerate() {
            let is_last = index + 1 == count;
            let Some(found) = segment::read(&path, &self.lineage, tail, is_last)? else {
                if is_last || segments.is_empty() {
                    fs::remove_file(&path).map_err(SpoolError::io("remove", &path))?;
                    continue;
                }
                return Err(SpoolError::Damaged(format!("{} is not a segment of this lineage", path.display())));
            };
            let in_order = segments.back().is_none_or(|_| found.segment.first_seq == self.next_seq);
            if !in_order || (!is_last && (found.torn.is_some() || !found.segment.sealed)) {
                return Err(SpoolError::Damaged(format!("{}: {:?}", path.display(), found.torn)));
            }
            self.next_seq = found.next_seq;
            if found.segment.batches.is_none() || found.segment.batches.is_some_and(|(_, last)| last <= base) {
                fs::remove_file(&path).map_err(SpoolError::io("remove", &path))?;
                continue;
            }
            if let Some(why) = found.torn {
                tracing::warn!(segment = %path.display(), why, "cutting the torn tail of the spool");
                let file = OpenOptions::new().write(true).open(&path).map_err(SpoolError::io("open", &path))?;
                file.set_len(found.segment.bytes)
                    .and_then(|()| file.sync_all())
                    .map_err(SpoolError::io("cut", &path))?;
            }
            segments.push_back(found.segment);
        }
        let last = segments.back().and_then(|s| s.batches).map_or(0, |(_, last)| last);
        if tail > base && last != tail {
            return Err(SpoolError::Damaged(format!("it ends at batch {last} and should end at {tail}")));
        }
        lock(&self.listed).segments = segments;
        Ok(())
    }

    /// Removes everything. What is not spooled any more is up to the caller.
    pub fn clear(&mut self) -> Result<(), SpoolError> {
        self.out = None;
        self.batch = None;
        lock(&self.listed).segments.clear();
        for entry in fs::read_dir(&self.directory).map_err(SpoolError::io("list", &self.directory))?.flatten() {
            if entry.path().extension().is_some_and(|e| e == "seg") {
                fs::remove_file(entry.path()).map_err(SpoolError::io("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        lock(&self.listed).segments.iter().map(|s| s.bytes).sum::<u64>() + self.batch.map_or(0, |b| b.bytes)
    }

    /// Bytes of batches after `batch`, as near as the remembered places tell.
    pub fn bytes_after(&self, batch: u64) -> u64 {
        bytes_after(&self.listed, batch)
    }

    pub fn limits(&self) -> SpoolLimits {
        self.limits
    }

    /// A reader of the batches after `after`.
    pub fn cursor(&self, after: u64) -> Cursor {
        Cursor::new(Arc::clone(&self.listed), after)
    }

    /// Gives cursors to sessions without giving them the writer.
    pub fn reader(&self) -> SpoolReader {
        SpoolReader { listed: Arc::clone(&self.listed) }
    }

    /// Whether `more` bytes, and what ends a batch and a segment, stay below the limit. As `fits`, without asking the
    /// file system.
    pub fn is_within_limit(&self, more: u64) -> bool {
        self.bytes().saturating_add(more).saturating_add(RESERVE_BYTES) <= self.limits.bytes_max
    }

    /// Whether `more` bytes fit.
    pub fn fits(&self, more: u64) -> bool {
        if !self.is_within_limit(more) {
            return false;
        }
        match rustix::fs::statvfs(&self.directory) {
            Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize) >= self.limits.disk_free_min.saturating_add(more),
            Err(_) => false,
        }
    }

    /// Begins a batch; a batch that was begun before and not ended is dropped.
    pub fn begin(&mut self, number: u64) -> Result<(), SpoolError> {
        self.abandon();
        if !self.fits(0) {
            return Err(SpoolError::Full);
        }
        self.roll()?;
        let begin = lock(&self.listed).segments.back().map_or(HEAD_BYTES, |s| s.bytes);
        self.batch = Some(Open { number, begin, first_seq: self.next_seq, bytes: 0 });
        Ok(())
    }

    /// Appends a record to the open batch.
    pub fn append(&mut self, message: &Message) -> Result<(), SpoolError> {
        self.append_encoded(message.kind(), &message.encode())
    }

    pub fn append_encoded(&mut self, kind: u16, body: &[u8]) -> Result<(), SpoolError> {
        let (Some(batch), Some(out)) = (self.batch.as_mut(), self.out.as_mut()) else {
            return Err(SpoolError::Damaged("a record outside a batch".into()));
        };
        failpoint::pass("source.spool.append");
        let header = Header::new(kind, batch.number, self.next_seq, body);
        out.write_all(&header.encode())
            .and_then(|()| out.write_all(body))
            .map_err(SpoolError::io("append to", &self.directory))?;
        self.next_seq += 1;
        batch.bytes += header.total();
        Ok(())
    }

    /// From here on the disk is full.
    #[cfg(test)]
    pub fn fill_disk(&mut self) {
        let full = OpenOptions::new().write(true).open("/dev/full").ok();
        self.out = full.map(|file| BufWriter::with_capacity(256 << 10, file));
    }

    /// Where the open batch stands, to come back to with `rewind`.
    pub fn position(&self) -> (u64, u64) {
        (self.batch.map_or(0, |b| b.bytes), self.next_seq)
    }

    /// Takes back what was appended since `position`.
    pub fn rewind(&mut self, position: (u64, u64)) -> Result<(), SpoolError> {
        let (Some(batch), Some(out)) = (self.batch.as_mut(), self.out.as_mut()) else {
            return Ok(());
        };
        out.flush().map_err(SpoolError::io("write", &self.directory))?;
        let at = batch.begin + position.0;
        out.get_ref().set_len(at).map_err(SpoolError::io("cut", &self.directory))?;
        out.seek(SeekFrom::Start(at)).map_err(SpoolError::io("seek", &self.directory))?;
        (batch.bytes, self.next_seq) = position;
        Ok(())
    }

    /// Makes the open batch durable. It becomes readable by `publish`, after the index was committed.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        if let Some(out) = self.out.as_mut() {
            out.flush().map_err(SpoolError::io("write", &self.directory))?;
            failpoint::pass("source.spool.sync");
            out.get_ref().sync_data().map_err(SpoolError::io("sync", &self.directory))?;
        }
        Ok(())
    }

    /// Shows the batch to cursors.
    pub fn publish(&mut self) {
        if let Some(batch) = self.batch.take()
            && let Some(segment) = lock(&self.listed).segments.back_mut()
        {
            segment.note_batch(batch.number, batch.begin, batch.begin + batch.bytes);
        }
    }

    /// Drops the open batch, as when the index could not be committed.
    pub fn abandon(&mut self) {
        let Some(batch) = self.batch else { return };
        if let Err(error) = self.rewind((0, batch.first_seq)) {
            // A full disk takes not even what was buffered. The segment is cut when it is opened again.
            tracing::warn!(%error, "the end of the spool is given up");
            // Dropped as it is, it would be written after all.
            drop(self.out.take().map(BufWriter::into_parts));
            self.next_seq = batch.first_seq;
        }
        self.batch = None;
    }

    /// Removes segments all of whose batches are at most `batch`. Answers the last batch that went.
    pub fn trim(&mut self, batch: u64) -> Result<Option<u64>, SpoolError> {
        let mut gone = None;
        loop {
            let oldest = {
                let listed = lock(&self.listed);
                let Some(oldest) = listed.segments.front() else { break };
                let whole = oldest.batches.is_some_and(|(_, last)| last <= batch);
                if !whole || (listed.segments.len() == 1 && self.batch.is_some()) {
                    break;
                }
                oldest.clone()
            };
            failpoint::pass("source.spool.trim");
            if lock(&self.listed).segments.len() == 1 {
                self.out = None;
            }
            fs::remove_file(&oldest.path).map_err(SpoolError::io("remove", &oldest.path))?;
            lock(&self.listed).segments.pop_front();
            gone = oldest.batches.map(|(_, last)| last);
        }
        Ok(gone)
    }

    /// The last batch that `trim(batch)` would remove.
    pub fn trimmable(&self, batch: u64) -> Option<u64> {
        let listed = lock(&self.listed);
        let mut whole = listed.segments.iter().map_while(|s| s.batches.map(|(_, last)| last).filter(|l| *l <= batch));
        whole.by_ref().last()
    }

    fn roll(&mut self) -> Result<(), SpoolError> {
        let size = SEGMENT_BYTES.min(self.limits.bytes_max / 8).max(SEGMENT_BYTES_MIN);
        let last = lock(&self.listed).segments.back().cloned();
        match last {
            Some(segment) if segment.bytes < size && !segment.sealed => {
                if self.out.is_none() {
                    self.reopen(&segment)?;
                }
                return Ok(());
            }
            Some(segment) if !segment.sealed => self.seal(&segment)?,
            _ => {}
        }
        self.create()
    }

    fn reopen(&mut self, segment: &Segment) -> Result<(), SpoolError> {
        let mut file =
            OpenOptions::new().write(true).open(&segment.path).map_err(SpoolError::io("open", &segment.path))?;
        file.set_len(segment.bytes).map_err(SpoolError::io("cut", &segment.path))?;
        file.seek(SeekFrom::Start(segment.bytes)).map_err(SpoolError::io("seek", &segment.path))?;
        self.out = Some(BufWriter::with_capacity(256 << 10, file));
        Ok(())
    }

    fn seal(&mut self, segment: &Segment) -> Result<(), SpoolError> {
        if self.out.is_none() {
            self.reopen(segment)?;
        }
        let batch = segment.batches.map_or(0, |(_, last)| last);
        let header = Header::new(SEAL, batch, self.next_seq, &[]);
        if let Some(mut out) = self.out.take() {
            out.write_all(&header.encode())
                .and_then(|()| out.flush())
                .and_then(|()| out.get_ref().sync_data())
                .map_err(SpoolError::io("seal", &segment.path))?;
        }
        self.next_seq += 1;
        if let Some(last) = lock(&self.listed).segments.back_mut() {
            last.sealed = true;
            last.bytes += header.total();
        }
        Ok(())
    }

    fn create(&mut self) -> Result<(), SpoolError> {
        let path = Segment::path_in(&self.directory, self.next_seq);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(SpoolError::io("create", &path))?;
        file.write_all(&Segment::head(&self.lineage, self.next_seq)).map_err(SpoolError::io("write", &path))?;
        file.sync_all().map_err(SpoolError::io("sync", &path))?;
        File::open(&self.directory).and_then(|d| d.sync_all()).map_err(SpoolError::io("sync", &self.directory))?;
        let (first_seq, places) = (self.next_seq, Vec::new());
        let segment = Segment { path, first_seq, batches: None, bytes: HEAD_BYTES, sealed: false, places };
        lock(&self.listed).segments.push_back(segment);
        self.out = Some(BufWriter::with_capacity(256 << 10, file));
        Ok(())
    }
}

/// Hands out cursors and sizes.
#[derive(Clone, Debug)]
pub struct SpoolReader {
    listed: Arc<Mutex<Listed>>,
}

impl SpoolReader {
    pub fn cursor(&self, after: u64) -> Cursor {
        Cursor::new(Arc::clone(&self.listed), after)
    }

    pub fn bytes_after(&self, batch: u64) -> u64 {
        bytes_after(&self.listed, batch)
    }
}

fn bytes_after(listed: &Mutex<Listed>, batch: u64) -> u64 {
    let listed = lock(listed);
    let after = listed.segments.iter().filter(|s| s.batches.is_some_and(|(_, last)| last > batch));
    after
        .map(|s| {
            s.bytes - if s.batches.is_some_and(|(first, _)| first > batch) { HEAD_BYTES } else { s.place_before(batch) }
        })
        .sum()
}
