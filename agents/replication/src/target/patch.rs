//! Changing files in place, block by block.
//!
//! What a batch changes is first written to a file in the staging directory, whole new bytes at absolute places, and
//! recorded with the batch. Placing carries that out, as often as it takes: a file that a crash left half changed is
//! made whole by the next run.

use super::disk::{Disk, find};
use super::incoming::{missing, protocol, stage_name};
use super::map::{Map, Pending, oid_at, sql};
use crate::beneath;
use crate::content::{BLOCK_BYTES, BlockHash, block_hash, write_all_at};
use crate::message::{Base, Message, Piece};
use crate::meta::Oid;
use crate::session::SessionError;
use model::elements::preserve::Loss;
use rusqlite::params;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

type Result<T> = std::result::Result<T, SessionError>;

/// Beside the tables that have a version: a map that was made before this one existed gets it and stays.
pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS ppatch(oid INTEGER PRIMARY KEY, root INTEGER NOT NULL, stage BLOB NOT NULL,
                                      size INTEGER NOT NULL);";

/// The changes of one file while they are received.
pub(super) struct OpenPatch {
    pub oid: Oid,
    pub pending: Pending,
    root: u32,
    stage: Vec<u8>,
    /// The file as the last batch left it.
    old: OwnedFd,
    changes: BufWriter<std::fs::File>,
    /// The first block that may come next.
    next: u64,
    buffer: Box<[u8; BLOCK_BYTES]>,
    /// Some of its blocks are to be asked for.
    was_diverged: bool,
}

/// A change as it is written to the staging directory: what, where and how much, as numbers of 64 bits.
const DATA: u64 = 0;
const ZEROS: u64 = 1;
const HEADER_BYTES: usize = 24;

/// Blocks beyond this one cannot be in a file.
const BLOCKS_MAX: u64 = i64::MAX as u64 / BLOCK_BYTES as u64;

impl OpenPatch {
    /// Begins to change a file that the target has.
    pub fn begin(map: &Map, disk: &mut Disk, oid: Oid, pending: Pending) -> Result<Self> {
        let Some((root, entry)) = locate(map, disk, oid)? else {
            return missing(format!("the content of object {oid}"));
        };
        let opened = |e| SessionError::io("opening a file that is changed")(e);
        let old = beneath::reopen(entry.as_fd()).map_err(opened)?;
        let stage = [b"p".as_slice(), &stage_name(oid)].concat();
        let changes = beneath::create_file(disk.staging(root)?.as_fd(), &stage).map_err(opened)?;
        let changes = BufWriter::with_capacity(256 << 10, std::fs::File::from(changes));
        let buffer = vec![0; BLOCK_BYTES].try_into().unwrap_or_else(|_| Box::new([0; BLOCK_BYTES]));
        Ok(Self { oid, pending, root, stage, old, changes, next: 0, buffer, was_diverged: map.has_diverged(oid)? })
    }

    /// Takes one record between the node and the end.
    pub fn take(&mut self, map: &Map, message: Message) -> Result<()> {
        match message {
            Message::Block { number, base, new, pieces, .. } => self.block(map, number, base, new, &pieces),
            Message::Zeros { from, until, .. } => self.zeros(map, from, until),
            _ => protocol("a record between the changes of a file"),
        }
    }

    fn block(&mut self, map: &Map, number: u64, base: Base, new: BlockHash, pieces: &[Piece]) -> Result<()> {
        self.advance(number, number.saturating_add(1))?;
        let at = number * BLOCK_BYTES as u64;
        self.buffer.fill(0);
        if let Base::Old(hash) = base {
            read_block(self.old.as_fd(), at, &mut self.buffer[..]).map_err(SessionError::io("reading a block"))?;
            let now = block_hash(&self.buffer[..]);
            if now == new {
                // A synchronization gave it as it was then, and this change is older.
                return Ok(());
            }
            if now != hash {
                return Ok(map.note_diverged(self.oid, number)?);
            }
        }
        for (offset, bytes) in pieces {
            self.buffer[*offset as usize..*offset as usize + bytes.len()].copy_from_slice(bytes);
        }
        if block_hash(&self.buffer[..]) != new {
            return protocol(format!("block {number} of object {} is not what its hash says", self.oid));
        }
        let is_whole = pieces.first().is_some_and(|(_, bytes)| bytes.len() == BLOCK_BYTES);
        if base == Base::Zeros {
            self.made_good(map, number, number + 1)?;
            if !is_whole {
                self.note(ZEROS, at, BLOCK_BYTES as u64, &[])?;
            }
        }
        pieces
            .iter()
            .try_for_each(|(offset, bytes)| self.note(DATA, at + u64::from(*offset), bytes.len() as u64, bytes))
    }

    fn zeros(&mut self, map: &Map, from: u64, until: u64) -> Result<()> {
        self.advance(from, until)?;
        self.made_good(map, from, until)?;
        let block = BLOCK_BYTES as u64;
        self.note(ZEROS, from * block, (until - from) * block, &[])
    }

    fn made_good(&self, map: &Map, from: u64, until: u64) -> Result<()> {
        if self.was_diverged {
            map.settle_diverged(self.oid, from, until)?;
        }
        Ok(())
    }

    fn advance(&mut self, from: u64, until: u64) -> Result<()> {
        if from < self.next || until <= from || until > BLOCKS_MAX {
            return protocol("blocks out of order");
        }
        self.next = until;
        Ok(())
    }

    fn note(&mut self, what: u64, at: u64, length: u64, bytes: &[u8]) -> Result<()> {
        let header: Vec<u8> = [what, at, length].iter().flat_map(|number| number.to_le_bytes()).collect();
        let written = self.changes.write_all(&header).and_then(|()| self.changes.write_all(bytes));
        written.map_err(SessionError::io("writing changes"))
    }

    /// Records the changes with the batch. Returns the file they are in, which is not on the disk yet, and its root.
    pub fn end(mut self, map: &Map, size: u64) -> Result<(u32, OwnedFd)> {
        if i64::try_from(size).is_err() {
            return protocol("a content longer than a file can be");
        }
        self.pending.meta.size = size;
        map.set_pending(self.oid, &self.pending)?;
        let values = params![sql(self.oid), self.root, self.stage, size as i64];
        map.run("INSERT INTO ppatch VALUES(?, ?, ?, ?)", values)?;
        let file = self.changes.into_inner().map_err(|e| SessionError::io("writing changes")(e.into_error()))?;
        Ok((self.root, file.into()))
    }

    /// What came counts for nothing.
    pub fn void(self, disk: &Disk) -> Result<()> {
        let removed = beneath::unlink(disk.staging(self.root)?.as_fd(), &self.stage);
        removed.map_err(SessionError::io("removing what was staged"))
    }
}

/// Recorded changes of a file.
pub(super) struct Patch {
    pub oid: Oid,
    root: u32,
    stage: Vec<u8>,
    size: u64,
}

impl Map {
    pub fn pending_patches(&self) -> rusqlite::Result<Vec<Patch>> {
        self.all("SELECT oid, root, stage, size FROM ppatch ORDER BY oid", [], |row| {
            let size: i64 = row.get(3)?;
            Ok(Patch { oid: oid_at(row, 0)?, root: row.get(1)?, stage: row.get(2)?, size: size as u64 })
        })
    }
}

impl Patch {
    /// Carries the changes out on `file`.
    pub fn apply(&self, disk: &Disk, file: BorrowedFd<'_>) -> Result<()> {
        let failed = |e| SessionError::io("changing a file in place")(e);
        let staging = disk.staging(self.root)?;
        let changes = beneath::open_file(staging.as_fd(), &self.stage).map_err(failed)?;
        let mut changes = BufReader::with_capacity(256 << 10, std::fs::File::from(changes));
        let mut bytes = vec![0; BLOCK_BYTES];
        while let Some((what, at, length)) = next_header(&mut changes).map_err(failed)? {
            if what == ZEROS {
                punch(file, at, length).map_err(failed)?;
                continue;
            }
            // Written by this process, and never longer than a block.
            let bytes = bytes.get_mut(..length as usize).ok_or(io::ErrorKind::InvalidData.into()).map_err(failed)?;
            changes.read_exact(bytes).and_then(|()| write_all_at(file, bytes, at)).map_err(failed)?;
        }
        rustix::fs::ftruncate(file, self.size).map_err(|e| failed(e.into()))
    }

    /// The changes were carried out for good.
    pub fn remove(&self, disk: &Disk) -> Result<()> {
        match beneath::unlink(disk.staging(self.root)?.as_fd(), &self.stage) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(SessionError::io("removing what was staged")(e)),
            _ => Ok(()),
        }
    }
}

fn next_header(changes: &mut impl Read) -> io::Result<Option<(u64, u64, u64)>> {
    let mut header = [0; HEADER_BYTES];
    let mut got = 0;
    while got < HEADER_BYTES {
        match changes.read(&mut header[got..])? {
            0 if got == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => got += more,
        }
    }
    let mut number = header.chunks_exact(8).map(|bytes| bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)));
    let mut next = || number.next().unwrap_or(0);
    Ok(Some((next(), next(), next())))
}

/// The file of an object at the name the map has, with the root it is in; `None` when it is not there.
pub(super) fn locate(map: &Map, disk: &mut Disk, oid: Oid) -> Result<Option<(u32, OwnedFd)>> {
    let Some(known) = map.known(oid)? else { return Ok(None) };
    for name in map.names(oid)? {
        let Some(location) = disk.locate(map, name.parent)? else { continue };
        let Some(dir) = disk.dir(map, name.parent)? else { continue };
        let Some(found) = find(dir.as_fd(), &name.name)? else { continue };
        // Where hard links are copies, each of them has the content.
        if found.id == known.id || !disk.preserve(location.root).keeps(Loss::Hardlinks) && !found.is_dir() {
            return Ok(Some((location.root, found.fd)));
        }
    }
    Ok(None)
}

/// Fills `block` with what is at `at`; what is beyond the end of the file is zeros.
fn read_block(file: BorrowedFd<'_>, at: u64, block: &mut [u8]) -> io::Result<()> {
    let mut got = 0;
    while got < block.len() {
        match rustix::io::pread(file, &mut block[got..], at + got as u64) {
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
            Ok(0) => break,
            Ok(more) => got += more,
        }
    }
    block[got..].fill(0);
    Ok(())
}

/// Makes a range zeros, as a hole where the file system has any.
fn punch(file: BorrowedFd<'_>, at: u64, length: u64) -> io::Result<()> {
    let size = rustix::fs::fstat(file)?.st_size as u64;
    let length = length.min(size.saturating_sub(at));
    if length == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, length) {
        Err(Errno::OPNOTSUPP) => write_zeros(file, at, length),
        other => Ok(other?),
    }
}

fn write_zeros(file: BorrowedFd<'_>, mut at: u64, mut length: u64) -> io::Result<()> {
    let zeros = [0; BLOCK_BYTES];
    while length > 0 {
        let now = length.min(BLOCK_BYTES as u64);
        write_all_at(file, &zeros[..now as usize], at)?;
        (at, length) = (at + now, length - now);
    }
    Ok(())
}
