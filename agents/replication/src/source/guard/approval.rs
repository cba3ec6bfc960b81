//! A mass change from the moment it is suspected until it is approved, or past.

use super::{
    super::{
        SourceError,
        engine::Engine,
        slot::{Held, Roots, Slot},
    },
    census::{Missing, census},
};
use crate::meta::Oid;
use model::agent_status::{HaltReason, HeldRemoval};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Shortest time between two looks at what a halted root misses, and how much longer than a look it is.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const LOOK_FACTOR: u32 = 20;

impl Engine {
    /// A batch was dropped because too much may be going: counts what is missing, and halts the root if it is.
    pub fn look_through(&mut self, root: Oid) -> Result<(), SourceError> {
        let Some(held) = self.roots.held_as(root).cloned() else { return Ok(()) };
        let missing = census(&self.roots, root, &self.index)?;
        let now = Instant::now();
        let of = self.guard.mass.names(root, &self.index, self.roots.0.len() == 1, now)?;
        if self.guard.mass.is_too_much(root, &missing, of, now) {
            held.root.note_mass_change(missing.paths(), of)?;
        } else {
            self.guard.mass.counted(root, missing.replaced);
        }
        Ok(())
    }

    /// Looks from time to time whether what a halted root misses is still the same. What is hardly missing any more
    /// is no mass change; of what is another list, the digest is another one.
    pub fn look_at_halted(&mut self, now: Instant) {
        let waiting: Vec<_> = self.waiting().filter(|_| self.timers.halted <= now).collect();
        for (at, change) in waiting {
            let looked = self.look_again_at(at, &change);
            if let Err(error) = looked {
                tracing::warn!(root = %self.roots.0[at].config.name, %error, "what is missing cannot be counted");
            }
            self.timers.halted = Instant::now() + LOOK_EVERY.max(now.elapsed() * LOOK_FACTOR);
        }
    }

    /// Roots that wait for a word on a mass change.
    fn waiting(&self) -> impl Iterator<Item = (usize, HeldRemoval)> {
        let halts = self.roots.0.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.held.as_ref().err()?)));
        let halts = halts.filter(|(_, halt)| halt.reason == HaltReason::MassChange);
        halts.filter_map(|(at, halt)| Some((at, halt.change.clone()?)))
    }

    fn look_again_at(&mut self, at: usize, change: &HeldRemoval) -> Result<(), SourceError> {
        let (held, missing) = self.look(at)?;
        if held.root.digest(&mut missing.paths()) == change.digest {
            return Ok(());
        }
        let now = Instant::now();
        let few = (missing.names.len() as u64) < change.removed / 2;
        if few && !self.guard.mass.is_too_much(Oid::root(at as u32), &missing, change.of, now) {
            tracing::info!(root = %held.root.config.name, "hardly anything is missing any more; it goes on");
            self.lift(at)?;
        } else {
            held.root.note_mass_change(missing.paths(), change.of)?;
            self.reopen(at);
            self.publish_roots(false);
        }
        Ok(())
    }

    /// Opens a halted root only to see what it misses.
    fn look(&self, at: usize) -> Result<(Arc<Held>, Missing), SourceError> {
        let (shared, slot) = (&self.shared, &self.roots.0[at]);
        let held = Slot::look(&shared.config.scenario, at as u32, &slot.config, &shared.config.state, self.by_key())?;
        let mut roots = Roots(self.roots.0.clone());
        roots.0[at].held = Ok(Arc::clone(&held));
        Ok((held, census(&roots, Oid::root(at as u32), &self.index)?))
    }

    fn reopen(&mut self, at: usize) {
        let (config, by_key) = (&self.shared.config, self.by_key());
        let slot = &mut self.roots.0[at];
        *slot = Slot::open(&config.scenario, at as u32, &slot.config, &config.state, by_key);
    }

    fn lift(&mut self, at: usize) -> Result<(), SourceError> {
        crate::root::lift(&self.shared.config.state, &self.roots.0[at].config)?;
        self.reopen(at);
        self.place_marks();
        Ok(())
    }

    /// Lets exactly the list go that `digest` stands for, once. A list that has become another one meanwhile is
    /// refused, with its digest.
    pub fn approve(&mut self, digest: &str) -> Result<String, SourceError> {
        let found = self.waiting().find(|(_, change)| change.digest == digest);
        let Some((at, change)) = found else {
            let waiting: Vec<String> = self.waiting().map(|(_, change)| change.digest).collect();
            return Err(SourceError::NotApproved(match waiting.is_empty() {
                true => "no root is halted by a mass change".to_owned(),
                false => format!("what waits has the digest {}", waiting.join(", ")),
            }));
        };
        let (held, missing) = self.look(at)?;
        let now = held.root.digest(&mut missing.paths());
        let count = missing.names.len();
        if now != digest {
            held.root.note_mass_change(missing.paths(), change.of)?;
            self.reopen(at);
            self.publish_roots(false);
            return Err(SourceError::NotApproved(format!(
                "what would go has changed: {count} names now, digest {now}; look at it again"
            )));
        }
        self.guard.mass.approve(Oid::root(at as u32), missing.objects());
        self.lift(at)?;
        Ok(format!("{count} names of root {} may go", held.root.config.name))
    }
}
