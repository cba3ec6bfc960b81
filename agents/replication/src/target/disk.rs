//! The held roots with their staging directories, and the way from an object's number to a directory descriptor.

use super::map::{FileId, Map, limbo_root, root_index};
use crate::beneath;
use crate::meta::Oid;
use crate::preserve::Preserve;
use crate::root::HeldRoot;
use crate::session::SessionError;
use rustix::fs::{Mode, Stat};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Most directories that are kept open between two uses.
const OPEN_DIRECTORIES_MAX: usize = 128;
/// Deepest directory; as deep as the longest path that is exchanged allows.
const DEPTH_MAX: usize = crate::message::PATH_BYTES_MAX / 2;

type Result<T> = std::result::Result<T, SessionError>;

pub(super) struct Disk {
    pub roots: Arc<Vec<HeldRoot>>,
    staging: Vec<Arc<OwnedFd>>,
    mounts: Vec<u64>,
    open: HashMap<Oid, Arc<OwnedFd>>,
    /// Directories whose mode was changed to get into them; it is put right with their times.
    pub unlocked: Vec<Oid>,
}

/// What is at a name now.
pub(super) struct Found {
    pub fd: OwnedFd,
    pub stat: Stat,
    pub id: FileId,
}

impl Found {
    pub fn is_dir(&self) -> bool {
        self.stat.st_mode & libc::S_IFMT == libc::S_IFDIR
    }
}

/// Where a directory lies: in a root, or below something in its limbo, and the path from there.
pub(super) struct Location {
    pub root: u32,
    pub in_limbo: bool,
    pub path: Vec<u8>,
}

/// By which the inode behind `fd` is known again.
pub(super) fn file_id(fd: BorrowedFd<'_>) -> io::Result<(FileId, Stat)> {
    let stat = beneath::stat(fd)?;
    let handle = beneath::file_handle(fd).unwrap_or_default();
    Ok((FileId { inode: stat.st_ino as u64, handle }, stat))
}

/// What is at `name` in `dir`, or `None`.
pub(super) fn find(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Found>> {
    let fd = match beneath::open_entry(dir, name) {
        Ok(fd) => fd,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(SessionError::io(format!("opening {}", name.escape_ascii()))(e)),
    };
    let (id, stat) = file_id(fd.as_fd()).map_err(SessionError::io("looking at an entry"))?;
    Ok(Some(Found { fd, stat, id }))
}

impl Disk {
    pub fn new(roots: Arc<Vec<HeldRoot>>) -> Result<Self> {
        let (staging, mounts, open, unlocked) = Default::default();
        let mut disk = Self { roots: roots.clone(), staging, mounts, open, unlocked };
        for root in roots.iter() {
            let staging = root.reserved("staging").map_err(SessionError::io("opening the staging directory"))?;
            disk.staging.push(Arc::new(staging));
            disk.mounts.push(beneath::mount_id(root.fd()).map_err(SessionError::io("looking at a root"))?);
        }
        Ok(disk)
    }

    pub fn root(&self, index: u32) -> Result<&HeldRoot> {
        self.roots.get(index as usize).ok_or_else(|| SessionError::Protocol(format!("there is no root {index}")))
    }

    /// What of objects is kept in a root.
    pub fn preserve(&self, root: u32) -> Preserve {
        self.roots.get(root as usize).map(|root| root.config.preserve).unwrap_or_default()
    }

    /// What of objects is kept where the map has the directory `parent`.
    pub fn preserve_in(&self, map: &Map, parent: Oid) -> Result<Preserve> {
        Ok(self.locate(map, parent)?.map(|location| self.preserve(location.root)).unwrap_or_default())
    }

    pub fn staging(&self, index: u32) -> Result<Arc<OwnedFd>> {
        let staging = self.staging.get(index as usize).cloned();
        staging.ok_or_else(|| SessionError::Protocol(format!("there is no root {index}")))
    }

    /// Whether an object can be renamed from one root to the other.
    pub fn same_mount(&self, a: u32, b: u32) -> bool {
        a == b || self.mounts.get(a as usize) == self.mounts.get(b as usize)
    }

    pub fn one_mount(&self) -> bool {
        self.mounts.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Forgets the open directories, after a transaction was taken back.
    pub fn close_all(&mut self) {
        self.open.clear();
    }

    pub fn close(&mut self, oid: Oid) {
        self.open.remove(&oid);
    }

    /// Where the map has `oid`; `None` when no way leads from it to a root.
    pub fn locate(&self, map: &Map, oid: Oid) -> Result<Option<Location>> {
        let mut names = Vec::new();
        let mut at = oid;
        while names.len() < DEPTH_MAX {
            let base = root_index(at).map(|root| (root, false)).or(limbo_root(at).map(|root| (root, true)));
            if let Some((root, in_limbo)) = base {
                names.reverse();
                return Ok(Some(Location { root, in_limbo, path: names.join(&b'/') }));
            }
            let Some(name) = map.first_name(at)? else { return Ok(None) };
            names.push(name.name);
            at = name.parent;
        }
        Ok(None)
    }

    /// The directory `oid`, opened where the map has it. `None` when it is not there, or another directory is.
    pub fn dir(&mut self, map: &Map, oid: Oid) -> Result<Option<Arc<OwnedFd>>> {
        if let Some(root) = limbo_root(oid) {
            return self.staging(root).map(Some);
        }
        if let Some(dir) = self.open.get(&oid) {
            return Ok(Some(dir.clone()));
        }
        let mut steps = Vec::new();
        let mut at = oid;
        let mut held = loop {
            if let Some(dir) = self.open.get(&at) {
                break dir.clone();
            }
            if let Some(root) = limbo_root(at) {
                break self.staging(root)?;
            }
            if let Some(index) = root_index(at) {
                let dir = beneath::open_dir(self.root(index)?.fd(), b"");
                break self.keep(at, dir.map_err(SessionError::io("opening a root"))?);
            }
            let Some(name) = map.first_name(at)?.filter(|_| steps.len() < DEPTH_MAX) else { return Ok(None) };
            at = name.parent;
            steps.push(name);
        };
        while let Some(step) = steps.pop() {
            let Some((dir, unlocked)) = open_unlocked(held.as_fd(), &step.name)? else { return Ok(None) };
            if unlocked {
                self.unlocked.push(step.oid);
            }
            let (id, _) = file_id(dir.as_fd()).map_err(SessionError::io("looking at a directory"))?;
            let expected =
                [map.known(step.oid)?.map(|k| k.id), map.pending(step.oid)?.and_then(|p| p.staged).map(|s| s.id)];
            if !expected.contains(&Some(id)) {
                return Ok(None);
            }
            held = self.keep(step.oid, dir);
        }
        Ok(Some(held))
    }

    fn keep(&mut self, oid: Oid, dir: OwnedFd) -> Arc<OwnedFd> {
        if self.open.len() >= OPEN_DIRECTORIES_MAX {
            self.open.clear();
        }
        let dir = Arc::new(dir);
        self.open.insert(oid, dir.clone());
        dir
    }
}

/// Opens the directory `name`, giving an owner without privileges the rights to change it if it has not got them; says
/// whether it did. `None` when there is no such directory.
fn open_unlocked(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Option<(OwnedFd, bool)>> {
    use io::ErrorKind::{NotADirectory, NotFound};
    let opened = beneath::open_entry(dir, name).and_then(|entry| {
        let stat = beneath::stat(entry.as_fd())?;
        let user = rustix::process::geteuid();
        let locked = !user.is_root()
            && stat.st_uid == user.as_raw()
            && stat.st_mode & 0o700 != 0o700
            && stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
        if locked {
            rustix::fs::chmod(beneath::proc_path(entry.as_fd()), Mode::RWXU)?;
        }
        Ok((beneath::open_subdir(dir, name)?, locked))
    });
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => Ok(None),
        Err(e) if e.raw_os_error() == Some(libc::ELOOP) => Ok(None),
        Err(e) => Err(SessionError::io(format!("opening the directory {}", name.escape_ascii()))(e)),
    }
}
