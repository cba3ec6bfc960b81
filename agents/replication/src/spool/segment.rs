//! One file of the spool: a header, whole batches, and a seal once it is full.

use super::{
    SpoolError,
    record::{HEADER_BYTES, Header, SEAL},
};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Bytes before the first record of a segment.
pub(super) const HEAD_BYTES: u64 = 128;
const MAGIC: &[u8; 8] = b"STDNSPL1";
/// A place is remembered at least this often, so that a cursor starts near its batch.
const PLACE_EVERY_BYTES: u64 = 256 << 10;

/// A segment as it is known in memory.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub path: PathBuf,
    pub first_seq: u64,
    /// Number of the first and last batch, if there is any.
    pub batches: Option<(u64, u64)>,
    /// Bytes up to the end of the last whole batch, with the seal.
    pub bytes: u64,
    pub sealed: bool,
    /// Some batches with the offset at which they begin, ascending.
    pub places: Vec<(u64, u64)>,
}

impl Segment {
    pub fn path_in(directory: &Path, first_seq: u64) -> PathBuf {
        directory.join(format!("{first_seq:016x}.seg"))
    }

    pub fn head(lineage: &str, first_seq: u64) -> [u8; HEAD_BYTES as usize] {
        let mut out = [0; HEAD_BYTES as usize];
        out[..8].copy_from_slice(MAGIC);
        out[8..16].copy_from_slice(&first_seq.to_le_bytes());
        let text = lineage.as_bytes();
        let length = text.len().min(64);
        out[16] = length as u8;
        out[17..17 + length].copy_from_slice(&text[..length]);
        let crc = crc32c::crc32c(&out[..124]);
        out[124..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub fn note_batch(&mut self, batch: u64, begin: u64, end: u64) {
        let first = self.batches.map_or(batch, |(first, _)| first);
        self.batches = Some((first, batch));
        if self.places.last().is_none_or(|(_, at)| begin - at >= PLACE_EVERY_BYTES) {
            self.places.push((batch, begin));
        }
        self.bytes = end;
    }

    /// An offset from which the first batch after `after` is found by reading on.
    pub fn place_before(&self, after: u64) -> u64 {
        let index = self.places.partition_point(|(batch, _)| *batch <= after + 1);
        index.checked_sub(1).map_or(HEAD_BYTES, |i| self.places[i].1)
    }
}

/// What was found in a segment's file, and why reading ended there.
pub(super) struct Found {
    pub segment: Segment,
    pub next_seq: u64,
    /// The segment ends in something that is not a whole batch.
    pub torn: Option<String>,
}

/// Reads a segment's structure; the payloads too when `payloads`. Batches after `last` are left out as torn.
pub(super) fn read(path: &Path, lineage: &str, last: u64, payloads: bool) -> Result<Option<Found>, SpoolError> {
    let file = File::open(path).map_err(SpoolError::io("open", path))?;
    let length = file.metadata().map_err(SpoolError::io("stat", path))?.len();
    let mut head = [0; HEAD_BYTES as usize];
    if length < HEAD_BYTES || file.read_exact_at(&mut head, 0).is_err() {
        return Ok(None);
    }
    let first_seq = u64::from_le_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]);
    if head != Segment::head(lineage, first_seq) {
        return Ok(None);
    }
    let segment =
        Segment { path: path.to_owned(), first_seq, batches: None, bytes: HEAD_BYTES, sealed: false, places: vec![] };
    let mut scan = Scan { file, length, at: HEAD_BYTES, seq: first_seq, payloads };
    let (segment, next_seq, torn) = scan.batches(segment, last)?;
    Ok(Some(Found { segment, next_seq, torn }))
}

struct Scan {
    file: File,
    length: u64,
    at: u64,
    seq: u64,
    payloads: bool,
}

impl Scan {
    fn batches(&mut self, mut segment: Segment, last: u64) -> Result<(Segment, u64, Option<String>), SpoolError> {
        let mut next_seq = segment.first_seq;
        let mut open: Option<(u64, u64)> = None;
        while self.at < self.length {
            let begin = self.at;
            let header = match self.next(&segment.path)? {
                Ok(header) => header,
                Err(why) => return Ok((segment, next_seq, Some(why))),
            };
            if header.kind == SEAL {
                if open.is_some() || self.at != self.length {
                    return Ok((segment, next_seq, Some("the seal is not at the end".into())));
                }
                segment.sealed = true;
                segment.bytes = self.at;
                return Ok((segment, self.seq, None));
            }
            let (batch, start) = *open.get_or_insert((header.batch, begin));
            if header.batch != batch || batch > last {
                return Ok((segment, next_seq, Some(format!("batch {} was not committed", header.batch))));
            }
            if header.kind == crate::spool::writer::BATCH_END {
                segment.note_batch(batch, start, self.at);
                next_seq = self.seq;
                open = None;
            }
        }
        let torn = open.map(|(batch, _)| format!("batch {batch} has no end"));
        Ok((segment, next_seq, torn))
    }

    /// The next header, or why there is none.
    fn next(&mut self, path: &Path) -> Result<Result<Header, String>, SpoolError> {
        let mut bytes = [0; HEADER_BYTES];
        if self.length - self.at < HEADER_BYTES as u64 {
            return Ok(Err(format!("a record is cut at {}", self.at)));
        }
        self.file.read_exact_at(&mut bytes, self.at).map_err(SpoolError::io("read", path))?;
        let Some(header) = Header::decode(&bytes) else {
            return Ok(Err(format!("there is no record at {}", self.at)));
        };
        if header.seq != self.seq || self.length - self.at < header.total() {
            return Ok(Err(format!("the record at {} is out of order or cut", self.at)));
        }
        if self.payloads {
            let mut payload = vec![0; header.length as usize];
            self.file
                .read_exact_at(&mut payload, self.at + HEADER_BYTES as u64)
                .map_err(SpoolError::io("read", path))?;
            if header.check(&payload).is_err() {
                return Ok(Err(format!("the record at {} does not match its checksum", self.at)));
            }
        }
        self.at += header.total();
        self.seq += 1;
        Ok(Ok(header))
    }
}
