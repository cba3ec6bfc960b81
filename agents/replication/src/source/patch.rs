//! Changes of a large file, found by comparing it block by block with what targets have of it, and said as changed
//! blocks. A piece of the file in each batch, so that other changes do not wait.

use super::{
    SourceError,
    batch::Sink,
    content::{self, is_racy, times},
    pending::{Hint, Item},
    reconcile::Pass,
    rescan::{Rescan, Rescans},
};
use crate::{
    capture::Key,
    content::{BLOCK_BYTES, BlockHash, block_hash},
    index::{REGION_BLOCKS, Region, Signed, SignedBlock, Stored, UNIT_BYTES, unit_hashes},
    message::{Base, Content, Piece},
    meta::{Meta, Oid},
    meta_io,
};
use rustix::{
    fs::{SeekFrom, Stat, seek},
    io::Errno,
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Instant,
};

/// Smaller files are always said whole.
pub(super) const PATCHED_BYTES_MIN: u64 = 256 << 10;
/// A larger file is said in pieces, even when nothing is known of what targets have of it.
const WHOLE_BYTES_MAX: u64 = 32 << 20;
/// Bytes of a file that are compared in one batch, and bytes of a batch after which it ends.
const TURN_BYTES: u64 = 64 << 20;
const BATCH_BYTES: u64 = 16 << 20;
/// Content that one row of a signature is of.
const REGION_BYTES: u64 = (REGION_BLOCKS * BLOCK_BYTES) as u64;
/// The spool counts as nearly full, in parts of a hundred: what can wait in its file does.
const SPOOL_FULL: u64 = 75;

/// One stretch of a file that is compared within a batch.
struct Turn<'f> {
    oid: Oid,
    file: BorrowedFd<'f>,
    size: u64,
    /// What has no row is zeros at the targets.
    complete: bool,
    said: bool,
    buffer: Vec<u8>,
    read: u64,
}

impl Pass<'_, '_> {
    /// Whether changes of a file are looked for block by block.
    pub(super) fn is_patched(&self, old: Option<&Stored>, stat: &Stat, hint: Hint) -> Result<bool, SourceError> {
        let Some(old) = old.filter(|_| hint != Hint::Force && self.batch.sink == Sink::Spool) else { return Ok(false) };
        let (size, before) = (stat.st_size as u64, old.meta.size);
        if size < PATCHED_BYTES_MIN {
            return Ok(false);
        }
        Ok(self.index.signed(old.oid)?.is_some() || size.min(before) > WHOLE_BYTES_MAX)
    }

    /// Says what has changed in a part of a file, or puts that off.
    pub(super) fn patch(&mut self, old: Stored, key: Key, file: BorrowedFd<'_>) -> Result<Stored, SourceError> {
        let (oid, began) = (old.oid, Instant::now());
        let full = self.batch.spool_share() >= SPOOL_FULL;
        if let Some(until) = self.rescans.rest(oid, full, began) {
            self.pending.later(until, Item::Object(oid), Hint::Content);
            return Ok(Stored { racy: true, hash: None, ..old });
        }
        let rescan = match self.rescans.reading(oid) {
            Some(rescan) => rescan,
            None => self.begin_reading(&old, file)?,
        };
        let stat = rustix::fs::fstat(file).map_err(io::Error::from)?;
        let meta = meta_io::read_meta(file, &stat, self.preserve)?;
        let (next, said) = self.say_changes(&old, &meta, file, rescan.next)?;
        let ended = next.is_none();
        let kept = Meta { size: old.meta.size, ..meta.clone() };
        if ended && !said && old.meta != kept {
            self.batch.node(oid, &meta, Content::Keep)?;
        }
        let told = if said || ended { meta } else { old.meta.clone() };
        // Not believed, whatever its times, until it was read to its end.
        let unread =
            Stored { meta: told, ctime: content::ctime(&stat), racy: true, links: stat.st_nlink, hash: None, key, oid };
        let took = began.elapsed();
        match next {
            Some(next) => {
                self.rescans.pause(oid, rescan, next, took, Instant::now());
                self.pending.next(Item::Object(oid), Hint::Content);
                Ok(unread)
            }
            None => self.end_reading(unread, rescan, took, file),
        }
    }

    fn begin_reading(&mut self, old: &Stored, file: BorrowedFd<'_>) -> Result<Rescan, SourceError> {
        content::start_writeback(file);
        let stat = rustix::fs::fstat(file).map_err(io::Error::from)?;
        let tail = match self.index.signed(old.oid)? {
            Some(signed) if signed.complete && self.rescans.allows_tail(old.oid, Instant::now()) => {
                self.has_grown(old.oid, signed.size, stat.st_size as u64, file)?
            }
            Some(_) => None,
            None => {
                self.index.set_signed(old.oid, Signed { size: old.meta.size, complete: false })?;
                None
            }
        };
        Ok(Rescans::begin(tail.unwrap_or(0), tail.is_some(), times(&stat)))
    }

    /// The row where what was added begins, when the file has grown and its former end is as it was.
    fn has_grown(&self, oid: Oid, before: u64, size: u64, file: BorrowedFd<'_>) -> Result<Option<u64>, SourceError> {
        if size <= before || before == 0 {
            return Ok(None);
        }
        let block = (before - 1) / BLOCK_BYTES as u64;
        let mut bytes = vec![0; (before - block * BLOCK_BYTES as u64) as usize];
        let got = read_at(file, &mut bytes, block * BLOCK_BYTES as u64)?;
        let number = block / REGION_BLOCKS as u64;
        let region = self.index.region(oid, number)?.unwrap_or(Region::ZEROS);
        let known = region.0[(block % REGION_BLOCKS as u64) as usize].hash;
        Ok((known == Some(block_hash(&bytes[..got]))).then_some(number))
    }

    /// Compares from a row of the signature on. Returns where to go on, if not everything was compared, and whether
    /// anything was said.
    fn say_changes(
        &mut self,
        old: &Stored,
        meta: &Meta,
        file: BorrowedFd<'_>,
        from: u64,
    ) -> Result<(Option<u64>, bool), SourceError> {
        let (oid, size) = (old.oid, meta.size);
        let signed = self.index.signed(oid)?.unwrap_or(Signed { size: old.meta.size, complete: false });
        let place = self.batch.place(oid);
        self.batch.node(oid, meta, Content::Patch)?;
        let mut turn = Turn {
            oid,
            file,
            size,
            complete: signed.complete,
            said: signed.size != size,
            buffer: vec![0; REGION_BYTES as usize],
            read: 0,
        };
        if size < signed.size {
            self.cut_signature(oid, size)?;
        }
        self.index.set_signed(oid, Signed { size, ..signed })?;
        let next = match self.compare_rows(&mut turn, from) {
            Ok(next) => next,
            Err(error) => {
                // What was noted as said is taken back with it.
                self.batch.take_back(place)?;
                self.index.forget_signature(oid)?;
                self.rescans.forget(oid);
                return Err(error);
            }
        };
        if turn.said {
            self.batch.patch_end(oid, size)?;
        } else {
            self.batch.take_back(place)?;
        }
        Ok((next, turn.said))
    }

    /// The content is to end at `size`: what targets have beyond it goes, also within the last block.
    fn cut_signature(&mut self, oid: Oid, size: u64) -> Result<(), SourceError> {
        let number = size / REGION_BYTES;
        self.index.cut_regions(oid, number + 1)?;
        // Without a row it is all zeros, or not known at all: both stay so.
        let Some(mut region) = self.index.region(oid, number)? else { return Ok(()) };
        let within = size % REGION_BYTES;
        let last = (within / BLOCK_BYTES as u64) as usize;
        for (block, signed) in region.0.iter_mut().enumerate().skip(last) {
            let is_cut = block == last && !within.is_multiple_of(BLOCK_BYTES as u64);
            *signed = if is_cut { SignedBlock::UNKNOWN } else { SignedBlock::ZEROS };
        }
        Ok(self.index.set_region(oid, number, &region)?)
    }

    fn compare_rows(&mut self, turn: &mut Turn<'_>, mut number: u64) -> Result<Option<u64>, SourceError> {
        let end = turn.size.div_ceil(REGION_BYTES);
        while number < end {
            if turn.read >= TURN_BYTES || self.batch.bytes() >= BATCH_BYTES {
                return Ok(Some(number));
            }
            let data = next_data(turn.file, number * REGION_BYTES, turn.size)? / REGION_BYTES;
            if data > number {
                self.say_hole(turn, number, data.min(end))?;
                number = data.min(end);
                continue;
            }
            self.compare_row(turn, number)?;
            number += 1;
        }
        Ok(None)
    }

    /// Says that rows are zeros, where targets may have something else.
    fn say_hole(&mut self, turn: &mut Turn<'_>, from: u64, until: u64) -> Result<(), SourceError> {
        if !turn.complete {
            self.index.drop_regions(turn.oid, from, until)?;
            return self.say_zeros(turn, from, until);
        }
        let mut number = from;
        while let Some(found) = self.index.next_region(turn.oid, number, until)? {
            self.index.drop_regions(turn.oid, found, found + 1)?;
            self.say_zeros(turn, found, found + 1)?;
            number = found + 1;
        }
        Ok(())
    }

    fn say_zeros(&mut self, turn: &mut Turn<'_>, from: u64, until: u64) -> Result<(), SourceError> {
        turn.said = true;
        Ok(self.batch.zeros(turn.oid, from * REGION_BLOCKS as u64, until * REGION_BLOCKS as u64)?)
    }

    fn compare_row(&mut self, turn: &mut Turn<'_>, number: u64) -> Result<(), SourceError> {
        let at = number * REGION_BYTES;
        let length = usize::try_from((turn.size - at).min(REGION_BYTES)).unwrap_or(0);
        let mut buffer = std::mem::take(&mut turn.buffer);
        let got = read_at(turn.file, &mut buffer[..length], at)?;
        turn.read += length as u64;
        let before = self.index.region(turn.oid, number)?;
        let unknown = if turn.complete { Region::ZEROS } else { Region::UNKNOWN };
        let mut region = before.clone().unwrap_or(unknown);
        let first = number * REGION_BLOCKS as u64;
        for (block, signed) in region.0.iter_mut().enumerate() {
            let begin = (block * BLOCK_BYTES).min(got);
            let bytes = &buffer[begin..(begin + BLOCK_BYTES).min(got)];
            if let Some((base, new, pieces)) = changed(bytes, signed, self.index.unit_key()) {
                turn.said = true;
                self.batch.block(turn.oid, first + block as u64, base, new, pieces)?;
            }
        }
        turn.buffer = buffer;
        if before.as_ref() != Some(&region) {
            self.index.set_region(turn.oid, number, &region)?;
        }
        Ok(())
    }

    /// Everything was compared: what is known of the file now, and when it is looked at again.
    fn end_reading(
        &mut self,
        unread: Stored,
        rescan: Rescan,
        took: std::time::Duration,
        file: BorrowedFd<'_>,
    ) -> Result<Stored, SourceError> {
        let (oid, before) = (unread.oid, content::before_look());
        let stat = rustix::fs::fstat(file).map_err(io::Error::from)?;
        let stable = times(&stat) == rescan.times;
        if !rescan.tail {
            self.index.set_signed(oid, Signed { size: unread.meta.size, complete: true })?;
        }
        if let Some(again) = self.rescans.end(oid, rescan, took, stable, Instant::now()) {
            self.pending.later(again, Item::Object(oid), Hint::Content);
        }
        if unread.meta.size < PATCHED_BYTES_MIN {
            // It was cut meanwhile, and is said whole from now on.
            self.index.forget_signature(oid)?;
            self.pending.next(Item::Object(oid), Hint::Content);
            return Ok(unread);
        }
        if rescan.tail || !stable {
            return Ok(unread);
        }
        let hash = self.index.signed_hash(oid, unread.meta.size)?;
        Ok(Stored { racy: hash.is_none() || is_racy(&stat, before), hash, ..unread })
    }
}

/// What is said of a block that is not as targets have it; notes that they will.
fn changed(bytes: &[u8], signed: &mut SignedBlock, key: &[u8; 32]) -> Option<(Base, BlockHash, Vec<Piece>)> {
    let new = block_hash(bytes);
    if signed.hash == Some(new) {
        return None;
    }
    let now = SignedBlock { hash: Some(new), units: if new.is_some() { unit_hashes(bytes, key) } else { [0; _] } };
    let before = std::mem::replace(signed, now);
    let base = match (before.hash, new) {
        (Some(Some(old)), Some(_)) if (0..now.units.len()).any(|unit| before.units[unit] == now.units[unit]) => {
            Base::Old(Some(old))
        }
        _ => Base::Zeros,
    };
    let mut pieces: Vec<Piece> = Vec::new();
    for (unit, bytes) in bytes.chunks(UNIT_BYTES).enumerate() {
        let is_sent = match base {
            Base::Old(_) => before.units[unit] != now.units[unit],
            Base::Zeros => bytes.iter().any(|byte| *byte != 0),
        };
        let offset = (unit * UNIT_BYTES) as u32;
        match pieces.last_mut() {
            _ if !is_sent => {}
            Some((at, piece)) if *at as usize + piece.len() == offset as usize => piece.extend_from_slice(bytes),
            _ => pieces.push((offset, bytes.to_vec())),
        }
    }
    Some((base, new, pieces))
}

/// Where data begins at or after `at`; the end of the row that ends the file when there is none.
pub(super) fn next_data(file: BorrowedFd<'_>, at: u64, size: u64) -> io::Result<u64> {
    match seek(file, SeekFrom::Data(at)) {
        Ok(begin) => Ok(begin),
        // A hole up to the end: rows are counted whole, and there is none after it.
        Err(Errno::NXIO) => Ok(size.next_multiple_of(REGION_BYTES)),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(at),
        Err(error) => Err(error.into()),
    }
}

/// Reads until `buffer` is full or the file ends.
pub(super) fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(test)]
    content::bad::check(file)?;
    let mut got = 0;
    while got < buffer.len() {
        match rustix::io::pread(file.as_fd(), &mut buffer[got..], at + got as u64) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => break,
            Ok(more) => got += more,
        }
    }
    Ok(got)
}
