//! What a root is known by, in `.standin/id` and in the state directory.

use super::{RootConfig, ensure_dir, mass, open_root};
use crate::beneath;
use model::agent_status::{HaltReason, HeldRemoval};
use model::elements::roots::RESERVED_DIRECTORY;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// Longest identity file that is read.
const IDENTITY_BYTES_MAX: u64 = 4096;
const ID_FILE: &[u8] = b"id";
const ID_FILE_NEW: &[u8] = b"id.new";

/// Why a root must not be replicated until a person has looked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Halt {
    pub reason: HaltReason,
    pub message: String,
    /// What would go, where that is the reason.
    pub change: Option<HeldRemoval>,
}

impl Halt {
    pub fn new(reason: HaltReason, root: &RootConfig, why: &str) -> Self {
        let message = format!("root {} at {}: {why}", root.name, root.path.display());
        Self { reason, message, change: None }
    }

    pub(super) fn of_mass_change(root: &RootConfig, change: HeldRemoval) -> Self {
        let why =
            format!("{} of {} names would be removed elsewhere, digest {}", change.removed, change.of, change.digest);
        Self { change: Some(change), ..Self::new(HaltReason::MassChange, root, &why) }
    }
}

/// A root's random id, and the object it was given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub id: String,
    inode: u64,
    /// Device number; may change with a reboot, then `file_system` decides.
    device: u64,
    /// Type and id of the file system, as `statfs` tells them.
    file_system: String,
    /// File handle with generation, in hexadecimal; empty when the file system gives none.
    handle: String,
}

impl Identity {
    /// Takes over an id that this scenario and root left here before, or writes a new one.
    pub fn found_or_made(root: BorrowedFd<'_>, scenario: &str, config: &RootConfig) -> Result<Self, Halt> {
        let halt = |why: &str| Halt::new(HaltReason::ReservedName, config, why);
        let io_halt = |e: io::Error| Halt::new(HaltReason::RootMissing, config, &e.to_string());
        let fresh = match beneath::mkdir(root, RESERVED_DIRECTORY.as_bytes()) {
            Ok(()) => true,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
            Err(e) => return Err(io_halt(e)),
        };
        let reserved = beneath::open_subdir(root, RESERVED_DIRECTORY.as_bytes())
            .map_err(|_| halt("`.standin` is not a directory, and the name is reserved"))?;
        let id = match read_id(reserved.as_fd()).map_err(io_halt)? {
            Some(text) => parse_id(&text, scenario, config)
                .ok_or_else(|| halt("`.standin` belongs to another scenario or root, or was made by hand"))?,
            // A crash between making the directory and writing the id leaves it without anything else.
            None if fresh || is_bare(reserved.as_fd()).map_err(io_halt)? => {
                write_id(reserved.as_fd(), scenario, config).map_err(io_halt)?
            }
            None => return Err(halt("`.standin` is reserved, and what is there is not ours")),
        };
        Self::of(root, id).map_err(io_halt)
    }

    fn of(root: BorrowedFd<'_>, id: String) -> io::Result<Self> {
        let stat = beneath::stat(root)?;
        let handle = beneath::file_handle(root).unwrap_or_default();
        Ok(Self {
            id,
            inode: stat.st_ino as u64,
            device: stat.st_dev as u64,
            file_system: file_system(root)?,
            handle: handle.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}"); // Writing to a string does not fail.
                text
            }),
        })
    }

    /// Whether two descriptors stand for one object.
    pub fn same_object(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
        let key = |fd| beneath::stat(fd).map(|stat| (stat.st_dev, stat.st_ino));
        matches!((key(a), key(b)), (Ok(a), Ok(b)) if a == b)
    }

    /// Halts unless `root` is the object this identity was given to and holds its id.
    pub fn compare(&self, root: BorrowedFd<'_>, scenario: &str, config: &RootConfig) -> Result<(), Halt> {
        let replaced = |why: &str| Err(Halt::new(HaltReason::RootReplaced, config, why));
        let failed = |e: io::Error| Halt::new(HaltReason::RootMissing, config, &e.to_string());
        let text = match beneath::open_subdir(root, RESERVED_DIRECTORY.as_bytes()) {
            Ok(reserved) => read_id(reserved.as_fd()).map_err(failed)?,
            Err(_) => None,
        };
        let Some(text) = text else {
            return replaced("`.standin/id` is missing; is its file system mounted?");
        };
        if parse_id(&text, scenario, config).as_ref() != Some(&self.id) {
            return replaced("`.standin/id` is not the one that is known");
        }
        let now = Self::of(root, self.id.clone()).map_err(failed)?;
        if now.inode != self.inode || now.handle != self.handle {
            return replaced("it is another directory than the known one");
        }
        if now.device != self.device && now.file_system != self.file_system {
            return replaced("it lies on another file system than the known one");
        }
        Ok(())
    }
}

fn file_system(root: BorrowedFd<'_>) -> io::Result<String> {
    let vfs = rustix::fs::fstatvfs(root)?;
    Ok(format!("{:x}-{:x}", rustix::fs::fstatfs(root)?.f_type, vfs.f_fsid))
}

fn read_id(reserved: BorrowedFd<'_>) -> io::Result<Option<String>> {
    let file = match beneath::open_file(reserved, ID_FILE) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => std::fs::File::from(other?),
    };
    let mut text = Vec::new();
    file.take(IDENTITY_BYTES_MAX).read_to_end(&mut text)?;
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}

/// The random id in `text`, when it was written for this scenario and root.
fn parse_id(text: &str, scenario: &str, config: &RootConfig) -> Option<String> {
    let mut lines = text.lines();
    let named =
        lines.next() == Some(&format!("scenario {scenario}")) && lines.next() == Some(&format!("root {}", config.name));
    let id = lines.next()?.strip_prefix("id ")?;
    (named && uuid::Uuid::try_parse(id).is_ok()).then(|| id.to_owned())
}

fn write_id(reserved: BorrowedFd<'_>, scenario: &str, config: &RootConfig) -> io::Result<String> {
    let id = uuid::Uuid::now_v7().to_string();
    match beneath::unlink(reserved, ID_FILE_NEW) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = std::fs::File::from(beneath::create_file(reserved, ID_FILE_NEW)?);
    write!(file, "scenario {scenario}\nroot {}\nid {id}\n", config.name)?;
    file.sync_all()?;
    beneath::rename((reserved, ID_FILE_NEW), (reserved, ID_FILE))?;
    beneath::fsync(reserved)?;
    Ok(id)
}

fn is_bare(reserved: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(beneath::names(reserved)?.iter().all(|name| name == ID_FILE_NEW))
}

/// Writes a new identity for what is at the root's path now: the answer of a person to a halt.
pub fn adopt(scenario: &str, config: &RootConfig, state_dir: &Path) -> io::Result<()> {
    let root = open_root(&config.path)?;
    let reserved = ensure_dir(root.as_fd(), RESERVED_DIRECTORY.as_bytes())?;
    let id = write_id(reserved.as_fd(), scenario, config)?;
    beneath::fsync(root.as_fd())?;
    Record::new(Identity::of(root.as_fd(), id)?, &config.path).store(state_dir, config)?;
    mass::note_adopted(state_dir, config)
}

/// Forgets that the root was emptied: what it had is back.
pub fn refilled(config: &RootConfig, state_dir: &Path) -> io::Result<()> {
    match Record::load(state_dir, config)? {
        Some(record) => Record { emptied: false, ..record }.store(state_dir, config),
        None => Ok(()),
    }
}

/// What the state directory remembers of a root, as lines of `key value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub identity: Identity,
    /// Whether it had more than one entry at the last look that was believed.
    pub filled: bool,
    /// It lost all it had, and nobody has said that this is right.
    pub emptied: bool,
    /// Where it was, with what is not text replaced; empty when that was not recorded.
    pub place: String,
}

/// A path in one line of text.
fn place(path: &Path) -> String {
    format!("{:?}", path.as_os_str())
}

impl Record {
    /// That of a root whose content was not looked at yet.
    pub fn new(identity: Identity, path: &Path) -> Self {
        Self { identity, filled: false, emptied: false, place: place(path) }
    }

    /// The record, with `path` where no place was recorded.
    pub fn placed(mut self, path: &Path) -> Self {
        if self.place.is_empty() {
            self.place = place(path);
        }
        self
    }

    /// Whether it was known at another place than `path`.
    pub fn moved(&self, path: &Path) -> bool {
        !self.place.is_empty() && self.place != place(path)
    }

    fn path(state_dir: &Path, config: &RootConfig) -> PathBuf {
        state_dir.join("roots").join(config.name.as_str())
    }

    /// The record of a root; a damaged one is an error and not "never known".
    pub fn load(state_dir: &Path, config: &RootConfig) -> io::Result<Option<Self>> {
        let path = Self::path(state_dir, config);
        let text = match std::fs::read_to_string(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
        let field =
            |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).ok_or_else(damaged);
        let number = |key: &str| field(key)?.parse().map_err(|_| damaged());
        Ok(Some(Self {
            identity: Identity {
                id: field("id")?.to_owned(),
                inode: number("inode")?,
                device: number("device")?,
                file_system: field("fileSystem")?.to_owned(),
                handle: field("handle")?.to_owned(),
            },
            filled: field("filled")? == "true",
            // Not in older records.
            emptied: field("emptied").is_ok_and(|emptied| emptied == "true"),
            place: field("place").unwrap_or_default().to_owned(),
        }))
    }

    /// Replaces the record durably.
    pub fn store(&self, state_dir: &Path, config: &RootConfig) -> io::Result<()> {
        let path = Self::path(state_dir, config);
        let dir = state_dir.join("roots");
        std::fs::create_dir_all(&dir)?;
        let Identity { id, inode, device, file_system, handle } = &self.identity;
        let (filled, emptied, place) = (self.filled, self.emptied, &self.place);
        let new = path.with_extension("new");
        let mut file = std::fs::File::create(&new)?;
        write!(
            file,
            "id {id}\ninode {inode}\ndevice {device}\nfileSystem {file_system}\nhandle {handle}\nfilled {filled}\nemptied {emptied}\nplace {place}\n"
        )?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        std::fs::File::open(&dir)?.sync_all()
    }
}
