//! What no event tells is looked at by the clock: files written lately, large ones, and those behind loop devices.

use super::{
    SourceError, content,
    engine::Engine,
    hot::Look,
    pending::{Hint, Item},
};
use std::{os::fd::AsFd, time::Instant};

impl Engine {
    pub fn look_at_blind_spots(&mut self, now: Instant) -> Result<(), SourceError> {
        for look in self.hot.due(now) {
            self.look_at_hot(look);
        }
        self.look_at_loop_devices(now)?;
        self.look_at_large_files(now)
    }

    /// Looks at all of it at once, for somebody who waits for everything that was written before.
    pub fn look_at_all_blind_spots(&mut self) -> Result<(), SourceError> {
        for look in self.hot.all() {
            self.look_at_hot(look);
        }
        self.look_at_all_loop_devices()?;
        self.look_at_all_large_files()
    }

    /// What had writers when the source ended may have been written since without a trace.
    pub fn reread_written(&mut self) {
        self.index.written().into_iter().for_each(|oid| self.pending.hot(Item::Object(oid), Hint::Reread));
    }

    fn look_at_hot(&mut self, look: Look) {
        if look.writers
            && let Ok(Some(stored)) = self.index.object(look.oid)
            && let Ok(Some(entry)) = self.roots.open(&stored.key, || self.index.path_of(look.oid).ok().flatten())
            && let Ok(file) = content::open(entry.as_fd())
        {
            let writers = content::has_writers(file.as_fd());
            if writers {
                content::start_writeback(file.as_fd());
            }
            self.hot.note_writers(look.oid, writers);
        }
        self.pending.hot(Item::Object(look.oid), if look.read { Hint::Reread } else { Hint::Scan });
    }
}
