//! One object: is it as the index has it, and if not, what is it now.

use super::{
    SourceError,
    batch::Sink,
    content::{self, ctime, is_racy, times},
    patch::PATCHED_BYTES_MIN,
    pending::{Hint, Item},
    reconcile::Pass,
    signing::Signing,
};
use crate::{
    beneath,
    capture::Key,
    index::Stored,
    message::Content,
    meta::{Meta, ObjectKind, Oid},
    meta_io,
};
use rustix::fs::Stat;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

/// How often a file that changes while it is read is tried within a batch.
const ATTEMPTS: u32 = 2;
/// When a file that changed while it was read is looked at again.
const FUZZY_AGAIN: Duration = Duration::from_millis(100);

impl Pass<'_, '_> {
    /// Looks at an object the index knows.
    pub(super) fn refresh(&mut self, stored: Stored, entry: BorrowedFd<'_>, hint: Hint) -> Result<Oid, SourceError> {
        let oid = stored.oid;
        // Whatever led here: a target may not have it, and nothing less than all of it will do.
        let hint = match hint {
            _ if self.index.owes(oid)? => Hint::Force,
            // A store through a mapping, told by its end alone.
            Hint::Content if self.hot.is_untold(oid) => Hint::Reread,
            hint => hint,
        };
        let stat = beneath::stat(entry)?;
        let same = stored.ctime == ctime(&stat)
            && stored.meta.mtime == times(&stat).1
            && (stored.meta.kind != ObjectKind::File || stored.meta.size == stat.st_size as u64);
        if same && is_believed(&stored, hint) {
            return Ok(oid);
        }
        if self.batch.has_said(oid) {
            // A mere doubt about the times is none about content that no event speaks of.
            let hint = if same { hint } else { hint.max(Hint::Scan) };
            self.pending.next(Item::Object(oid), hint);
            return Ok(oid);
        }
        let key = stored.key.clone();
        self.examine(Some(stored), key, entry, hint)?;
        Ok(oid)
    }

    /// Reads an object and notes how it is now.
    pub(super) fn examine(
        &mut self,
        old: Option<Stored>,
        key: Key,
        entry: BorrowedFd<'_>,
        hint: Hint,
    ) -> Result<Stored, SourceError> {
        self.looked = content::before_look();
        let stat = beneath::stat(entry)?;
        let kind = self.preserve.require_kind(stat.st_mode)?;
        let stored = if kind == ObjectKind::File {
            self.examine_file(old, key, entry, &stat, hint)?
        } else {
            let meta = meta_io::read_meta(entry, &stat, self.preserve)?;
            let oid = old.as_ref().map_or_else(|| self.index.assign(), |old| old.oid);
            if old.as_ref().is_none_or(|old| old.meta != meta) || hint == Hint::Force {
                self.batch.node(oid, &meta, Content::Keep)?;
            }
            stored(oid, key, meta, &stat, None, self.looked)
        };
        if hint == Hint::Force {
            self.batch.relink(stored.oid);
            self.index.settle_owed(stored.oid)?;
        }
        self.known.note(&stored.key, stored.oid, kind, stored.links);
        self.index.put_object(&stored)?;
        Ok(stored)
    }

    fn examine_file(
        &mut self,
        mut old: Option<Stored>,
        key: Key,
        entry: BorrowedFd<'_>,
        stat: &Stat,
        hint: Hint,
    ) -> Result<Stored, SourceError> {
        let written = match &old {
            None => true,
            Some(old) => {
                let (size, mtime, _) = times(stat);
                hint != Hint::Names || old.meta.size != size || old.meta.mtime != mtime
            }
        };
        if !written {
            let meta = meta_io::read_meta(entry, stat, self.preserve)?;
            let oid = old.as_ref().map_or(Oid(0), |old| old.oid);
            if old.as_ref().is_some_and(|old| old.meta != meta) {
                self.batch.node(oid, &meta, Content::Keep)?;
            }
            let was_racy = old.as_ref().is_some_and(|old| old.racy);
            let now = stored(oid, key, meta, stat, old.and_then(|old| old.hash), self.looked);
            // The content was not read again: it is as doubtful as before.
            return Ok(Stored { racy: now.racy || was_racy, ..now });
        }
        // Opened in any case: what cannot be read must not enter the index.
        let file = content::open(entry)?;
        let patched = self.is_patched(old.as_ref(), stat, hint)?;
        if let Some(old) = old.take_if(|_| patched) {
            let writers = content::has_writers(file.as_fd());
            self.note_reading(old.oid, &key, stat, writers, old.ctime != ctime(stat))?;
            return self.patch(old, key, file.as_fd());
        }
        if self.is_as_known(old.as_ref(), &file, stat, hint)?
            && let Some(old) = old
        {
            return Ok(old);
        }
        // Holes take no room; `st_blocks` counts units of 512 bytes on every file system.
        if (stat.st_size as u64).min(stat.st_blocks as u64 * 512) > self.spooled_file_max {
            self.batch.leave_to_gap();
        }
        if self.batch.sink != Sink::Spool {
            let meta = meta_io::read_meta(entry, stat, self.preserve)?;
            let oid = old.as_ref().map_or_else(|| self.index.assign(), |old| old.oid);
            let seen = self.batch.sink == Sink::Nowhere && old.as_ref().is_some_and(|old| old.meta == meta);
            if !seen {
                self.batch.node(oid, &meta, Content::Gone)?;
            }
            self.index.forget_signature(oid)?;
            // What will be copied is read then: there is nothing yet that could be doubted.
            self.index.note_written(oid, false)?;
            self.note_hot(oid, &key, stat, content::has_writers(file.as_fd()), false);
            return Ok(stored(oid, key, meta, stat, None, self.looked));
        }
        let oid = old.as_ref().map_or_else(|| self.index.assign(), |old| old.oid);
        let (meta, stat, read) = self.copy(oid, old.as_ref(), file.as_fd(), hint)?;
        let hash = read.stable.then_some(read.hash);
        let moved = hash.is_none() || old.is_none_or(|old| old.hash != hash || old.meta.mtime != meta.mtime);
        self.note_reading(oid, &key, &stat, read.writers, moved)?;
        Ok(stored(oid, key, meta, &stat, hash, self.looked))
    }

    /// Writes the content to the batch, unless it is what was written before.
    fn copy(
        &mut self,
        oid: Oid,
        old: Option<&Stored>,
        file: BorrowedFd<'_>,
        hint: Hint,
    ) -> Result<(Meta, Stat, content::Read), SourceError> {
        let mut attempt = 1;
        loop {
            let place = self.batch.place(oid);
            let (mut meta, preserve) = (None, self.preserve);
            let batch = std::cell::RefCell::new(&mut self.batch);
            let before = || Ok(rustix::fs::fstat(file)?);
            let signing = std::cell::RefCell::new(Signing::new(self.index.unit_key()));
            let reader = content::Reader::<SourceError> {
                newcomers: content::Writers::Wait,
                before: &before,
                begin: &mut |stat| {
                    let read = meta_io::read_meta(file, stat, preserve)?;
                    batch.borrow_mut().node(oid, &read, Content::Follows)?;
                    signing.borrow_mut().wanted = read.size >= PATCHED_BYTES_MIN;
                    meta = Some(read);
                    Ok(())
                },
                each: &mut |offset, bytes| Ok(batch.borrow_mut().data(oid, offset, bytes)?),
                blocks: &mut |number, bytes, hash| signing.borrow_mut().take(number, bytes, hash),
            };
            let read = content::read(file, reader);
            let (stat, read) = match read {
                Ok(read) => read,
                Err(error) => {
                    self.batch.take_back(place)?;
                    return Err(error);
                }
            };
            let meta = meta.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            if !read.stable && attempt < ATTEMPTS {
                attempt += 1;
                self.batch.take_back(place)?;
                continue;
            }
            let unchanged =
                hint != Hint::Force && old.is_some_and(|old| old.hash == Some(read.hash) && old.meta.size == meta.size);
            if unchanged {
                self.batch.take_back(place)?;
                if old.is_some_and(|old| old.meta != meta) {
                    self.batch.node(oid, &meta, Content::Keep)?;
                }
            } else {
                self.batch.data_end(oid, meta.size, read.hash)?;
            }
            signing.into_inner().store(self.index, oid, meta.size)?;
            self.rescans.forget(oid);
            if !read.stable {
                self.pending.later(Instant::now() + FUZZY_AGAIN, Item::Object(oid), Hint::Content);
            }
            return Ok((meta, stat, read));
        }
    }
}

/// Whether equal times mean that nothing has changed.
fn is_believed(stored: &Stored, hint: Hint) -> bool {
    let is_unread = stored.meta.kind == ObjectKind::File && stored.hash.is_none();
    match hint {
        Hint::Force | Hint::Reread => false,
        // What was not read while it stood still is read again.
        Hint::Content if is_unread => false,
        // A change of the mode within the tick of the last look moves no time, just as one of the content.
        Hint::Content | Hint::Scan | Hint::Names => !stored.racy,
    }
}

fn stored(oid: Oid, key: Key, meta: Meta, stat: &Stat, hash: Option<[u8; 32]>, before: i128) -> Stored {
    // A directory's entries are named by events; only its own attributes hang on its times.
    Stored { oid, key, meta, ctime: ctime(stat), racy: is_racy(stat, before), links: stat.st_nlink, hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_look_took_makes_its_times_no_more_certain() {
        let stat = rustix::fs::fstat(tempfile::tempfile().unwrap()).unwrap();
        let changed = i128::from(stat.st_ctime) * 1_000_000_000 + i128::from(stat.st_ctime_nsec);
        std::thread::park_timeout(Duration::from_millis(30));
        for (began, racy) in [(-1, true), (0, true), (19_000_000, true), (20_000_000, false)] {
            assert_eq!(is_racy(&stat, changed + began), racy, "a look that began {began} ns after the change");
        }
    }

    #[test]
    fn times_from_the_tick_of_the_last_look_are_never_believed() {
        let meta = Meta {
            kind: ObjectKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: (0, 0),
            size: 0,
            rdev: 0,
            link: vec![],
            xattrs: vec![],
        };
        let key = Key::from(b"key".as_slice());
        let looked = |racy, hash| Stored {
            oid: Oid(2000),
            key: key.clone(),
            meta: meta.clone(),
            ctime: (0, 0),
            racy,
            links: 1,
            hash,
        };
        for hint in [Hint::Names, Hint::Scan, Hint::Content, Hint::Reread, Hint::Force] {
            assert!(!is_believed(&looked(true, Some([0; 32])), hint), "{hint:?}");
            assert_eq!(is_believed(&looked(false, Some([0; 32])), hint), hint < Hint::Reread, "{hint:?}");
        }
        assert!(is_believed(&looked(false, None), Hint::Scan) && !is_believed(&looked(false, None), Hint::Content));
    }
}
