//! The target's map and disk together: batches in, marks out, and recovery. Used by one session at a time.

use super::disk::Disk;
use super::incoming::{Incoming, protocol};
use super::map::Map;
use super::place::{Placing, Result};
use super::{carry, check, mirror};
use crate::message::{BatchKind, Message};
use crate::preserve::Preserve;
use crate::root::HeldRoot;
use crate::session::SessionError;
use crate::{beneath, failpoint};
use model::{Epoch, Mark};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

/// What a target holds, as `Welcome` says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub lineage: Option<Vec<u8>>,
    pub synced: Option<Mark>,
    /// A synchronization was begun and not ended.
    pub dirty: bool,
    /// It was changed by hand since the last one.
    pub drifted: bool,
    /// In the middle of catching up over a gap: what it holds is of different times.
    pub mixed: bool,
}

/// What became of a batch that is in place.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// What this host could not make exact.
    pub problems: Vec<String>,
    /// What was there and is not any more.
    pub lost: Vec<String>,
}

/// By which a root is known in the map. That everything is kept is not said: maps of before did not say it either.
fn identity(root: &HeldRoot) -> String {
    let kept = match root.config.preserve {
        Preserve::ALL => String::new(),
        preserve => format!(" {}", preserve.bits()),
    };
    format!("{} {}{kept}\n", root.config.name, root.id())
}

pub(super) struct Engine {
    pub(super) map: Map,
    pub(super) disk: Disk,
    pub(super) incoming: Option<Incoming>,
}

impl Engine {
    /// Opens the map at `path`, carries out what a crash interrupted, and forgets everything when the roots, or what is
    /// kept in them, are not those the map was made of.
    pub fn open(path: &Path, roots: Arc<Vec<HeldRoot>>) -> Result<Self> {
        let ids: String = roots.iter().map(identity).collect();
        let mut engine = Self { map: Map::open(path)?, disk: Disk::new(roots)?, incoming: None };
        if engine.map.value("roots")?.as_deref() != Some(ids.as_bytes()) {
            engine.map.begin()?;
            mirror::reset(&engine.map, &mut engine.disk)?;
            for key in ["lineage", "synced", "dirty", "drifted", "mixed"] {
                engine.map.set_value(key, None)?;
            }
            engine.map.set_value("roots", Some(ids.as_bytes()))?;
            engine.map.commit()?;
        }
        Ok(engine)
    }

    pub fn roots(&self) -> Arc<Vec<HeldRoot>> {
        self.disk.roots.clone()
    }

    pub fn position(&self) -> Result<Position> {
        Ok(Position {
            lineage: self.map.value("lineage")?,
            synced: self.map.mark("synced")?,
            dirty: self.map.value("dirty")?.is_some(),
            drifted: self.map.value("drifted")?.is_some(),
            mixed: self.map.value("mixed")?.is_some(),
        })
    }

    /// Whether no batch is being received.
    pub fn is_idle(&self) -> bool {
        self.incoming.is_none()
    }

    /// Drops a batch that was not ended, and ends one that was recorded and not wholly placed.
    pub fn recover(&mut self) -> Result<Placed> {
        self.abandon();
        let placed = if self.map.mark("pending")?.is_some() { self.place_pending()? } else { Placed::default() };
        self.sweep()?;
        Ok(placed)
    }

    /// Drops a batch that was not ended; what was staged for it is swept later.
    pub fn abandon(&mut self) {
        self.incoming = None;
        self.map.rollback();
        self.disk.close_all();
    }

    /// Removes what earlier attempts left in the staging directories. Only when no recorded batch needs it.
    fn sweep(&mut self) -> Result<()> {
        let failed = |e| SessionError::io("sweeping a staging directory")(e);
        for root in self.disk.roots.clone().iter() {
            let staging = self.disk.staging(root.index)?;
            for name in beneath::names(staging.as_fd()).map_err(failed)? {
                if name.starts_with(b"m") {
                    let why = "left between two places by an interrupted synchronization";
                    let epoch = self.epoch()?;
                    super::quarantine::set_aside(root, epoch, staging.as_fd(), &name, &name, why).map_err(failed)?;
                } else {
                    beneath::remove_all(staging.as_fd(), &name).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// Whose quarantine is used: that of the divergence, else that of the batch or of the position.
    fn epoch(&self) -> Result<Epoch> {
        let set_aside = self.map.mark("mirror.setAside")?;
        let known = set_aside.or(self.map.mark("pending")?).or(self.map.mark("synced")?);
        Ok(known.map_or(Epoch(0), |mark| mark.epoch))
    }

    // --- batches

    pub fn begin_batch(&mut self, mark: Mark, kind: BatchKind) -> Result<()> {
        if self.incoming.is_some() {
            return protocol("a batch within a batch");
        }
        if mark.epoch.0.checked_add(1).is_none() || mark.batch.checked_add(1).is_none() {
            return protocol("a mark that cannot be");
        }
        let position = self.position()?;
        if position.lineage.is_none() {
            return protocol("a batch before any synchronization");
        }
        match (kind, position.synced.filter(|_| !position.dirty)) {
            (BatchKind::Part, _) => {}
            (_, None) => return protocol("a change before the synchronization ended"),
            (_, Some(synced)) if mark <= synced => {
                return protocol(format!("batch {mark}, which is not after {synced}"));
            }
            (BatchKind::Live, Some(synced)) if mark.batch != synced.batch + 1 => {
                return protocol(format!("batch {mark} after {synced}: some are missing"));
            }
            _ => {}
        }
        self.incoming = Some(Incoming::begin(&self.map, mark, kind)?);
        Ok(())
    }

    pub fn record(&mut self, message: Message) -> Result<()> {
        let Some(incoming) = &mut self.incoming else { return protocol("a record outside of a batch") };
        let taken = incoming.take(&self.map, &mut self.disk, message);
        self.note_drift(taken)
    }

    /// Drops a batch that cannot be taken. When that is so because the target is not what it is thought to be, the next
    /// session compares everything.
    fn note_drift<T>(&mut self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.abandon();
        }
        if matches!(result, Err(SessionError::Drifted(_))) {
            self.map.set_value("drifted", Some(&[1]))?;
        }
        result
    }

    /// Checks the batch, puts it on the disk whole, records it, and places it.
    pub fn end_batch(&mut self, mark: Mark, records: u64, digest: [u8; 32]) -> Result<Placed> {
        let Some(mut incoming) = self.incoming.take() else { return protocol("the end of no batch") };
        incoming.check_end(mark, records, digest)?;
        if records == 0 {
            if incoming.kind != BatchKind::Part {
                self.note_synced(mark)?;
            }
            self.map.commit()?;
            return Ok(Placed::default());
        }
        let links = self.map.pending_links()?;
        let fits = check::check(&self.map, &self.disk, &links)
            .and_then(|_| carry::settle(&self.map, &mut self.disk, &links, &mut incoming.problems));
        self.note_drift(fits)?;
        incoming.sync(&self.disk)?;
        self.map.set_mark("pending", Some(mark))?;
        self.map.set_value("pending.kind", Some(&[incoming.kind as u8]))?;
        self.map.commit()?;
        let mut placed = self.place_pending()?;
        placed.problems.append(&mut incoming.problems);
        Ok(placed)
    }

    /// Everything up to `mark` is here, and nothing of a later time.
    pub(super) fn note_synced(&self, mark: Mark) -> Result<()> {
        self.map.set_mark("synced", Some(mark))?;
        Ok(self.map.set_value("mixed", None)?)
    }

    /// Places the recorded batch. After an error it is still recorded, and placed by the next `recover`.
    fn place_pending(&mut self) -> Result<Placed> {
        let placed = self.try_place();
        if placed.is_err() {
            self.map.rollback();
            self.disk.close_all();
        }
        placed
    }

    fn try_place(&mut self) -> Result<Placed> {
        let Some(mark) = self.map.mark("pending")? else { return Ok(Placed::default()) };
        let is_part = self.map.value("pending.kind")?.as_deref() == Some(&[BatchKind::Part as u8]);
        let set_aside = self.map.mark("mirror.setAside")?;
        let dirty = self.map.value("dirty")?.is_some();
        let epoch = set_aside.filter(|_| dirty).map_or(mark.epoch, |mark| mark.epoch);
        self.map.begin()?;
        let mut placing = Placing::new(&self.map, &mut self.disk, epoch, dirty && set_aside.is_none());
        placing.run()?;
        let placed = Placed { problems: placing.problems, lost: placing.lost };
        let patches = self.map.pending_patches()?;
        self.map.clear_pending()?;
        match is_part {
            true => self.map.set_value("mixed", Some(&[1]))?,
            false => self.note_synced(mark)?,
        }
        if !placed.lost.is_empty() {
            self.map.set_value("drifted", Some(&[1]))?;
        }
        failpoint::pass("target.index.commit");
        self.map.commit()?;
        // Not before: a run that is repeated needs them. What a crash leaves here is swept.
        patches.iter().try_for_each(|patch| patch.remove(&self.disk))?;
        Ok(placed)
    }
}
