//! A root of a scenario, held by descriptor, and its identity.
//!
//! The most dangerous event is a file system that is not mounted, or another one in its place. A root is therefore
//! known by its inode, its file system and a random id in `.standin/id`; the same three are kept in the state
//! directory, and any difference halts replication until a person has looked.

mod identity;
mod mass;
#[cfg(test)]
mod tests;

pub use identity::{Halt, adopt, refilled};
pub use mass::lift;

use crate::{beneath, exclude::Excludes, preserve::Preserve};
use identity::{Identity, Record};
use model::agent_status::HaltReason;
use model::{RootName, elements::roots::RESERVED_DIRECTORY};
use rustix::fs::{Mode, OFlags, open};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Which directory tree is meant, and what of it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootConfig {
    pub name: RootName,
    pub path: PathBuf,
    pub exclude: Vec<String>,
    /// What of its objects is kept.
    pub preserve: Preserve,
}

/// On which end of the stream a root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its emptying is not believed.
    Source,
    /// It is created when it was never known.
    Target,
}

/// A root whose identity was found right, held by descriptor.
pub struct HeldRoot {
    /// Position in the scenario's list of roots.
    pub index: u32,
    pub config: RootConfig,
    pub excludes: Excludes,
    scenario: String,
    state: PathBuf,
    side: Side,
    fd: OwnedFd,
    record: Mutex<Record>,
}

impl HeldRoot {
    /// Opens the root, giving it an identity when neither it nor `state_dir` has one.
    pub fn open(scenario: &str, index: u32, config: &RootConfig, state_dir: &Path, side: Side) -> Result<Self, Halt> {
        let root = Self::open_to_look(scenario, index, config, state_dir, side)?;
        root.check()?;
        Ok(root)
    }

    /// As `open`, also when the root waits for a word on a mass change.
    pub fn open_to_look(
        scenario: &str,
        index: u32,
        config: &RootConfig,
        state_dir: &Path,
        side: Side,
    ) -> Result<Self, Halt> {
        let unreadable = |e: &dyn std::fmt::Display| Halt::new(HaltReason::RootMissing, config, &e.to_string());
        let excludes = Excludes::new(&config.exclude).map_err(|e| unreadable(&e))?;
        let mut known = Record::load(state_dir, config).map_err(|e| unreadable(&e))?;
        // A replica that a manifest puts elsewhere is filled there. A source elsewhere would look like deletions.
        if side == Side::Target && known.as_ref().is_some_and(|record| record.moved(&config.path)) {
            known = None;
        }
        if known.is_none() && side == Side::Target {
            std::fs::create_dir_all(&config.path).map_err(|e| unreadable(&e))?;
        }
        let fd = open_root(&config.path).map_err(|e| unreadable(&e))?;
        let record = match known {
            // Who follows another host believes that one's emptiness, and what it had as a source is past.
            Some(record) => Record { emptied: record.emptied && side == Side::Source, ..record.placed(&config.path) },
            None => Record::new(Identity::found_or_made(fd.as_fd(), scenario, config)?, &config.path),
        };
        let root = Self {
            index,
            config: config.clone(),
            excludes,
            scenario: scenario.to_owned(),
            state: state_dir.to_owned(),
            side,
            fd,
            record: Mutex::new(record),
        };
        root.lock().store(&root.state, &root.config).map_err(|e| unreadable(&e))?;
        if side == Side::Target {
            // A word that nobody gave while this was a source is not waited for any more.
            mass::lift(state_dir, config).map_err(|e| unreadable(&e))?;
        }
        root.check_identity()?;
        Ok(root)
    }

    /// The root directory, opened for reading.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The random id in `.standin/id`; a new one is made only by `adopt`.
    pub fn id(&self) -> String {
        self.lock().identity.id.clone()
    }

    /// The halt of a root whose file system cannot hold what is to be kept, with the reason.
    pub fn cannot_hold(&self, why: &str) -> Halt {
        Halt::new(HaltReason::CannotHold, &self.config, why)
    }

    /// Looks by path whether the root is still the one that is held and known. To be called before anything is
    /// deleted because of what was, or was not, found in it.
    pub fn check(&self) -> Result<(), Halt> {
        self.check_identity()?;
        if self.side == Side::Source { self.check_approved() } else { Ok(()) }
    }

    fn check_identity(&self) -> Result<(), Halt> {
        let halt = |reason, why: &str| Halt::new(reason, &self.config, why);
        let now = open_root(&self.config.path).map_err(|e| halt(HaltReason::RootMissing, &e.to_string()))?;
        let mut record = self.lock();
        record.identity.compare(now.as_fd(), &self.scenario, &self.config)?;
        if !Identity::same_object(now.as_fd(), self.fd.as_fd()) {
            return Err(halt(HaltReason::RootReplaced, "the directory at its path is another one than before"));
        }
        if self.side == Side::Source {
            self.check_filled(&mut record)?;
        }
        Ok(())
    }

    /// Halts while a mass change waits for a person's word.
    fn check_approved(&self) -> Result<(), Halt> {
        match mass::load(&self.state, &self.config) {
            Ok(None) => Ok(()),
            Ok(Some(change)) => Err(Halt::of_mass_change(&self.config, change)),
            Err(e) => Err(Halt::new(HaltReason::MassChange, &self.config, &e.to_string())),
        }
    }

    /// Remembers that these paths out of `of` names would go: the root halts until that is approved, or past.
    pub fn note_mass_change(&self, going: Vec<Vec<u8>>, of: u64) -> io::Result<()> {
        mass::store(&self.state, &self.config, going, of).map(drop)
    }

    /// The digest of a list of paths, by which it is approved. Sorts them.
    pub fn digest(&self, going: &mut [Vec<u8>]) -> String {
        going.sort_unstable();
        mass::digest(&self.config, going)
    }

    /// Whether a person took what is here for the truth, and not all of it was looked at since.
    pub fn is_adopted(&self) -> bool {
        mass::is_adopted(&self.state, &self.config)
    }

    /// All of it was looked at.
    pub fn settle_adopted(&self) -> io::Result<()> {
        mass::settle_adopted(&self.state, &self.config)
    }

    /// Whether it had more than one entry and has none now.
    pub fn is_bare(&self) -> io::Result<bool> {
        Ok(self.lock().filled && holds(self.fd())? == Holds::Nothing)
    }

    /// What it had is at another place that is replicated: that it is empty is believed.
    pub fn believe_bare(&self) -> io::Result<()> {
        let mut record = self.lock();
        if record.emptied {
            return Ok(());
        }
        record.filled = false;
        record.store(&self.state, &self.config)
    }

    /// Halts when there was more than one entry and there is none now. `settle` believes that they went one by one;
    /// that all went at once is believed when a person says so, whatever appears in the root afterwards.
    fn check_filled(&self, record: &mut Record) -> Result<(), Halt> {
        let halt = |reason, why: &str| Halt::new(reason, &self.config, why);
        let missing = |e: io::Error| halt(HaltReason::RootMissing, &e.to_string());
        let held = holds(self.fd()).map_err(missing)?;
        let before = (record.filled, record.emptied);
        record.emptied |= record.filled && held == Holds::Nothing;
        record.filled |= held == Holds::Several;
        if before != (record.filled, record.emptied) {
            record.store(&self.state, &self.config).map_err(missing)?;
        }
        match record.emptied {
            true => Err(halt(HaltReason::SourceEmpty, "it lost all it had")),
            false => Ok(()),
        }
    }

    /// All it had is gone, whatever else is there now: a source halts from here on, if it had more than one entry.
    pub fn note_emptied(&self) -> io::Result<()> {
        let mut record = self.lock();
        if record.filled && self.side == Side::Source && !record.emptied {
            record.emptied = true;
            record.store(&self.state, &self.config)?;
        }
        Ok(())
    }

    /// Removals were replicated: a root that is left with a single entry may lose that one too.
    pub fn settle(&self) -> io::Result<()> {
        let mut record = self.lock();
        if record.filled && holds(self.fd())? == Holds::One {
            record.filled = false;
            record.store(&self.state, &self.config)?;
        }
        Ok(())
    }

    /// Opens `.standin/NAME`, making it when it is not there.
    pub fn reserved(&self, name: &str) -> io::Result<OwnedFd> {
        let reserved = beneath::open_subdir(self.fd(), RESERVED_DIRECTORY.as_bytes())?;
        ensure_dir(reserved.as_fd(), name.as_bytes())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Opens the directory `name` in `dir`, making it when it is not there.
pub fn ensure_dir(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    match beneath::mkdir(dir, name) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => beneath::open_subdir(dir, name),
    }
}

/// The path is the administrator's own: symbolic links in it are followed.
fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// How much there is in a root besides the reserved directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    One,
    /// Two entries at the top, or one directory that is not empty.
    Several,
}

fn holds(root: BorrowedFd<'_>) -> io::Result<Holds> {
    let mut top: Vec<Vec<u8>> = Vec::new();
    beneath::each_name(root, |name| {
        if name != RESERVED_DIRECTORY.as_bytes() {
            top.push(name.to_vec());
        }
        top.len() < 2
    })?;
    Ok(match top.as_slice() {
        [] => Holds::Nothing,
        [only] if !is_filled_directory(root, only)? => Holds::One,
        _ => Holds::Several,
    })
}

/// Whether `name` is a directory with something in it; one that cannot be read counts as filled.
pub fn is_filled_directory(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<bool> {
    let directory = match beneath::open_subdir(dir, name) {
        Ok(directory) => directory,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => return Ok(false),
        // A symbolic link is no directory.
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => return Ok(false),
        // What cannot be read, or is covered by a mount, may hold anything.
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices) => {
            return Ok(true);
        }
        Err(e) => return Err(e),
    };
    let mut filled = false;
    beneath::each_name(directory.as_fd(), |_| {
        filled = true;
        false
    })?;
    Ok(filled)
}
