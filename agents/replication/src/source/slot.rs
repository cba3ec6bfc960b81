//! The roots of a source: each held, or halted with the reason.

use crate::{
    capture::{Filesystem, Key},
    meta::Oid,
    root::{Halt, HeldRoot, RootConfig, Side},
};
use model::agent_status::HaltReason;
use std::{io, os::fd::OwnedFd, path::Path, sync::Arc};

/// A root that may be read.
pub(super) struct Held {
    pub root: HeldRoot,
    pub filesystem: Filesystem,
    /// Directory for barrier files, and its key.
    pub barrier: (OwnedFd, Key),
    /// Objects are opened by their handles.
    pub by_key: bool,
}

/// A root, whatever its state.
#[derive(Clone)]
pub(super) struct Slot {
    pub config: RootConfig,
    pub held: Result<Arc<Held>, Halt>,
}

impl Slot {
    pub fn open(scenario: &str, index: u32, config: &RootConfig, state: &Path, by_key: bool) -> Self {
        let held = Self::look(scenario, index, config, state, by_key);
        let held = held.and_then(|held| held.root.check().map(|()| held));
        Self { config: config.clone(), held }
    }

    /// Opens a root that may wait for a word on a mass change, only to look at it.
    pub fn look(
        scenario: &str,
        index: u32,
        config: &RootConfig,
        state: &Path,
        by_key: bool,
    ) -> Result<Arc<Held>, Halt> {
        let root = HeldRoot::open_to_look(scenario, index, config, state, Side::Source)?;
        let held = hold(root, by_key);
        held.map(Arc::new).map_err(|error| Halt::new(HaltReason::RootMissing, config, &error.to_string()))
    }

    /// Looks whether the root is still the one that is held. Returns whether it may be read.
    pub fn check(&mut self) -> bool {
        if let Ok(held) = &self.held
            && let Err(halt) = held.root.check()
        {
            tracing::warn!(root = %self.config.name, message = halt.message, "root is halted");
            self.held = Err(halt);
        }
        self.held.is_ok()
    }
}

fn hold(root: HeldRoot, by_key: bool) -> io::Result<Held> {
    let filesystem = Filesystem::of(root.fd())?;
    let directory = root.reserved("barrier")?;
    let key = filesystem.key(std::os::fd::AsFd::as_fd(&directory))?;
    let by_key = by_key && filesystem.opens_by_key(root.fd()).is_ok();
    Ok(Held { root, filesystem, barrier: (directory, key), by_key })
}

/// Opens objects of the index in the roots.
pub(super) struct Roots(pub Vec<Slot>);

impl Roots {
    pub fn held(&self, root: u32) -> Option<&Arc<Held>> {
        self.0.get(root as usize)?.held.as_ref().ok()
    }

    /// The held root whose object this is.
    pub fn held_as(&self, root: Oid) -> Option<&Arc<Held>> {
        self.all_held().find(|(oid, _)| *oid == root).map(|(_, held)| held)
    }

    /// Every held root and its object.
    pub fn all_held(&self) -> impl Iterator<Item = (Oid, &Arc<Held>)> {
        let slots = self.0.iter().enumerate();
        slots.filter_map(|(root, slot)| Some((Oid::root(root as u32), slot.held.as_ref().ok()?)))
    }

    /// Any held root on the file system that `key` belongs to.
    pub fn of_key(&self, key: &Key) -> Option<&Arc<Held>> {
        self.0
            .iter()
            .filter_map(|slot| slot.held.as_ref().ok())
            .find(|held| key.as_bytes().starts_with(&held.filesystem.id()))
    }

    /// The first halted root.
    pub fn halt(&self) -> Option<&Halt> {
        self.0.iter().find_map(|slot| slot.held.as_ref().err())
    }

    /// Opens an object as a mere handle, by key or by the path the index has for it. `None`: it is not there.
    ///
    /// A root that is halted answers `Err(NotConnected)`: nothing may be concluded from it.
    pub fn open(&self, key: &Key, path: impl FnOnce() -> Option<(u32, Vec<u8>)>) -> io::Result<Option<OwnedFd>> {
        let Some(any) = self.of_key(key) else { return Err(io::ErrorKind::NotConnected.into()) };
        let found = if any.by_key {
            any.filesystem.open(key, libc::O_PATH | libc::O_NOFOLLOW)
        } else {
            let Some((root, path)) = path() else { return Ok(None) };
            let Some(held) = self.held(root) else { return Err(io::ErrorKind::NotConnected.into()) };
            match crate::beneath::open_path(held.root.fd(), &path) {
                Ok(fd) if held.filesystem.key(std::os::fd::AsFd::as_fd(&fd))? == *key => Ok(fd),
                Ok(_) => return Ok(None),
                Err(error) => Err(error),
            }
        };
        match found {
            Ok(fd) => Ok(Some(fd)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether an error says that the object or name does not exist (any more).
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESTALE | libc::ENOTDIR | libc::ELOOP))
}
