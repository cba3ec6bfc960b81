//! A full synchronization: the target lists what it has, and each object of a snapshot of the index is adopted there
//! or copied. Changes go on meanwhile and follow from the spool.

use super::{
    content,
    link::{FollowOptions, Link},
    parts::{Now, Parts},
    theirs::Theirs,
};
use crate::{
    compare::differences,
    failpoint,
    index::{Snapshot, Stored},
    message::{BatchKind, Entry, Message, OrphanPolicy},
    meta::{Meta, ObjectKind, Oid},
    meta_io,
    preserve::Preserve,
    session::SessionError,
};
use model::{
    Mark,
    agent_status::{LinkState, Progress},
    elements::{preserve::Loss, synchronization::Orphans},
};
use std::{collections::HashSet, os::fd::AsFd, time::Duration};

/// How long a target may take between two pieces of its listing: it reads everything it has.
const LISTING_MAX: Duration = Duration::from_secs(24 * 3600);
/// Names of a directory fetched at once.
const PAGE: usize = 1000;

/// Makes the target equal to a state of the source; returns the mark of that state.
pub(super) fn mirror(link: &mut Link<'_>, options: &FollowOptions, dirty: bool) -> Result<Mark, SessionError> {
    // Times that are not kept tell nothing of the content.
    let preserve = options.preserve_at(&link.shared.config);
    let by_times = preserve.iter().all(|preserve| preserve.keeps(Loss::Timestamps));
    let by_hash = !by_times
        || dirty
        || options.force_mirror
        || options.set_aside.is_some()
        || !options.synchronization.skip_unchanged;
    let orphans = match options.synchronization.orphans {
        Orphans::Keep => OrphanPolicy::Keep,
        Orphans::Delete => OrphanPolicy::Delete,
        Orphans::Quarantine => OrphanPolicy::Quarantine,
    };
    link.report(LinkState::Synchronizing, Some(Progress { phase: "listing".into(), ..Progress::default() }));
    let lineage = {
        let mut status = link.shared.lock();
        // From here on the target is nowhere, whatever it had.
        status.acked.remove(&link.target);
        status.lineage.clone().into_bytes()
    };
    link.send(Message::Mirror { lineage, hash: by_hash, orphans, set_aside: options.set_aside })?;
    let (theirs, mut unreadable) = receive_listing(link)?;
    let snapshot = link.snapshot(true)?;
    let (entries_total, bytes_total) = snapshot.sums()?;
    let parts = Parts::new(link, snapshot.mark)?;
    let (sets_aside, totals) = (options.set_aside.is_some(), (entries_total, bytes_total));
    let mut mirror = Mirror { parts, snapshot, theirs, preserve, by_hash, sets_aside, said: HashSet::new(), totals };
    if sets_aside {
        mirror.set_aside()?;
    }
    mirror.directories()?;
    mirror.others()?;
    let Mirror { mut parts, snapshot, .. } = mirror;
    parts.end()?;
    for slot in &parts.roots.0 {
        if let Ok(held) = &slot.held {
            held.root.check()?;
        }
    }
    unreadable += parts.unreadable;
    unreadable += parts.link.shared.lock().roots.iter().map(|root| root.unreadable).sum::<u64>();
    link.sent = snapshot.mark;
    link.synced = None;
    link.send(Message::MirrorEnd { mark: snapshot.mark, complete: unreadable == 0 })?;
    Ok(snapshot.mark)
}

fn receive_listing(link: &mut Link<'_>) -> Result<(Theirs, u64), SessionError> {
    let theirs = Theirs::new(&link.shared.config.state, &link.target)?;
    let mut count = 0;
    loop {
        failpoint::pass("mirror.listing");
        match link.expect(LISTING_MAX)? {
            Message::Listing(entries) => {
                count += entries.len() as u64;
                theirs.add(entries)?;
                link.report_seldom(|| Progress { phase: "listing".into(), entries_done: count, ..Progress::default() });
            }
            Message::ListingEnd { unreadable } => return Ok((theirs, unreadable)),
            other => return Err(SessionError::Protocol(format!("{:#x} within a listing", other.kind()))),
        }
    }
}

/// A directory to visit: root, object, path, and its name in its parent unless it is a root.
type Place = (u32, Oid, Vec<u8>, Option<(Oid, Vec<u8>)>);

/// What is known of an entry of the target and its like at the source.
enum Compared {
    Equal,
    Unlike(String),
    /// It could not be read, or does not matter.
    Unknown,
}

impl Compared {
    fn of(differences: &[String]) -> Self {
        if differences.is_empty() { Self::Equal } else { Self::Unlike(differences.join(", ")) }
    }
}

struct Mirror<'l, 'a> {
    parts: Parts<'l, 'a>,
    snapshot: Snapshot,
    theirs: Theirs,
    /// What is kept in each root of the target.
    preserve: Vec<Preserve>,
    by_hash: bool,
    /// Nothing of the target is overwritten: what was not found equal is copied, and its like kept.
    sets_aside: bool,
    /// Objects with several names that were said already.
    said: HashSet<Oid>,
    totals: (u64, u64),
}

impl Mirror<'_, '_> {
    fn progress(&mut self, phase: &str) {
        let (entries_done, bytes_done) = (self.parts.objects_done, self.parts.bytes_done);
        let (entries_total, bytes_total) = (Some(self.totals.0), Some(self.totals.1));
        let phase = phase.to_owned();
        self.parts.link.report_seldom(|| Progress { phase, entries_done, entries_total, bytes_done, bytes_total });
    }

    /// Has everything moved away at the target that the source does not have just so.
    fn set_aside(&mut self) -> Result<(), SessionError> {
        let (mut root, mut path) = (0, Vec::new());
        let mut first = self.theirs.at(0, b"")?.map(|(entry, _)| entry);
        loop {
            let next = match first.take() {
                Some(entry) => Some(entry),
                None => self.theirs.after(root, &path)?,
            };
            let Some(entry) = next else { return Ok(()) };
            (root, path) = (entry.root, entry.path.clone());
            if path.is_empty() {
                continue;
            }
            match self.compare(&entry)? {
                Compared::Equal => self.theirs.set_equal(root, &path)?,
                Compared::Unknown => {}
                Compared::Unlike(why) => {
                    self.parts.link.send(Message::SetAside { root, path: path.clone(), why })?;
                    self.theirs.remove(root, &path)?;
                }
            }
            self.progress("looking for what differs");
        }
    }

    /// Whether an entry of the target is as at the source.
    fn compare(&mut self, entry: &Entry) -> Result<Compared, SessionError> {
        let Some(stored) = self.resolve(entry.root, &entry.path)? else {
            let is_dir = entry.meta.kind == ObjectKind::Directory;
            let held = self.parts.roots.held(entry.root);
            let excluded = held.is_some_and(|held| held.root.excludes.matches(&entry.path, is_dir));
            return Ok(if excluded { Compared::Unknown } else { Compared::Unlike("not at the source".to_owned()) });
        };
        if stored.meta.kind != entry.meta.kind {
            return Ok(Compared::Unlike(format!("kind {:?} != {:?}", stored.meta.kind, entry.meta.kind)));
        }
        if stored.meta.kind == ObjectKind::Directory {
            return Ok(Compared::Equal);
        }
        let preserve = self.preserve.get(entry.root as usize).copied().unwrap_or_default();
        match self.parts.look(&stored, &self.snapshot)? {
            Now::Unreadable => Ok(Compared::Unknown),
            Now::Gone => Ok(Compared::Unlike("not at the source".to_owned())),
            Now::Other(meta) => Ok(Compared::of(&differences(&meta, &entry.meta, preserve))),
            Now::File(file) => {
                let Some(meta) = self.read(&file) else { return Ok(Compared::Unknown) };
                let mut what = differences(&meta, &entry.meta, preserve);
                if what.is_empty() {
                    let Some(ours) = self.hash(&file)? else { return Ok(Compared::Unknown) };
                    what.extend((entry.hash != Some(ours)).then(|| "content".into()));
                }
                Ok(Compared::of(&what))
            }
        }
    }

    fn resolve(&self, root: u32, path: &[u8]) -> Result<Option<Stored>, SessionError> {
        let mut at = Oid::root(root);
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            match self.snapshot.named(at, name)? {
                Some(oid) => at = oid,
                None => return Ok(None),
            }
        }
        Ok(self.snapshot.object(at)?)
    }

    /// All directories, parents first.
    fn directories(&mut self) -> Result<(), SessionError> {
        let mut left: Vec<Place> =
            (0..self.parts.roots.0.len() as u32).rev().map(|root| (root, Oid::root(root), Vec::new(), None)).collect();
        while let Some((root, oid, path, name)) = left.pop() {
            let Some(stored) = self.snapshot.object(oid)? else { continue };
            self.directory(root, &stored, &path, name)?;
            let mut after = Vec::new();
            loop {
                let page = self.snapshot.page(oid, &after, PAGE)?;
                let Some((last, ..)) = page.last() else { break };
                after.clone_from(last);
                for (name, child, kind) in page {
                    if kind == ObjectKind::Directory {
                        left.push((root, child, below(&path, &name), Some((oid, name))));
                    }
                }
            }
        }
        self.parts.end()
    }

    fn directory(
        &mut self,
        root: u32,
        stored: &Stored,
        path: &[u8],
        name: Option<(Oid, Vec<u8>)>,
    ) -> Result<(), SessionError> {
        let oid = stored.oid;
        let meta = match self.parts.look(stored, &self.snapshot)? {
            Now::Other(meta) => meta,
            // A directory whose attributes cannot be read now is said as it was seen.
            _ => stored.meta.clone(),
        };
        self.parts.ensure(BatchKind::Part)?;
        let there = self.theirs.at(root, path)?.is_some_and(|(entry, _)| entry.meta.kind == ObjectKind::Directory);
        if there && name.is_some() {
            self.parts.record(Message::Adopt { oid, root, path: path.to_vec() })?;
        }
        self.parts.keep(oid, meta)?;
        if let Some((parent, name)) = name.filter(|_| !there) {
            self.parts.record(Message::Link { parent, name, oid })?;
        }
        self.progress("directories");
        self.parts.end_if_full()
    }

    /// Everything that is not a directory.
    fn others(&mut self) -> Result<(), SessionError> {
        let mut left: Vec<(u32, Oid, Vec<u8>)> =
            (0..self.parts.roots.0.len() as u32).rev().map(|root| (root, Oid::root(root), Vec::new())).collect();
        while let Some((root, directory, path)) = left.pop() {
            let mut after = Vec::new();
            loop {
                let page = self.snapshot.page(directory, &after, PAGE)?;
                let Some((last, ..)) = page.last() else { break };
                after.clone_from(last);
                for (name, oid, kind) in page {
                    if kind == ObjectKind::Directory {
                        left.push((root, oid, below(&path, &name)));
                    } else {
                        self.other(oid)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn other(&mut self, oid: Oid) -> Result<(), SessionError> {
        failpoint::pass("mirror.decide");
        let names = self.snapshot.names_of(oid)?;
        if names.len() > 1 && !self.said.insert(oid) {
            return Ok(());
        }
        let Some(stored) = self.snapshot.object(oid)? else { return Ok(()) };
        self.parts.ensure(BatchKind::Part)?;
        if !self.adopt(&stored, &names)? && self.parts.object(&stored, &self.snapshot)? {
            self.parts.names(oid, names)?;
        }
        self.progress("copying");
        self.parts.end_if_full()
    }

    /// Takes over what the target has at one of the object's names, if it is the same.
    fn adopt(&mut self, stored: &Stored, names: &[(Oid, Vec<u8>)]) -> Result<bool, SessionError> {
        let mut found = Vec::new();
        // A target that had nothing to list has nothing to be found.
        for (parent, name) in names.iter().filter(|_| self.theirs.has_any()) {
            let Some((root, above)) = self.path(*parent)? else { continue };
            let path = below(&above, name);
            if let Some((entry, equal)) = self.theirs.at(root, &path)? {
                found.push((entry, equal));
            }
        }
        if found.is_empty() {
            return Ok(false);
        }
        let (meta, file) = match self.parts.look(stored, &self.snapshot)? {
            Now::Other(meta) => (meta, None),
            Now::File(file) => match self.read(&file) {
                Some(meta) => (meta, Some(file)),
                None => return Ok(false),
            },
            Now::Gone | Now::Unreadable => return Ok(false),
        };
        let mut ours = None;
        for (entry, equal) in &found {
            let same = *equal || (!self.sets_aside && self.is_same(&meta, file.as_ref(), entry, &mut ours)?);
            if !same || !self.theirs.adopt(entry.object, stored.oid.0)? {
                continue;
            }
            let (oid, object) = (stored.oid, entry.object);
            let mut taken = HashSet::new();
            for (entry, _) in found.iter().filter(|(entry, _)| entry.object == object) {
                self.parts.record(Message::Adopt { oid, root: entry.root, path: entry.path.clone() })?;
                taken.insert((entry.root, entry.path.clone()));
            }
            match ours {
                Some(hash) => {
                    let stat = file.as_ref().and_then(|file| rustix::fs::fstat(file).ok());
                    self.parts.expect_content(stored, hash, stat.map(|stat| content::ctime(&stat)));
                }
                None => self.parts.expect_times(stored, &meta),
            }
            self.parts.keep(oid, meta)?;
            for (parent, name) in names {
                let Some((root, above)) = self.path(*parent)? else { continue };
                if !taken.contains(&(root, below(&above, name))) {
                    self.parts.record(Message::Link { parent: *parent, name: name.clone(), oid })?;
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Root and path of a directory, also of a root itself.
    fn path(&self, directory: Oid) -> Result<Option<(u32, Vec<u8>)>, SessionError> {
        Ok(self.snapshot.path_of(directory)?)
    }

    /// Whether the target's entry has the same kind and content.
    fn is_same(
        &self,
        meta: &Meta,
        file: Option<&std::os::fd::OwnedFd>,
        entry: &Entry,
        ours: &mut Option<[u8; 32]>,
    ) -> Result<bool, SessionError> {
        if (meta.kind, meta.size, meta.rdev, &meta.link)
            != (entry.meta.kind, entry.meta.size, entry.meta.rdev, &entry.meta.link)
        {
            return Ok(false);
        }
        let Some(file) = file else { return Ok(true) };
        if !self.by_hash {
            return Ok(meta.mtime == entry.meta.mtime);
        }
        if entry.hash.is_none() {
            return Ok(false);
        }
        if ours.is_none() {
            *ours = self.hash(file)?;
        }
        Ok(*ours == entry.hash)
    }

    /// What is known of a file but its content; `None` when that cannot be read.
    fn read(&self, file: &std::os::fd::OwnedFd) -> Option<Meta> {
        let stat = rustix::fs::fstat(file).map_err(std::io::Error::from);
        let preserve = self.parts.link.shared.config.preserve;
        told(stat.and_then(|stat| meta_io::read_meta(file.as_fd(), &stat, preserve)))
    }

    /// Hash of the content; `None` when it cannot be read to its end.
    fn hash(&self, file: &std::os::fd::OwnedFd) -> Result<Option<[u8; 32]>, SessionError> {
        match content::hash(file, &self.parts.link.stopped()) {
            Ok(Some(hash)) => Ok(Some(hash)),
            Ok(None) => Err(SessionError::Stopped),
            Err(error) => {
                tracing::warn!(%error, "a file cannot be read to its end");
                Ok(None)
            }
        }
    }
}

fn below(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') }
}

fn told<T>(result: std::io::Result<T>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(%error, "a file cannot be read to its end")).ok()
}
