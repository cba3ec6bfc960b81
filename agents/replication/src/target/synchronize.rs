//! The steps of a synchronization, from forgetting what was known to being synced.

use super::engine::{Engine, Placed};
use super::incoming::protocol;
use super::mirror;
use super::place::{Placing, Result};
use crate::failpoint;
use crate::message::OrphanPolicy;
use model::{Epoch, Mark};

/// Most paths of what was set aside that are remembered for people.
const PATHS_MAX: u64 = 100;

impl Engine {
    /// Forgets what was known, durably, before anything of a synchronization is done.
    pub fn begin_mirror(&mut self, lineage: &[u8], orphans: OrphanPolicy, set_aside: Option<Epoch>) -> Result<()> {
        self.recover()?;
        self.map.begin()?;
        mirror::reset(&self.map, &mut self.disk)?;
        self.map.set_value("lineage", Some(lineage))?;
        self.map.set_mark("synced", None)?;
        self.map.set_value("dirty", Some(&[1]))?;
        self.map.set_value("drifted", None)?;
        self.map.set_value("mirror.orphans", Some(&[orphans as u8]))?;
        self.map.set_mark("mirror.setAside", set_aside.map(|epoch| Mark { epoch, batch: 0 }))?;
        if let Some(epoch) = set_aside
            && self.set_aside_epoch()? != Some(epoch)
        {
            self.map.set_mark("setAside", Some(Mark { epoch, batch: 0 }))?;
            self.map.set_value("setAside.paths", None)?;
            self.map.set_value("setAside.lists", None)?;
        }
        self.map.commit()?;
        Ok(())
    }

    fn set_aside_epoch(&self) -> Result<Option<Epoch>> {
        Ok(self.map.mark("setAside")?.map(|mark| mark.epoch))
    }

    /// Moves one path to the quarantine of the epoch that `Mirror` gave.
    pub fn set_aside(&mut self, root: u32, path: &[u8], why: &str) -> Result<()> {
        let dirty = self.map.value("dirty")?.is_some();
        let Some(Mark { epoch, .. }) = self.map.mark("mirror.setAside")?.filter(|_| dirty) else {
            return protocol("setting something aside outside of such a synchronization");
        };
        if self.incoming.is_some() {
            return protocol("setting something aside within a batch");
        }
        let mut placing = Placing::new(&self.map, &mut self.disk, epoch, false);
        if !mirror::set_aside(&mut placing, root, path, why)? {
            return Ok(());
        }
        let count = self.map.mark("setAside")?.map_or(0, |mark| mark.batch);
        let append = |key: &str, limit: u64, line: &str| -> Result<()> {
            let mut text = self.map.value(key)?.unwrap_or_default();
            if count < limit && !text.split(|b| *b == b'\n').any(|known| known == line.as_bytes()) {
                text.extend_from_slice(format!("{line}\n").as_bytes());
                self.map.set_value(key, Some(&text))?;
            }
            Ok(())
        };
        self.map.begin()?;
        append("setAside.paths", PATHS_MAX, &crate::compare::escape(path))?;
        append("setAside.lists", u64::MAX, &super::quarantine::list_path(self.disk.root(root)?, epoch))?;
        self.map.set_mark("setAside", Some(Mark { epoch, batch: count + 1 }))?;
        self.map.commit()?;
        Ok(())
    }

    /// What was set aside since the member began to follow.
    pub fn set_aside_report(&self) -> Result<Option<model::agent_status::SetAside>> {
        let Some(mark) = self.map.mark("setAside")? else { return Ok(None) };
        let lines = |key| -> Result<Vec<String>> {
            let text = self.map.value(key)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
        };
        let list = lines("setAside.lists")?.join(", ");
        let paths = lines("setAside.paths")?;
        Ok(Some(model::agent_status::SetAside { epoch: mark.epoch, entries: mark.batch, paths, list }))
    }

    /// Ends a synchronization at `mark`: treats what the source does not have, when it has said all it has.
    pub fn end_mirror(&mut self, mark: Mark, complete: bool) -> Result<Placed> {
        if self.incoming.is_some() || self.map.value("dirty")?.is_none() {
            return protocol("the end of a synchronization that was not begun");
        }
        let policy = match self.map.value("mirror.orphans")?.as_deref() {
            Some([byte]) if *byte == OrphanPolicy::Keep as u8 => OrphanPolicy::Keep,
            Some([byte]) if *byte == OrphanPolicy::Delete as u8 => OrphanPolicy::Delete,
            _ => OrphanPolicy::Quarantine,
        };
        let epoch = self.map.mark("mirror.setAside")?.map_or(mark.epoch, |mark| mark.epoch);
        self.disk.close_all();
        self.map.begin()?;
        let mut placing = Placing::new(&self.map, &mut self.disk, epoch, false);
        if complete {
            mirror::treat_orphans(&mut placing, policy)?;
        }
        placing.settle_directories()?;
        placing.sync()?;
        let placed = Placed { problems: placing.problems, lost: placing.lost };
        self.note_synced(mark)?;
        self.map.set_value("dirty", None)?;
        if !placed.lost.is_empty() {
            self.map.set_value("drifted", Some(&[1]))?;
        }
        failpoint::pass("target.index.commit");
        self.map.commit()?;
        Ok(placed)
    }
}
