//! A source over a temporary directory, and the index read back as a tree.

use super::disk::Disk;
use crate::{
    capture::Tuning,
    index::{Index, Snapshot},
    message::Message,
    meta::{ObjectKind, Oid},
    preserve::Preserve,
    root::RootConfig,
    source::{SCAN_EVERY, SCRUB_EVERY, Source, SourceConfig},
};
use model::{
    Epoch, Mark,
    agent_status::Capture,
    elements::{mass_change::MassChange, spool::OnFull},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Lab {
    pub dir: TempDir,
    pub config: SourceConfig,
    pub tuning: Tuning,
    /// The file system of the root, when it has one of its own.
    pub disk: Option<Disk>,
}

impl Lab {
    pub fn new(best: Capture) -> Self {
        Self::at(tempfile::tempdir().unwrap(), None, best)
    }

    /// A root on a file system of its own; state and spool are beside it. `None` where there cannot be one.
    pub fn on(kind: &str, best: Capture) -> Option<Self> {
        let disk = Disk::new(kind)?;
        let dir = tempfile::tempdir_in(disk.path()).unwrap();
        Some(Self::at(dir, Some(disk), best))
    }

    fn at(dir: TempDir, disk: Option<Disk>, best: Capture) -> Self {
        fs::create_dir(dir.path().join("root")).unwrap();
        let config = Self::config(dir.path());
        Self { dir, config, tuning: Tuning { best: Some(best), ..Tuning::default() }, disk }
    }

    /// A source with everything below `dir`.
    pub fn config(dir: &Path) -> SourceConfig {
        SourceConfig {
            scenario: "s".into(),
            epoch: Epoch(1),
            roots: vec![RootConfig {
                name: "r".into(),
                path: dir.join("root"),
                exclude: vec![],
                preserve: Preserve::ALL,
            }],
            preserve: Preserve::ALL,
            state: dir.join("state"),
            spool: dir.join("spool"),
            spool_bytes_max: 256 << 20,
            disk_free_min: 0,
            on_full: OnFull::Resync,
            scan_every: SCAN_EVERY,
            scrub_every: SCRUB_EVERY,
            mass_change: MassChange::default(),
            targets: vec!["replica".into()],
        }
    }

    /// With less than everything kept.
    pub fn preserving(best: Capture, preserve: Preserve) -> Self {
        let mut lab = Self::new(best);
        lab.preserve(preserve);
        lab
    }

    /// Keeps something else from the next start on.
    pub fn preserve(&mut self, preserve: Preserve) {
        self.config.preserve = preserve;
        self.config.roots.iter_mut().for_each(|root| root.preserve = preserve);
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Adds a second root, `root1`, on the same file system.
    pub fn with_second_root(mut self) -> Self {
        let path = self.dir.path().join("root1");
        fs::create_dir(&path).unwrap();
        self.config.roots.push(RootConfig { name: "r1".into(), path, ..self.config.roots[0].clone() });
        self
    }

    pub fn open(&self) -> Source {
        Source::open_tuned(self.config.clone(), self.tuning).unwrap()
    }

    /// A target that holds nothing yet, so that batches are spooled.
    pub fn pin(&self, source: &Source) {
        let mut status = source.shared().lock();
        status.pins.insert("replica".into(), 0);
    }

    /// As `open`, with a target that follows from the beginning: all content is read.
    pub fn open_followed(&self) -> Source {
        fs::create_dir_all(&self.config.state).unwrap();
        let index = Index::open(&self.config.state.join("source.db")).unwrap();
        index.begin().unwrap();
        index.set_target("replica", Some(Mark::default())).unwrap();
        index.commit().unwrap();
        drop(index);
        self.open()
    }

    /// Applies all spooled batches to nothing, checks each, and lists what differs from the index then.
    pub fn told(&self, source: &Source) -> Vec<String> {
        let mut cursor = source.shared().spool.cursor(0);
        let mut names: BTreeMap<(Oid, Vec<u8>), Oid> = BTreeMap::new();
        let mut wrong = Vec::new();
        let mut nodes = std::collections::BTreeSet::new();
        while let Some(record) = cursor.read().unwrap() {
            match Message::decode(record.kind, &record.body).unwrap() {
                Message::Link { parent, name, oid } => drop(names.insert((parent, name), oid)),
                Message::Unlink { parent, name, oid } if names.remove(&(parent, name.clone())) != Some(oid) => {
                    wrong.push(format!("batch {}: unlink of {parent}/{}", record.batch, name.escape_ascii()));
                }
                Message::Node { oid, content, .. } if !nodes.insert(oid) => {
                    wrong.push(format!("batch {}: {oid} twice, {content:?}", record.batch));
                }
                Message::BatchEnd { .. } => {
                    let named: std::collections::BTreeSet<Oid> = names.values().copied().collect();
                    for ((parent, name), oid) in &names {
                        if *parent >= Oid::FIRST && !named.contains(parent) {
                            wrong.push(format!(
                                "batch {}: {parent}/{} is {oid} in nothing",
                                record.batch,
                                name.escape_ascii()
                            ));
                        }
                    }
                    nodes.clear();
                }
                _ => {}
            }
        }
        let snapshot = Snapshot::open(&self.config.state.join("source.db")).unwrap();
        for ((parent, name), oid) in &names {
            if snapshot.named(*parent, name).unwrap() != Some(*oid) {
                wrong.push(format!("told and not in the index: {parent}/{} {oid}", name.escape_ascii()));
            }
        }
        for path in self.indexed().keys() {
            let mut at = Oid::root(0);
            for name in path.split(|b| *b == b'/') {
                match names.get(&(at, name.to_vec())) {
                    Some(oid) => at = *oid,
                    None => {
                        wrong.push(format!("not told: {}", path.escape_ascii()));
                        break;
                    }
                }
            }
        }
        wrong
    }

    /// The index as a tree: path to kind, size, and the object number for files.
    pub fn indexed(&self) -> BTreeMap<Vec<u8>, Seen> {
        let snapshot = Snapshot::open(&self.config.state.join("source.db")).unwrap();
        let mut out = BTreeMap::new();
        walk(&snapshot, Oid::root(0), b"", &mut out);
        out
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: ObjectKind,
    pub mode: u32,
    pub size: u64,
    pub mtime: (i64, u32),
    /// Hash where the index has one.
    pub hash: Option<[u8; 32]>,
    /// First path of the same object.
    pub object: u64,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub link: Vec<u8>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

fn walk(snapshot: &Snapshot, dir: Oid, path: &[u8], out: &mut BTreeMap<Vec<u8>, Seen>) {
    for (name, oid, kind) in snapshot.page(dir, b"", usize::MAX >> 1).unwrap() {
        let path = if path.is_empty() { name } else { [path, &name].join(&b'/') };
        let stored = snapshot.object(oid).unwrap().unwrap();
        let crate::meta::Meta { mode, uid, gid, mtime, size, rdev, link, xattrs, .. } = stored.meta;
        let (hash, object) = (stored.hash, oid.0);
        out.insert(path.clone(), Seen { kind, mode, size, mtime, hash, object, uid, gid, rdev, link, xattrs });
        if kind == ObjectKind::Directory {
            walk(snapshot, oid, &path, out);
        }
    }
}

/// What is really there.
pub fn real(root: &Path) -> BTreeMap<Vec<u8>, Seen> {
    let mut out = BTreeMap::new();
    real_below(root, root, &mut out);
    out
}

fn real_below(root: &Path, dir: &Path, out: &mut BTreeMap<Vec<u8>, Seen>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let below = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        if below == b".standin" {
            continue;
        }
        let meta = fs::symlink_metadata(&path).unwrap();
        let Some(kind) = ObjectKind::from_mode(meta.mode()) else { continue };
        let file = kind == ObjectKind::File;
        let hash = file.then(|| {
            let mut hash = crate::content::ContentHash::default();
            let content = fs::read(&path).unwrap();
            hash.update(0, &content);
            hash.finish(content.len() as u64)
        });
        let size = if file { meta.len() } else { 0 };
        let mtime = (meta.mtime(), meta.mtime_nsec() as u32);
        let device = matches!(kind, ObjectKind::CharDevice | ObjectKind::BlockDevice);
        let link = match kind {
            ObjectKind::Symlink => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
            _ => Vec::new(),
        };
        let seen = Seen {
            kind,
            mode: meta.mode() & 0o7777,
            size,
            mtime,
            hash,
            object: meta.ino(),
            uid: meta.uid(),
            gid: meta.gid(),
            rdev: if device { meta.rdev() } else { 0 },
            link,
            xattrs: xattrs(&path),
        };
        out.insert(below, seen);
        if kind == ObjectKind::Directory {
            real_below(root, &path, out);
        }
    }
}

fn xattrs(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    use rustix::fs::{lgetxattr, llistxattr};
    let mut names = vec![0; 64 << 10];
    let length = llistxattr(path, &mut names[..]).unwrap();
    let value = |name: &[u8]| {
        let mut value = vec![0; 64 << 10];
        let length = lgetxattr(path, name, &mut value[..]).unwrap();
        value.truncate(length);
        (name.to_vec(), value)
    };
    let mut all: Vec<_> = names[..length].split(|byte| *byte == 0).filter(|n| !n.is_empty()).map(value).collect();
    all.sort();
    all
}

/// Where the data of a file lie that are not holes, as the file system keeps them.
pub fn data_of(path: &Path) -> Vec<(u64, u64)> {
    use rustix::fs::{SeekFrom, seek};
    let file = fs::File::open(path).unwrap();
    let (mut at, mut out) = (0, Vec::new());
    while let Ok(begin) = seek(&file, SeekFrom::Data(at)) {
        at = seek(&file, SeekFrom::Hole(begin)).unwrap();
        out.push((begin, at));
    }
    out
}

/// Lists what differs between what was captured and what is there. Content counts where the index knows it, and with
/// `contents` it must.
pub fn differences(ours: &BTreeMap<Vec<u8>, Seen>, real: &BTreeMap<Vec<u8>, Seen>, contents: bool) -> Vec<String> {
    let mut out = Vec::new();
    let mut objects: BTreeMap<u64, u64> = BTreeMap::new();
    for (path, want) in real {
        let name = path.escape_ascii();
        let Some(have) = ours.get(path) else {
            out.push(format!("missing {name}"));
            continue;
        };
        if (have.kind, have.mode, have.size, have.mtime) != (want.kind, want.mode, want.size, want.mtime) {
            out.push(format!("meta of {name}: {have:?} != {want:?}"));
        }
        let rest = |of: &Seen| (of.uid, of.gid, of.rdev, of.link.clone(), of.xattrs.clone());
        if rest(have) != rest(want) {
            out.push(format!("owner, device, link or attributes of {name}: {:?} != {:?}", rest(have), rest(want)));
        }
        if have.hash != want.hash && (have.hash.is_some() || (contents && want.hash.is_some())) {
            out.push(format!("content of {name} ({})", have.hash.is_some()));
        }
        if *objects.entry(want.object).or_insert(have.object) != have.object {
            out.push(format!("links of {name}"));
        }
    }
    out.extend(
        ours.keys().filter(|path| !real.contains_key(*path)).map(|path| format!("extra {}", path.escape_ascii())),
    );
    out
}

pub fn eventually(what: &str, done: impl FnMut() -> bool) {
    within(PATIENCE, what, done);
}

pub fn within(patience: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

pub fn barrier(source: &Source) -> Mark {
    source.barrier(PATIENCE).unwrap()
}
