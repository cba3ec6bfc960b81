//! Barriers: a file is made and removed again in a directory of ours; when its event was read, every earlier change
//! was seen, for the kernel only ever moves events of one object earlier, never later.

use super::{
    SourceError,
    engine::Engine,
    pending::{Hint, Item},
};
use crate::beneath;
use model::{Mark, agent_status::Capture};
use std::{collections::HashSet, os::fd::AsFd, sync::mpsc::SyncSender, time::Instant};

/// All barriers that are not answered yet.
#[derive(Default)]
pub(super) struct Barriers {
    waiting: Vec<Waiting>,
}

struct Waiting {
    deadline: Instant,
    reply: SyncSender<Result<Mark, SourceError>>,
    /// Names of files whose events were not read yet.
    unseen: HashSet<Vec<u8>>,
    /// Files that may be written without events were looked at since.
    polled: bool,
}

impl Barriers {
    pub fn see(&mut self, name: &[u8]) {
        for waiting in &mut self.waiting {
            waiting.unseen.remove(name);
        }
    }

    /// Events were lost, and everything is looked at again: the same as having seen them.
    pub fn see_all(&mut self) {
        for waiting in &mut self.waiting {
            waiting.unseen.clear();
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    pub fn fail_all(&mut self) {
        for waiting in self.waiting.drain(..) {
            let _ = waiting.reply.try_send(Err(SourceError::Stopped));
        }
    }
}

impl Engine {
    pub fn begin_barrier(&mut self, deadline: Instant, reply: SyncSender<Result<Mark, SourceError>>) {
        self.check_roots();
        match self.make_barrier() {
            Ok(unseen) => self.barriers.waiting.push(Waiting { deadline, reply, unseen, polled: false }),
            // Whoever asked may have gone meanwhile.
            Err(error) => drop(reply.try_send(Err(error))),
        }
    }

    fn make_barrier(&mut self) -> Result<HashSet<Vec<u8>>, SourceError> {
        if let Some(halt) = self.roots.halt() {
            return Err(SourceError::Halted(halt.clone()));
        }
        let mut unseen = HashSet::new();
        let mut scan = false;
        for (root, slot) in self.roots.0.iter().enumerate() {
            let Ok(held) = &slot.held else { continue };
            if self.captures.root(root).is_none_or(|capture| capture.mode == Capture::Poll) {
                scan = true;
                continue;
            }
            let name = uuid::Uuid::now_v7().simple().to_string().into_bytes();
            let directory = held.barrier.0.as_fd();
            beneath::create_file(directory, &name)?;
            beneath::unlink(directory, &name)?;
            unseen.insert(name);
        }
        if scan {
            self.rescan();
        }
        Ok(unseen)
    }

    /// Answers the barriers before which nothing is left to look at.
    pub fn answer_barriers(&mut self) {
        let now = Instant::now();
        if self.barriers.waiting.iter().any(|waiting| waiting.unseen.is_empty() && !waiting.polled) {
            // What cannot be looked at is seen by whoever looks at it next.
            if let Err(error) = self.look_at_all_blind_spots() {
                tracing::warn!(%error, "not all that no event tells could be looked at");
            }
            for oid in self.rescans.unread() {
                self.pending.hot(Item::Object(oid), Hint::Content);
            }
            for waiting in self.barriers.waiting.iter_mut().filter(|waiting| waiting.unseen.is_empty()) {
                waiting.polled = true;
            }
        }
        let settled = self.pending.is_settled() && self.timers.scan_began.is_none() && self.timers.rest.is_none();
        let last = self.index.facts().last;
        let halt = self.roots.halt().cloned();
        self.barriers.waiting.retain_mut(|waiting| {
            let answer = if let Some(halt) = &halt {
                Err(SourceError::Halted(halt.clone()))
            } else if settled && waiting.polled {
                Ok(last)
            } else if now >= waiting.deadline {
                Err(SourceError::Deadline)
            } else {
                return true;
            };
            let _ = waiting.reply.try_send(answer);
            false
        });
        self.rescans.urgent = !self.barriers.waiting.is_empty();
    }
}
