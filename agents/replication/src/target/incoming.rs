//! Receiving a batch: its records go to the map, its new inodes to the staging directory. Nothing is placed.

use super::disk::{Disk, file_id};
use super::inherit::inherit;
use super::map::{FileId, Map, NOTHING, Name, Pending, Staged, root_index};
use super::patch::OpenPatch;
use crate::content::{self, ContentHash};
use crate::message::{BatchDigest, BatchKind, Content, Message};
use crate::meta::{Meta, ObjectKind, Oid};
use crate::session::SessionError;
use crate::{beneath, exclude, failpoint, meta_io};
use model::Mark;
use rustix::fs::FileType;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Most records of one batch.
const RECORDS_MAX: u64 = 32 << 20;
/// Up to as many files are synced one by one; the whole file system otherwise.
const SYNCED_ALONE_MAX: usize = 16;

type Result<T> = std::result::Result<T, SessionError>;

/// The batch speaks of something this target was never given. That is made good by a synchronization.
pub(super) fn missing<T>(what: impl std::fmt::Display) -> Result<T> {
    Err(SessionError::Drifted(format!("{what} was never received")))
}

pub(super) fn protocol<T>(why: impl Into<String>) -> Result<T> {
    Err(SessionError::Protocol(why.into()))
}

/// A batch of which the end has not come yet.
pub(super) struct Incoming {
    pub mark: Mark,
    pub kind: BatchKind,
    digest: BatchDigest,
    open: Option<OpenContent>,
    patch: Option<OpenPatch>,
    /// Staged files that are not on the disk yet; `None` when there are too many to sync them one by one.
    unsynced: Option<Vec<OwnedFd>>,
    staged_in: BTreeSet<u32>,
    /// Where the last named object lives: a guess for the next one.
    last_root: u32,
    pub problems: Vec<String>,
}

struct OpenContent {
    oid: Oid,
    pending: Pending,
    file: OwnedFd,
    hash: ContentHash,
}

impl Incoming {
    /// Begins a batch, in a transaction of the map.
    pub fn begin(map: &Map, mark: Mark, kind: BatchKind) -> Result<Self> {
        map.begin()?;
        let (digest, staged_in, problems) = Default::default();
        let (open, patch) = (None, None);
        Ok(Self { mark, kind, digest, open, patch, unsynced: Some(Vec::new()), staged_in, last_root: 0, problems })
    }

    /// Takes one record between begin and end.
    pub fn take(&mut self, map: &Map, disk: &mut Disk, message: Message) -> Result<()> {
        failpoint::pass("target.receive");
        self.digest.add(message.kind(), &message.encode());
        if self.digest.records() > RECORDS_MAX {
            return protocol("more records in a batch than are taken");
        }
        match message {
            Message::Data { oid, offset, bytes } => self.data(oid, offset, &bytes),
            Message::DataEnd { oid, size, hash } => self.data_end(map, disk, oid, size, hash),
            Message::Void { oid } => self.void(disk, oid),
            Message::Block { oid, .. } | Message::Zeros { oid, .. } => self.patch_of(oid)?.take(map, message),
            Message::PatchEnd { oid, size } => self.patch_end(map, oid, size),
            _ if self.patch.is_some() => protocol("a record between the changes of a file"),
            _ if self.open.is_some() => protocol("a record between the pieces of a content"),
            Message::Node { oid, meta, content } => self.node(map, disk, oid, meta, content),
            Message::Link { parent, name, oid } => self.link(map, disk, Name { parent, name, oid }),
            Message::Unlink { parent, name, oid } => self.unlink(map, Name { parent, name, oid }),
            Message::Adopt { oid, root, path } if self.kind == BatchKind::Part => {
                super::mirror::adopt(map, disk, oid, root, &path)
            }
            _ => protocol("a message that does not belong in a batch"),
        }
    }

    fn node(&mut self, map: &Map, disk: &mut Disk, oid: Oid, meta: Meta, content: Content) -> Result<()> {
        check_node(disk, oid, &meta, content)?;
        if map.pending(oid)?.is_some() {
            return protocol(format!("object {oid} twice in one batch"));
        }
        let known = map.known(oid)?;
        if known.as_ref().is_some_and(|known| known.meta.kind != meta.kind) {
            return protocol(format!("object {oid} is of another kind"));
        }
        let remade = known.as_ref().is_none_or(|k| k.meta.link != meta.link || k.meta.rdev != meta.rdev);
        let mut pending = Pending { meta, content, staged: None };
        if pending.meta.kind == ObjectKind::File {
            match (content, &known) {
                (Content::Keep | Content::Patch, None) => return missing(format!("the content of object {oid}")),
                (Content::Gone, Some(known)) => pending.meta = known.meta.clone(),
                (Content::Gone, None) => pending.meta.size = 0,
                _ => {}
            }
        }
        if content == Content::Patch {
            self.patch = Some(OpenPatch::begin(map, disk, oid, pending)?);
            return Ok(());
        }
        let needs_inode = remade || (pending.meta.kind == ObjectKind::File && content == Content::Follows);
        if needs_inode && root_index(oid).is_none() {
            let root = self.root_for(map, disk, oid)?;
            let file = self.stage(disk, oid, root, &mut pending)?;
            if let Some(file) = file.filter(|_| content == Content::Follows) {
                self.open = Some(OpenContent { oid, pending, file, hash: ContentHash::default() });
                return Ok(());
            }
        }
        map.set_pending(oid, &pending)?;
        Ok(())
    }

    /// The root in whose staging directory a new inode is made: where the object has a name, or was just named, or
    /// where the last one was.
    fn root_for(&mut self, map: &Map, disk: &Disk, oid: Oid) -> Result<u32> {
        if let Some(name) = map.future_names(oid)?.first()
            && let Some(location) = disk.locate(map, name.parent)?
        {
            self.last_root = location.root;
        }
        Ok(self.last_root)
    }

    /// Makes a new inode for `pending`; a file is returned open.
    fn stage(&mut self, disk: &Disk, oid: Oid, root: u32, pending: &mut Pending) -> Result<Option<OwnedFd>> {
        let staging = disk.staging(root)?;
        let (name, preserve) = (stage_name(oid), disk.preserve(root));
        if !preserve.keeps_kind(pending.meta.kind) {
            // Nothing stands for it here, whatever the source thinks of that.
            pending.staged = Some(Staged { root, name, id: FileId::NONE });
            return Ok(None);
        }
        let file = match make_inode(&staging, &name, &pending.meta) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && pending.meta.rdev != 0 => {
                note(&mut self.problems, "a device could not be made: not permitted".to_owned());
                pending.staged = Some(Staged { root, name, id: FileId::NONE });
                return Ok(None);
            }
            other => other.map_err(SessionError::io(format!("making a new inode for object {oid}")))?,
        };
        let entry = beneath::open_entry(staging.as_fd(), &name).map_err(SessionError::io("opening what was staged"))?;
        let (id, _) = file_id(entry.as_fd()).map_err(SessionError::io("looking at what was staged"))?;
        if pending.meta.kind != ObjectKind::Directory && pending.content != Content::Follows {
            let problems = &mut self.problems;
            let applied =
                meta_io::apply_meta(entry.as_fd(), &pending.meta, preserve, &mut |problem| note(problems, problem));
            applied.map_err(SessionError::io("setting owner, mode, attributes and time"))?;
        }
        self.staged_in.insert(root);
        pending.staged = Some(Staged { root, name, id });
        failpoint::pass("target.stage");
        Ok(file)
    }

    fn data(&mut self, oid: Oid, offset: u64, bytes: &[u8]) -> Result<()> {
        let Some(open) = self.open.as_mut().filter(|open| open.oid == oid) else {
            return protocol(format!("content for object {oid}, which was not announced"));
        };
        if i64::try_from(offset.saturating_add(bytes.len() as u64)).is_err() || !open.hash.update(offset, bytes) {
            return protocol("pieces of content out of order");
        }
        content::write_all_at(open.file.as_fd(), bytes, offset).map_err(SessionError::io("writing content"))
    }

    fn data_end(&mut self, map: &Map, disk: &mut Disk, oid: Oid, size: u64, hash: [u8; 32]) -> Result<()> {
        let Some(mut open) = self.open.take().filter(|open| open.oid == oid) else {
            return protocol(format!("the end of a content of object {oid}, which was not announced"));
        };
        if size < open.hash.end() || i64::try_from(size).is_err() {
            return protocol("a content longer than its length");
        }
        if open.hash.finish(size) != hash {
            return protocol(format!("the content of object {oid} is not what its hash says"));
        }
        rustix::fs::ftruncate(&open.file, size).map_err(|e| SessionError::io("setting the length")(e.into()))?;
        open.pending.meta.size = size;
        let preserve = open.pending.staged.as_ref().map(|staged| disk.preserve(staged.root)).unwrap_or_default();
        let problems = &mut self.problems;
        inherit(map, disk, oid, open.file.as_fd(), preserve, problems)?;
        meta_io::apply_meta(open.file.as_fd(), &open.pending.meta, preserve, &mut |problem| note(problems, problem))
            .map_err(SessionError::io("setting owner, mode, attributes and time"))?;
        map.set_pending(oid, &open.pending)?;
        map.settle_diverged(oid, 0, i64::MAX as u64)?;
        self.sync_later(open.file);
        Ok(())
    }

    fn patch_of(&mut self, oid: Oid) -> Result<&mut OpenPatch> {
        match self.patch.as_mut().filter(|patch| patch.oid == oid) {
            Some(patch) => Ok(patch),
            None => protocol(format!("changes of object {oid}, which were not announced")),
        }
    }

    fn patch_end(&mut self, map: &Map, oid: Oid, size: u64) -> Result<()> {
        self.patch_of(oid)?;
        let Some(patch) = self.patch.take() else { return Ok(()) };
        let (root, changes) = patch.end(map, size)?;
        self.staged_in.insert(root);
        self.sync_later(changes);
        Ok(())
    }

    fn sync_later(&mut self, file: OwnedFd) {
        match &mut self.unsynced {
            Some(files) if files.len() < SYNCED_ALONE_MAX => files.push(file),
            _ => self.unsynced = None,
        }
    }

    /// Drops what came of a content.
    fn void(&mut self, disk: &Disk, oid: Oid) -> Result<()> {
        if let Some(patch) = self.patch.take_if(|patch| patch.oid == oid) {
            return patch.void(disk);
        }
        let Some(open) = self.open.take().filter(|open| open.oid == oid) else {
            return protocol(format!("no more content of object {oid}, which was not announced"));
        };
        let Some(staged) = open.pending.staged else { return Ok(()) };
        let removed = beneath::unlink(disk.staging(staged.root)?.as_fd(), &staged.name);
        removed.map_err(SessionError::io("removing what was staged"))
    }

    fn link(&mut self, map: &Map, disk: &Disk, name: Name) -> Result<()> {
        check_name(&name)?;
        if root_index(name.oid).is_some() {
            return protocol("a name for a root");
        }
        if let Some(location) = disk.locate(map, name.parent)? {
            self.last_root = location.root;
        }
        map.set_pending_link(&name)?;
        Ok(())
    }

    /// A name that stands for something else, or that the batch gives a new meaning to, is left alone.
    fn unlink(&mut self, map: &Map, name: Name) -> Result<()> {
        check_name(&name)?;
        let given = map.pending_child(name.parent, &name.name)?.is_some_and(|oid| oid != NOTHING);
        if !given && map.child(name.parent, &name.name)? == Some(name.oid) {
            map.set_pending_link(&Name { oid: NOTHING, ..name })?;
        }
        Ok(())
    }

    /// Checks the numbers in the end of the batch, and that all contents came.
    pub fn check_end(&self, mark: Mark, records: u64, digest: [u8; 32]) -> Result<()> {
        if self.open.is_some() || self.patch.is_some() {
            return protocol("the batch ends within a content");
        }
        if mark != self.mark || records != self.digest.records() || digest != self.digest.digest() {
            return protocol("the end of the batch does not fit what came before");
        }
        Ok(())
    }

    /// Puts everything that was staged on the disk.
    pub fn sync(&mut self, disk: &Disk) -> Result<()> {
        let failed = |e| SessionError::io("syncing what was staged")(e);
        for root in &self.staged_in {
            let staging = disk.staging(*root)?;
            if self.unsynced.is_none() {
                beneath::syncfs(staging.as_fd()).map_err(failed)?;
            }
        }
        for file in self.unsynced.iter_mut().flat_map(|files| files.drain(..)) {
            beneath::fsync(file.as_fd()).map_err(failed)?;
        }
        for root in &self.staged_in {
            beneath::fsync(disk.staging(*root)?.as_fd()).map_err(failed)?;
        }
        Ok(())
    }
}

/// Most problems of one batch that are told.
const PROBLEMS_MAX: usize = 10;

pub(super) fn note(problems: &mut Vec<String>, problem: String) {
    if problems.len() < PROBLEMS_MAX && !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn check_node(disk: &Disk, oid: Oid, meta: &Meta, content: Content) -> Result<()> {
    if i64::try_from(oid.0).is_err() || oid.0 == 0 {
        return protocol(format!("there is no object {oid}"));
    }
    if let Some(root) = root_index(oid) {
        disk.root(root)?;
        if meta.kind != ObjectKind::Directory {
            return protocol("a root that is no directory");
        }
    }
    if matches!(content, Content::Follows | Content::Patch) && meta.kind != ObjectKind::File {
        return protocol("content for what is no file");
    }
    let link_ok = (meta.kind == ObjectKind::Symlink) != meta.link.is_empty() && !meta.link.contains(&0);
    if !link_ok {
        return protocol("the text of a symbolic link for something else, or none for one");
    }
    Ok(())
}

fn check_name(name: &Name) -> Result<()> {
    if !beneath::valid_name(&name.name) {
        return protocol(format!("{:?} is no name", name.name.escape_ascii().to_string()));
    }
    if root_index(name.parent).is_some() && exclude::is_reserved(&name.name) {
        return protocol("a message about the reserved directory");
    }
    if [name.parent, name.oid].iter().any(|oid| i64::try_from(oid.0).is_err() || oid.0 == 0) {
        return protocol("a name for an object that cannot be");
    }
    Ok(())
}

/// A name in the staging directory that nobody else has.
pub(super) fn stage_name(oid: Oid) -> Vec<u8> {
    format!("s{oid}.{}", uuid::Uuid::now_v7().simple()).into_bytes()
}

/// Makes an inode of the kind of `meta`, with what cannot be set later; a file is returned open.
pub(super) fn make_inode(dir: &OwnedFd, name: &[u8], meta: &Meta) -> io::Result<Option<OwnedFd>> {
    match meta.kind {
        ObjectKind::File => return beneath::create_file(dir.as_fd(), name).map(Some),
        ObjectKind::Directory => beneath::mkdir(dir.as_fd(), name)?,
        ObjectKind::Symlink => beneath::symlink(&meta.link, dir.as_fd(), name)?,
        ObjectKind::Fifo => beneath::mknod(dir.as_fd(), name, FileType::Fifo, 0)?,
        ObjectKind::CharDevice => beneath::mknod(dir.as_fd(), name, FileType::CharacterDevice, meta.rdev)?,
        ObjectKind::BlockDevice => beneath::mknod(dir.as_fd(), name, FileType::BlockDevice, meta.rdev)?,
    }
    Ok(None)
}
