//! Reading again what its times say is as it was, without making a batch of it when it is.

use super::{
    SourceError,
    content::{self, times},
    hot::Reading,
    pending::Hint,
    reconcile::Pass,
};
use crate::{capture::Key, index::Stored, meta::Oid};
use rustix::fs::Stat;
use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

impl Pass<'_, '_> {
    /// Whether a file that is to be read whatever its times say has the content the index has.
    pub(super) fn is_as_known(
        &mut self,
        old: Option<&Stored>,
        file: &OwnedFd,
        stat: &Stat,
        hint: Hint,
    ) -> Result<bool, SourceError> {
        let Some((old, known)) = old.and_then(|old| Some((old, old.hash?))) else { return Ok(false) };
        if hint != Hint::Reread || (old.meta.size, old.meta.mtime, old.ctime) != times(stat) || old.racy {
            return Ok(false);
        }
        let writers = content::has_writers(file.as_fd());
        if writers {
            content::start_writeback(file.as_fd());
        }
        if content::hash(file, &|| false)? != Some(known) {
            return Ok(false);
        }
        self.note_reading(old.oid, &old.key, stat, writers, false)?;
        Ok(true)
    }

    /// Notes that a file was read, and how it was found.
    pub(super) fn note_reading(
        &mut self,
        oid: Oid,
        key: &Key,
        stat: &Stat,
        writers: bool,
        moved: bool,
    ) -> Result<(), SourceError> {
        self.note_hot(oid, key, stat, writers, moved);
        Ok(self.index.note_written(oid, writers)?)
    }

    /// Notes how a file was found whose content is of no account yet.
    pub(super) fn note_hot(&mut self, oid: Oid, key: &Key, stat: &Stat, writers: bool, moved: bool) {
        let untold = self.roots.of_key(key).is_some_and(|held| !held.filesystem.writes_back());
        let recent = age(stat) < super::hot::RECENT;
        self.hot.add(oid, Reading { recent, writers, moved, untold });
    }
}

/// Time since the content was written.
fn age(stat: &Stat) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0)))
}
