//! What the spool did not hold: the difference since the target's position, from the set of what changed and from the
//! file system as it is now.

use super::{link::Link, parts::Parts};
use crate::{
    index::{GapName, Snapshot, Stored},
    message::{BatchKind, Message},
    meta::{ObjectKind, Oid},
    session::SessionError,
};
use model::{
    Mark,
    agent_status::{LinkState, Progress},
};
use std::collections::{HashMap, HashSet};

/// Brings a target that is at `at` to the state of now; returns the mark of that.
pub(super) fn resync(link: &mut Link<'_>, at: Mark) -> Result<Mark, SessionError> {
    let snapshot = link.snapshot(false)?;
    let names = snapshot.gap_names(at.batch)?;
    let objects = snapshot.gap_objects(at.batch)?;
    let total = objects.len() as u64;
    let progress = move |done, bytes| Progress {
        phase: "copying what the spool could not hold".into(),
        entries_done: done,
        entries_total: Some(total),
        bytes_done: bytes,
        bytes_total: None,
    };
    link.report(LinkState::Following, Some(progress(0, 0)));
    let mut parts = Parts::new(link, snapshot.mark)?;
    let plan = Plan::new(&snapshot, &names, &objects)?;
    plan.tree(&mut parts, &snapshot)?;
    for oid in &plan.others {
        let Some(stored) = snapshot.object(*oid)? else { continue };
        parts.ensure(BatchKind::Part)?;
        if parts.object(&stored, &snapshot)? {
            parts.names(*oid, snapshot.names_of(*oid)?)?;
        }
        let (done, bytes) = (parts.objects_done, parts.bytes_done);
        parts.link.report_seldom(|| progress(done, bytes));
        parts.end_if_full()?;
    }
    parts.end()?;
    for slot in &parts.roots.0 {
        if let Ok(held) = &slot.held {
            held.root.check()?;
        }
    }
    parts.link.sent = parts.link.sent.max(snapshot.mark);
    parts.ensure(BatchKind::Resync)?;
    for (parent, name, oid) in removed(&snapshot, names)? {
        parts.record(Message::Unlink { parent, name, oid })?;
    }
    parts.end()?;
    Ok(snapshot.mark)
}

/// What is sent in which order.
struct Plan {
    /// Directories, parents before what they hold.
    directories: Vec<Stored>,
    /// Names of objects that are not sent themselves.
    renamed: Vec<(Oid, Vec<u8>, Oid)>,
    /// Former names of directories that have another one now.
    left: Vec<(Oid, Vec<u8>, Oid)>,
    others: Vec<Oid>,
}

impl Plan {
    fn new(snapshot: &Snapshot, names: &[GapName], objects: &[Oid]) -> Result<Self, SessionError> {
        let mut directories: HashSet<Oid> = HashSet::new();
        let mut others = Vec::new();
        for oid in objects {
            match snapshot.object(*oid)? {
                Some(stored) if stored.meta.kind == ObjectKind::Directory => drop(directories.insert(*oid)),
                Some(_) => others.push(*oid),
                None => {}
            }
        }
        let sent: HashSet<Oid> = others.iter().copied().collect();
        let (mut renamed, mut left) = (Vec::new(), Vec::new());
        for name in names {
            let now = snapshot.named(name.parent, &name.name)?;
            if let Some(before) = name.before.filter(|before| now != Some(*before))
                && is_directory(snapshot, before)?
                && !now.map_or(Ok(false), |now| is_directory(snapshot, now))?
            {
                left.push((name.parent, name.name.clone(), before));
            }
            let Some(oid) = now else { continue };
            match snapshot.object(oid)? {
                Some(stored) if stored.meta.kind == ObjectKind::Directory => drop(directories.insert(oid)),
                Some(_) if !sent.contains(&oid) => renamed.push((name.parent, name.name.clone(), oid)),
                _ => {}
            }
        }
        let mut ordered = Vec::new();
        for oid in directories {
            let depth = snapshot.path_of(oid)?.map_or(0, |(_, path)| path.split(|byte| *byte == b'/').count());
            if let Some(stored) = snapshot.object(oid)? {
                ordered.push((depth * usize::from(oid >= Oid::FIRST), stored));
            }
        }
        ordered.sort_by_key(|(depth, stored)| (*depth, stored.oid));
        Ok(Self { directories: ordered.into_iter().map(|(_, stored)| stored).collect(), renamed, left, others })
    }

    /// All directories and all mere renames in one part: whatever swapped places is settled at once, before anything
    /// else takes a name.
    fn tree(&self, parts: &mut Parts<'_, '_>, snapshot: &Snapshot) -> Result<(), SessionError> {
        if self.directories.is_empty() && self.renamed.is_empty() && self.left.is_empty() {
            return Ok(());
        }
        parts.ensure(BatchKind::Part)?;
        let mut named = Vec::new();
        for stored in &self.directories {
            if parts.object(stored, snapshot)? {
                named.push(stored.oid);
            }
        }
        for oid in named {
            parts.names(oid, snapshot.names_of(oid)?)?;
        }
        let taken: HashSet<(Oid, &[u8])> =
            self.renamed.iter().map(|(parent, name, _)| (*parent, name.as_slice())).collect();
        for (parent, name, oid) in &self.renamed {
            parts.record(Message::Link { parent: *parent, name: name.clone(), oid: *oid })?;
        }
        for (parent, name, oid) in
            self.left.iter().filter(|(parent, name, _)| !taken.contains(&(*parent, name.as_slice())))
        {
            parts.record(Message::Unlink { parent: *parent, name: name.clone(), oid: *oid })?;
        }
        parts.end()
    }
}

fn is_directory(snapshot: &Snapshot, oid: Oid) -> Result<bool, SessionError> {
    Ok(snapshot.object(oid)?.is_some_and(|stored| stored.meta.kind == ObjectKind::Directory))
}

/// Names that are gone, those in a directory before the directory's own.
fn removed(snapshot: &Snapshot, names: Vec<GapName>) -> Result<Vec<(Oid, Vec<u8>, Oid)>, SessionError> {
    let mut gone = Vec::new();
    for GapName { parent, name, before } in names {
        if let Some(oid) = before
            && snapshot.named(parent, &name)?.is_none()
        {
            gone.push((parent, name, oid));
        }
    }
    let parents: HashMap<Oid, Oid> = gone.iter().map(|(parent, _, oid)| (*oid, *parent)).collect();
    let depth = |mut at: Oid| {
        let mut depth = 0;
        while let Some(up) = parents.get(&at)
            && depth <= parents.len()
        {
            (at, depth) = (*up, depth + 1);
        }
        depth
    };
    gone.sort_by_cached_key(|(parent, name, _)| (std::cmp::Reverse(depth(*parent)), *parent, name.clone()));
    Ok(gone)
}
