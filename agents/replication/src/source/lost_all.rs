//! Whether a batch would take away all that a root held.
//!
//! A root that has lost everything is rarely left with nothing: whatever runs on goes on writing its log and pid files.
//! So what counts is not that something is there, but that something is left of what was there.

use super::{SourceError, burst::GONE_PER_COME, reconcile::Pass, slot::Held};
use crate::{beneath, meta::Oid, root::is_filled_directory};
use rustix::fs::FileType;

impl Pass<'_, '_> {
    /// Looks at each root, before the batch is committed. `first_new` is the first object number of the batch.
    pub fn check_roots(&self, first_new: Oid) -> Result<(), SourceError> {
        for (root, held) in self.roots.all_held() {
            if !self.has_left(root, first_new)? && self.mostly_removes()? && !self.is_replaced(root, held)? {
                held.root.note_emptied().map_err(SourceError::Io)?;
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
