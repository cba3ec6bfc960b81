//! The guards against a deletion that never was one. What is judged when:
//!
//! 1. **Before a batch is begun**, `hold`: while names go in quick succession (`burst`), or the top of a root shrinks
//!    (`emptying`), the batch waits until that is over, so that what follows is judged as one change.
//! 2. **Before a batch is committed**, `judge`: once, of what the batch takes (`taken`), of the index and of the file
//!    system. Is anything left of what a root had (`lost_all`)? Does more go than goes unasked (`mass`)? Then the batch
//!    is dropped, the root halts, and the index and the replicas keep what they have.
//! 3. **While a root is halted**: an emptied one goes on when it has its content back (`lost_all::is_back`); a mass
//!    change when what would go was approved, or is no longer much (`approval`). What would go is what `census` misses.
//!
//! A batch can hold a part of what goes only while a scan is under way. Therefore the first removal of a scan has the
//! rest of it counted first.

mod approval;
mod burst;
mod census;
mod emptying;
mod lost_all;
mod mass;
mod taken;

pub(super) use lost_all::{believe_moved, is_back};

use super::{SourceError, pending::Pending, reconcile::Pass, slot::Roots};
use crate::{index::Index, meta::Oid};
use burst::Burst;
use emptying::Emptying;
use mass::Mass;
use model::elements::mass_change::MassChange;
use std::time::Instant;
use taken::Taken;

/// What the guards remember between two batches.
pub(super) struct Guard {
    burst: Burst,
    emptying: Emptying,
    mass: Mass,
}

impl Guard {
    pub fn new(limits: MassChange, index: &Index) -> Self {
        let mass = Mass::new(limits, Oid(index.facts().next_oid));
        Self { burst: Burst::default(), emptying: Emptying::default(), mass }
    }

    /// Until when the next batch waits because a root may be being emptied.
    pub fn hold(
        &mut self,
        pending: &mut Pending,
        roots: &Roots,
        index: &Index,
        now: Instant,
    ) -> rusqlite::Result<Option<Instant>> {
        let burst = self.burst.hold(std::mem::take(&mut pending.flow), now, || index.count_names())?;
        let at_the_top = match pending.touches_a_root() {
            true => self.emptying.hold(roots.all_held(), index, now)?,
            false => None,
        };
        Ok(burst.max(at_the_top))
    }

    /// The batch that was judged last is durable: what it took counts.
    pub fn committed(&mut self, index: &Index) {
        self.mass.committed(Instant::now(), Oid(index.facts().next_oid));
    }

    /// Everything was looked at; `is_first`: for the first time since the start.
    pub fn scanned(&mut self, is_first: bool, index: &Index) {
        self.mass.scanned(is_first, Oid(index.facts().next_oid));
    }
}

impl Pass<'_, '_> {
    /// Looks at each root before the batch is committed. `first_new` is the first object number of the batch.
    pub fn judge(&mut self, first_new: Oid) -> Result<(), SourceError> {
        let taken = Taken::of(self)?;
        for (root, held) in self.roots.all_held() {
            if self.has_lost_all(root, held, &taken, first_new)? {
                held.root.note_emptied()?;
            } else if taken.from(root).is_some_and(|from| from.moved > 0) && held.root.is_bare()? {
                // Whatever has another place now, that place is in another root.
                held.root.believe_bare()?;
            }
            held.root.check()?;
        }
        self.judge_mass(taken)
    }
}
