//! Whether a root has lost all it held.
//!
//! A root that has lost everything is rarely left with nothing: whatever runs on goes on writing its log and pid files.
//! So what counts is not that something is there, but that something is left of what was there: at its place, at
//! another one, or in another root of the scenario.

use super::{
    super::{
        SourceError,
        reconcile::Pass,
        slot::{Held, Roots},
    },
    burst::GONE_PER_COME,
    emptying::COUNTED_MAX,
    taken::Taken,
};
use crate::{
    beneath,
    index::Index,
    meta::{ObjectKind, Oid},
    root::is_filled_directory,
};
use model::elements::roots::RESERVED_DIRECTORY;
use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd},
};

/// Entries that are looked at in each root in search of something known, and how deep.
const SEARCHED_MAX: u64 = 10_000;
const SEARCHED_DEPTH_MAX: usize = 64;
/// Entries at the top that are looked for first: one of them is nearly always there.
const FIRST: u32 = 64;

impl Pass<'_, '_> {
    /// Whether nothing is left of what the root had before the batch, and hardly anything came instead.
    pub(super) fn has_lost_all(
        &self,
        root: Oid,
        held: &Held,
        taken: &Taken,
        first_new: Oid,
    ) -> Result<bool, SourceError> {
        let from = taken.from(root);
        if from.is_some_and(|from| from.moved > 0) || self.has_kept(root, held, first_new)? {
            return Ok(false);
        }
        let gone =
            from.map_or(0, |from| from.gone.len() as u64) + self.index.count_older_names_below(root, first_new)?;
        let mut search = Search { index: self.index, first_new, root, new: 0 };
        if gone == 0 || search.finds_in(held, true)? || gone < search.new * GONE_PER_COME {
            return Ok(false);
        }
        if search.finds_in_another(self.roots)? {
            return Ok(false);
        }
        let mut top: Vec<(Vec<u8>, bool)> = from.map(|from| from.top.clone()).unwrap_or_default();
        for (name, oid) in self.index.some_names_in(root, COUNTED_MAX)? {
            if oid < first_new {
                top.push((name, self.index.count_names_in(oid, 1)? > 0));
            }
        }
        Ok(!has_top(held.root.fd(), &top)?)
    }

    /// Whether some name at the top, which the batch did not change, still stands for what it stood for.
    fn has_kept(&self, root: Oid, held: &Held, first_new: Oid) -> Result<bool, SourceError> {
        for some in [FIRST, u32::MAX] {
            let known = self.index.some_names_in(root, some)?;
            for (name, oid) in known.iter().filter(|(_, oid)| *oid < first_new) {
                let entry = match beneath::open_entry(held.root.fd(), name) {
                    Ok(entry) => entry,
                    // Covered by a mount.
                    Err(error) if error.raw_os_error() == Some(libc::EXDEV) => return Ok(true),
                    Err(_) => continue,
                };
                let key = held.filesystem.key(entry.as_fd())?;
                if self.index.object(*oid)?.is_some_and(|stored| stored.key == key) {
                    return Ok(true);
                }
            }
            if known.len() < FIRST as usize {
                break;
            }
        }
        Ok(false)
    }
}

/// A search for what a root had, nearest first.
struct Search<'a> {
    index: &'a Index,
    /// Objects from this number on were not known before.
    first_new: Oid,
    root: Oid,
    /// Entries that were not known.
    new: u64,
}

impl Search<'_> {
    /// Whether something of the root lies in `held`, at whatever place. In the root itself, whatever is known will do.
    fn finds_in(&mut self, held: &Held, is_itself: bool) -> Result<bool, SourceError> {
        let (mut queue, mut seen) = (VecDeque::from([(Vec::new(), 0)]), 0);
        while let Some((path, depth)) = queue.pop_front() {
            let Ok(directory) = beneath::open_dir(held.root.fd(), &path) else { continue };
            for name in beneath::names(directory.as_fd())? {
                if seen >= SEARCHED_MAX {
                    return Ok(false);
                }
                if path.is_empty() && name == RESERVED_DIRECTORY.as_bytes() {
                    continue;
                }
                let Ok(entry) = beneath::open_entry(directory.as_fd(), &name) else { continue };
                seen += 1;
                if self.knows(held, entry.as_fd(), is_itself)? {
                    return Ok(true);
                }
                let kind = ObjectKind::from_mode(beneath::stat(entry.as_fd())?.st_mode);
                if kind == Some(ObjectKind::Directory) && depth < SEARCHED_DEPTH_MAX {
                    queue.push_back((joined(&path, &name), depth + 1));
                }
            }
        }
        Ok(false)
    }

    fn knows(&mut self, held: &Held, entry: BorrowedFd<'_>, is_itself: bool) -> Result<bool, SourceError> {
        let stored = self.index.object_by_key(&held.filesystem.key(entry)?)?;
        let Some(stored) = stored.filter(|stored| stored.oid < self.first_new) else {
            self.new += u64::from(is_itself);
            return Ok(false);
        };
        let place = self.index.path_of(stored.oid)?.map(|(root, _)| Oid::root(root));
        Ok(is_itself || place == Some(self.root))
    }

    /// Whether something of it lies in another root of the scenario.
    fn finds_in_another(&mut self, roots: &Roots) -> Result<bool, SourceError> {
        for (other, held) in roots.all_held() {
            if other != self.root && self.finds_in(held, false)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// `name` below `path`.
pub(super) fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') }
}

/// A root that is empty because its content was moved to another root of the scenario has lost nothing.
pub(in super::super) fn believe_moved(roots: &Roots, index: &Index) -> Result<(), SourceError> {
    let first_new = Oid(index.facts().next_oid);
    for (root, held) in roots.all_held() {
        if held.root.is_bare()? && (Search { index, first_new, root, new: 0 }).finds_in_another(roots)? {
            tracing::info!(root = %held.root.config.name, "its content was moved to another root");
            held.root.believe_bare()?;
        }
    }
    Ok(())
}

/// Whether what an emptied root had at its top is back.
pub(in super::super) fn is_back(path: &std::path::Path, root: Oid, index: &Index) -> Result<bool, SourceError> {
    let directory = std::fs::File::open(path)?;
    let mut top = Vec::new();
    for (name, oid) in index.some_names_in(root, COUNTED_MAX)? {
        top.push((name, index.count_names_in(oid, 1)? > 0));
    }
    has_top(directory.as_fd(), &top)
}

/// Whether half of these names are in `directory`, with something in each that had something. Whatever else appears in
/// it, a log file or an empty directory, says nothing; and half of nothing is nothing.
fn has_top(directory: BorrowedFd<'_>, top: &[(Vec<u8>, bool)]) -> Result<bool, SourceError> {
    let mut back = 0;
    for (name, was_filled) in top {
        let is_there = match was_filled {
            true => is_filled_directory(directory, name)?,
            false => beneath::stat_entry(directory, name).is_ok(),
        };
        back += usize::from(is_there);
    }
    Ok(back > 0 && back * 2 >= top.len())
}
