//! Signs large files that nobody has signed yet, while there is nothing else to do: then the first change of a file is
//! as cheap as the later ones.
//!
//! Signed is only what is known to be at the targets: the content must have the hash that they were given.

use super::{
    SourceError,
    content::times,
    engine::Engine,
    patch::{PATCHED_BYTES_MIN, next_data, read_at},
    rescan::Times,
    signing::Signing,
};
use crate::{
    content::{BLOCK_BYTES, ContentHash},
    index::Stored,
    meta::Oid,
};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

/// Bytes read at once, and the rest after them: half of a core at most.
const TURN_BYTES: u64 = 8 << 20;
const REST_FACTOR: u32 = 1;
/// Larger files are signed with their first change, as signatures are held in memory until they are known to be right:
/// 3 KiB for 1 MiB.
const FILE_BYTES_MAX: u64 = 16 << 30;
/// Objects looked through at once for files to sign.
const PAGE: u64 = 20_000;
/// When everything was looked through, it is looked through again after this.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) struct Signer {
    after: Oid,
    pub at: Instant,
    file: Option<Signed>,
}

/// A file that is being signed.
struct Signed {
    stored: Stored,
    file: OwnedFd,
    times: Times,
    next: u64,
    hash: ContentHash,
    signing: Signing,
}

impl Signer {
    pub fn new(now: Instant) -> Self {
        Self { after: Oid(0), at: now, file: None }
    }

    /// New files may be signed now.
    pub fn look_again(&mut self, now: Instant) {
        if self.file.is_none() {
            (self.after, self.at) = (Oid(0), now);
        }
    }
}

impl Engine {
    /// Signs a piece of a file, or looks for one, when it is time.
    pub fn sign(&mut self, now: Instant) -> Result<(), SourceError> {
        if now < self.timers.signer.at || !self.pending.is_empty() || self.timers.rest.is_some() {
            return Ok(());
        }
        let signed = match self.timers.signer.file.take() {
            Some(file) => self.sign_piece(file),
            None => self.find_unsigned(now),
        };
        let took = now.elapsed();
        let signer = &mut self.timers.signer;
        signer.at = signer.at.max(Instant::now() + took * REST_FACTOR);
        signed
    }

    fn find_unsigned(&mut self, now: Instant) -> Result<(), SourceError> {
        let after = self.timers.signer.after;
        let found = self.index.unsigned(after, Oid(after.0 + PAGE), PATCHED_BYTES_MIN, FILE_BYTES_MAX)?;
        let Some(stored) = found else {
            let is_end = after.0 + PAGE >= self.index.facts().next_oid;
            let signer = &mut self.timers.signer;
            (signer.after, signer.at) = if is_end { (Oid(0), now + AGAIN) } else { (Oid(after.0 + PAGE), now) };
            return Ok(());
        };
        self.timers.signer.after = stored.oid;
        let opened = self.roots.open(&stored.key, || self.index.path_of(stored.oid).ok().flatten());
        // What cannot be opened now is for others to tell of.
        let Ok(Some(entry)) = opened else { return Ok(()) };
        let Ok(file) = super::content::open(entry.as_fd()) else { return Ok(()) };
        let times = times(&rustix::fs::fstat(&file).map_err(io::Error::from)?);
        if (times.1, times.2) == (stored.meta.mtime, stored.ctime) {
            let (hash, signing) = (ContentHash::default(), Signing::wanted(self.index.unit_key()));
            self.timers.signer.file = Some(Signed { stored, file, times, next: 0, hash, signing });
        }
        Ok(())
    }

    fn sign_piece(&mut self, mut signed: Signed) -> Result<(), SourceError> {
        let end = signed.next + TURN_BYTES;
        let size = signed.stored.meta.size;
        let read = signed.read_until(end.min(size));
        let same = rustix::fs::fstat(&signed.file).is_ok_and(|stat| times(&stat) == signed.times);
        if read.is_err() || !same {
            return Ok(());
        }
        if signed.next < size {
            self.timers.signer.file = Some(signed);
            return Ok(());
        }
        let Signed { stored, hash, mut signing, .. } = signed;
        let is_as_given = Some(hash.finish_telling(size, &mut |number, bytes, hash| signing.take(number, bytes, hash)))
            == stored.hash;
        if !is_as_given || self.index.object(stored.oid)?.as_ref() != Some(&stored) {
            return Ok(());
        }
        self.index.begin()?;
        signing.store(&self.index, stored.oid, size)?;
        self.index.commit()?;
        Ok(())
    }
}

impl Signed {
    /// Reads on, holes left out, and returns when `end` is reached or the file ends.
    fn read_until(&mut self, end: u64) -> io::Result<()> {
        let Self { file, hash, signing, next, .. } = self;
        let mut buffer = vec![0; BLOCK_BYTES];
        while *next < end {
            let at = next_data(file.as_fd(), *next, end)?.min(end);
            let wanted = usize::try_from(end - at).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
            let got = read_at(file.as_fd(), &mut buffer[..wanted], at)?;
            if got < wanted {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hash.update_telling(at, &buffer[..got], &mut |number, bytes, hash| signing.take(number, bytes, hash));
            *next = at + got as u64;
        }
        Ok(())
    }
}
