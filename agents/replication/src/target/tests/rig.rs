//! A target in a temporary directory, and a source that says what a test wants it to.

use crate::content::{block_hash, hash_bytes};
use crate::message::{Base, BatchDigest, BatchKind, Content, Message, OrphanPolicy};
use crate::meta::{Meta, ObjectKind, Oid};
use crate::peer::{LocalPeer, Peer, PeerError, pair};
use crate::root::RootConfig;
use crate::session::SessionError;
use crate::target::{Target, TargetConfig, serve};
use ::model::{Epoch, Mark};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);
pub const LINEAGE: &[u8] = b"lineage-1";
pub const ROOT: Oid = Oid::root(0);

pub fn mark(batch: u64) -> Mark {
    Mark { epoch: Epoch(1), batch }
}

pub fn oid(n: u64) -> Oid {
    Oid(Oid::FIRST.0 + n)
}

pub fn meta(kind: ObjectKind) -> Meta {
    let mode = if kind == ObjectKind::Symlink { 0o777 } else { 0o640 };
    Meta {
        kind,
        mode: if kind == ObjectKind::Directory { 0o750 } else { mode },
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mtime: (1_600_000_000, 123_456_789),
        size: 0,
        rdev: 0,
        link: Vec::new(),
        xattrs: Vec::new(),
    }
}

pub fn node(oid: Oid, meta: &Meta) -> Message {
    Message::Node { oid, meta: meta.clone(), content: Content::Keep }
}

pub fn dir(n: u64) -> Message {
    node(oid(n), &meta(ObjectKind::Directory))
}

pub fn symlink(n: u64, link: &[u8]) -> Message {
    node(oid(n), &Meta { link: link.to_vec(), ..meta(ObjectKind::Symlink) })
}

/// A file with its content.
pub fn file(n: u64, content: &[u8]) -> Vec<Message> {
    file_with(n, content, &meta(ObjectKind::File))
}

pub fn file_with(n: u64, content: &[u8], meta: &Meta) -> Vec<Message> {
    let size = content.len() as u64;
    let meta = Meta { size, ..meta.clone() };
    let mut messages = vec![Message::Node { oid: oid(n), meta, content: Content::Follows }];
    for (at, piece) in content.chunks(1000).enumerate() {
        messages.push(Message::Data { oid: oid(n), offset: at as u64 * 1000, bytes: piece.to_vec() });
    }
    messages.push(Message::DataEnd { oid: oid(n), size, hash: hash_bytes(content) });
    messages
}

/// A file of one block that is changed in place.
pub fn patch(n: u64, old: &[u8], new: &[u8], meta: &Meta) -> Vec<Message> {
    let size = new.len() as u64;
    let (base, hash) = (Base::Old(block_hash(old)), block_hash(new));
    // What the old content has beyond the new one's end is cut off, and stays only if it is not looked at.
    let base = if old.len() > new.len() { Base::Zeros } else { base };
    let pieces = if new.is_empty() { Vec::new() } else { vec![(0, new.to_vec())] };
    vec![
        Message::Node { oid: oid(n), meta: Meta { size, ..meta.clone() }, content: Content::Patch },
        Message::Block { oid: oid(n), number: 0, base, new: hash, pieces },
        Message::PatchEnd { oid: oid(n), size },
    ]
}

pub fn link(parent: Oid, name: &str, n: u64) -> Message {
    Message::Link { parent, name: name.as_bytes().to_vec(), oid: oid(n) }
}

pub fn unlink(parent: Oid, name: &str, n: u64) -> Message {
    Message::Unlink { parent, name: name.as_bytes().to_vec(), oid: oid(n) }
}

/// The messages of a batch with its begin and end.
pub fn batch(mark: Mark, kind: BatchKind, records: &[Message]) -> Vec<Message> {
    let mut digest = BatchDigest::default();
    records.iter().for_each(|record| digest.add(record.kind(), &record.encode()));
    let mut messages = vec![Message::BatchBegin { mark, kind }];
    messages.extend_from_slice(records);
    messages.push(Message::BatchEnd { mark, records: digest.records(), digest: digest.digest() });
    messages
}

/// A directory that is removed in the end, or one that belongs to another process.
pub enum Place {
    Own(tempfile::TempDir),
    Lent(PathBuf),
}

impl Place {
    pub fn path(&self) -> &Path {
        match self {
            Self::Own(dir) => dir.path(),
            Self::Lent(path) => path,
        }
    }
}

pub struct Rig {
    pub dir: Place,
    pub target: Target,
    roots: Vec<&'static str>,
}

impl Rig {
    pub fn new() -> Self {
        Self::with_roots(&["data"])
    }

    pub fn with_roots(roots: &[&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::open(config(dir.path(), roots)).unwrap();
        Self { dir: Place::Own(dir), target, roots: roots.to_vec() }
    }

    /// In a directory that another process made.
    pub fn at(path: &Path) -> Self {
        Self::lent(path, &["data"])
    }

    pub fn lent(path: &Path, roots: &[&'static str]) -> Self {
        let target = Target::open(config(path, roots)).unwrap();
        Self { dir: Place::Lent(path.to_owned()), target, roots: roots.to_vec() }
    }

    /// Lets go of the map, so that another process can open it.
    pub fn close(&mut self) {
        let elsewhere = tempfile::tempdir().unwrap();
        self.target = Target::open(config(elsewhere.path(), &[])).unwrap();
    }

    /// As after a restart of the process.
    pub fn reopen(&mut self) {
        self.close();
        self.target = Target::open(config(self.dir.path(), &self.roots)).unwrap();
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.root().join(below)
    }

    /// A session; the source's end is the rig's.
    pub fn session(&self) -> Session {
        let (ours, theirs) = pair(64);
        let stop = Arc::new(AtomicBool::new(false));
        let (target, stopped) = (self.target.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut theirs = theirs;
            serve(&target, &mut theirs, &stopped)
        });
        Session { peer: ours, stop, thread: Some(thread) }
    }

    /// A target that was synchronized from nothing, at mark 0, and the session that goes on from there.
    pub fn synced(&self) -> Session {
        let mut session = self.session();
        session.mirror(OrphanPolicy::Quarantine, None);
        session.send(Message::MirrorEnd { mark: mark(0), complete: true });
        session.await_synced(mark(0));
        session
    }

    /// A session that goes on from `from`.
    pub fn goes_on(&self, from: Mark) -> Session {
        let mut session = self.session();
        session.welcome();
        session.send(Message::Continue { lineage: LINEAGE.to_vec(), from });
        session
    }

    pub fn quarantined(&self) -> Vec<String> {
        let mut found: Vec<_> = tree(&self.root().join(".standin/quarantine")).into_iter().collect();
        found.retain(|line| !line.contains("list.jsonl") && line.contains("/"));
        found
    }

    /// Names below the root, with kind and content: what a test compares.
    pub fn tree(&self) -> Vec<String> {
        tree(&self.root()).into_iter().filter(|line| !line.starts_with(".standin")).collect()
    }

    pub fn staging_is_empty(&self) -> bool {
        std::fs::read_dir(self.path(".standin/staging")).unwrap().next().is_none()
    }
}

fn config(dir: &Path, roots: &[&str]) -> TargetConfig {
    let root = |name: &&str| RootConfig {
        name: (*name).into(),
        path: dir.join(name),
        exclude: vec!["*.excluded".into()],
        preserve: crate::preserve::Preserve::ALL,
    };
    TargetConfig {
        scenario: "shop".into(),
        member: "stand-by".into(),
        roots: roots.iter().map(root).collect(),
        state: dir.join("state"),
    }
}

/// `path kind content` of everything below `top`, sorted.
pub fn tree(top: &Path) -> Vec<String> {
    fn walk(top: &Path, at: &Path, lines: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(at) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
            let found = std::fs::symlink_metadata(&path).unwrap();
            if found.is_dir() {
                lines.push(format!("{name}/"));
                walk(top, &path, lines);
            } else if found.is_symlink() {
                lines.push(format!("{name} -> {}", std::fs::read_link(&path).unwrap().display()));
            } else if found.is_file() {
                lines.push(format!("{name} = {}", String::from_utf8_lossy(&std::fs::read(&path).unwrap())));
            } else {
                lines.push(format!("{name} mode {:o}", found.mode()));
            }
        }
    }
    let mut lines = Vec::new();
    walk(top, top, &mut lines);
    lines.sort();
    lines
}

pub struct Session {
    pub peer: LocalPeer,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), SessionError>>>,
}

impl Session {
    pub fn send(&mut self, message: Message) {
        self.peer.send(message).unwrap();
    }

    /// Sends all, or as much as the other end takes before it refuses.
    pub fn send_all(&mut self, messages: Vec<Message>) {
        for message in messages {
            if self.peer.send(message).is_err() {
                return;
            }
        }
    }

    pub fn next(&mut self) -> Result<Message, PeerError> {
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < DEADLINE, "no message came");
            if let Some(message) = self.peer.receive(Duration::from_millis(20))? {
                return Ok(message);
            }
        }
    }

    pub fn welcome(&mut self) -> Message {
        let welcome = self.next().unwrap();
        assert!(matches!(welcome, Message::Welcome { .. }), "{welcome:?}");
        welcome
    }

    /// Begins a synchronization and returns what the target lists.
    pub fn mirror(&mut self, orphans: OrphanPolicy, set_aside: Option<Epoch>) -> Vec<crate::message::Entry> {
        self.welcome();
        self.send(Message::Mirror { lineage: LINEAGE.to_vec(), hash: true, orphans, set_aside });
        self.listing()
    }

    pub fn listing(&mut self) -> Vec<crate::message::Entry> {
        let mut entries = Vec::new();
        loop {
            match self.next().unwrap() {
                Message::Listing(more) => entries.extend(more),
                Message::ListingEnd { unreadable: 0 } => return entries,
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn await_synced(&mut self, wanted: Mark) {
        self.await_ack(|ack| matches!(ack, Message::Ack { synced: Some(synced), .. } if *synced == wanted));
    }

    pub fn await_ack(&mut self, is_it: impl Fn(&Message) -> bool) {
        loop {
            let message = self.next();
            match &message {
                Ok(ack @ Message::Ack { .. }) if is_it(ack) => return,
                Ok(Message::Ack { .. }) => {}
                other => panic!("{other:?}, session: {:?}", self.end()),
            }
        }
    }

    /// Sends a live batch and waits until it is synced.
    pub fn live(&mut self, batch_number: u64, records: &[Message]) {
        self.send_all(batch(mark(batch_number), BatchKind::Live, records));
        self.await_synced(mark(batch_number));
    }

    pub fn part(&mut self, number: u64, records: &[Message]) {
        self.send_all(batch(mark(number), BatchKind::Part, records));
        self.await_ack(|ack| matches!(ack, Message::Ack { applied: Some(applied), .. } if *applied == mark(number)));
    }

    /// Waits for the session to end by itself.
    pub fn end(&mut self) -> Result<(), SessionError> {
        let begin = Instant::now();
        let thread = self.thread.take().unwrap();
        while !thread.is_finished() {
            assert!(begin.elapsed() < DEADLINE, "the session goes on");
            let _ = self.peer.receive(Duration::from_millis(5));
        }
        thread.join().unwrap()
    }

    /// Ends it as a lost connection does.
    pub fn cut(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.end();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
