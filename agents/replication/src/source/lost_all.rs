//! Whether a batch would take away all that a root held.
//!
//! A root that has lost everything is rarely left with nothing: whatever runs on goes on writing its log and pid files.
//! So what counts is not that something is there, but that something is left of what was there.

use super::{SourceError, burst::GONE_PER_COME, emptying::is_back, reconcile::Pass, slot::Held};
use crate::{beneath, index::Index, meta::Oid, root::is_filled_directory};
use model::elements::roots::RESERVED_DIRECTORY;
use rustix::fs::FileType;
use std::os::fd::{AsFd, BorrowedFd};

/// Entries that are looked at in search of something known.
const SEARCHED_MAX: u64 = 10_000;

/// Looks, before a batch is begun, whether nothing of what the index has of a root is there any more. A large removal is
/// committed in several batches, the first of which may hold only what was written meanwhile.
pub(super) fn note_emptied(root: Oid, held: &Held, index: &Index) -> Result<(), SourceError> {
    if is_emptied(root, held, index)? {
        held.root.note_emptied()?;
        held.root.check()?;
    }
    Ok(())
}

fn is_emptied(root: Oid, held: &Held, index: &Index) -> Result<bool, SourceError> {
    // One of the first few is nearly always there.
    for some in [64, u32::MAX] {
        let known = index.some_names_in(root, some)?;
        for (name, oid) in &known {
            if is_there(name, *oid, held, index)? {
                return Ok(false);
            }
        }
        if known.len() < 64 {
            break;
        }
    }
    let mut new = 0;
    if finds_known(held.root.fd(), true, held, index, &mut new)? {
        return Ok(false);
    }
    let gone = u64::from(index.count_names_below(root, u32::MAX)?);
    Ok(gone > 0 && gone >= new * GONE_PER_COME && !is_back(&held.root.config, root, index)?)
}

/// Whether `name` at the top of the root is still the object it was.
fn is_there(name: &[u8], oid: Oid, held: &Held, index: &Index) -> Result<bool, SourceError> {
    let entry = match beneath::open_entry(held.root.fd(), name) {
        Ok(entry) => entry,
        // Covered by a mount.
        Err(error) => return Ok(error.raw_os_error() == Some(libc::EXDEV)),
    };
    let key = held.filesystem.key(entry.as_fd())?;
    Ok(index.object(oid)?.is_some_and(|stored| stored.key == key))
}

/// Whether a known object lies below `directory`, at whatever place: it was renamed. Counts what is new.
fn finds_known(
    directory: BorrowedFd<'_>,
    is_top: bool,
    held: &Held,
    index: &Index,
    new: &mut u64,
) -> Result<bool, SourceError> {
    for name in beneath::names(directory)? {
        if (is_top && name == RESERVED_DIRECTORY.as_bytes()) || *new >= SEARCHED_MAX {
            continue;
        }
        let Ok(entry) = beneath::open_entry(directory, &name) else { continue };
        if index.object_by_key(&held.filesystem.key(entry.as_fd())?)?.is_some() {
            return Ok(true);
        }
        *new += 1;
        if let Ok(below) = beneath::open_subdir(directory, &name).and_then(|below| beneath::reopen(below.as_fd()))
            && finds_known(below.as_fd(), false, held, index, new)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Pass<'_, '_> {
    /// Looks at each root, before the batch is committed. `first_new` is the first object number of the batch.
    pub fn check_roots(&self, first_new: Oid) -> Result<(), SourceError> {
        for (root, held) in self.roots.all_held() {
            if !self.has_left(root, first_new)? && self.mostly_removes()? && !self.is_replaced(root, held)? {
                held.root.note_emptied()?;
            }
            held.root.check()?;
        }
        Ok(())
    }

    /// Whether something below `directory` was known before the batch.
    fn has_left(&self, directory: Oid, first_new: Oid) -> Result<bool, SourceError> {
        if self.index.has_name_of_older(directory, first_new)? {
            return Ok(true);
        }
        for (_, oid) in self.index.names_in(directory)? {
            if self.has_left(oid, first_new)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether hardly anything came: a directory in which files come and go may have none left of a moment ago.
    fn mostly_removes(&self) -> Result<bool, SourceError> {
        let (mut gone, mut come) = (0u64, 0u64);
        for (parent, name, before) in self.batch.names_before() {
            let now = self.index.named(parent, name)?;
            gone += u64::from(before.is_some() && now.is_none());
            come += u64::from(before.is_none() && now.is_some());
        }
        Ok(gone > 0 && gone >= come * GONE_PER_COME)
    }

    /// Whether half of what was at the top of the root, or more, is there anew, and not as empty directories. Half of
    /// nothing is nothing.
    fn is_replaced(&self, root: Oid, held: &Held) -> Result<bool, SourceError> {
        let (mut known, mut anew) = (0, 0);
        let names = self.batch.names_before().filter(|(parent, _, before)| *parent == root && before.is_some());
        for (_, name, _) in names {
            known += 1;
            let Ok(stat) = beneath::stat_entry(held.root.fd(), name) else { continue };
            let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
            anew += u32::from(!is_directory || is_filled_directory(held.root.fd(), name)?);
        }
        Ok(anew * 2 >= known)
    }
}
