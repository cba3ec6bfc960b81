//! The state directory: private, owned by the agent's own user, and held by one agent at a time.

use crate::disk::{self, DiskError};
use model::ScenarioName;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Why a directory cannot hold the agent's state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("state directory {path} {reason}")]
    Unfit { path: PathBuf, reason: String },
    #[error("another agent holds the state directory {path}")]
    Held { path: PathBuf },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A state directory that this process holds until it is dropped.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    _lock: File,
}

impl StateDirectory {
    /// Creates it if need be, checks that nobody else can reach into it, and locks it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        disk::private_directory(path)?;
        let unfit = |reason: String| StateError::Unfit { path: path.to_owned(), reason };
        let meta = fs::symlink_metadata(path).map_err(DiskError::io("look at", path))?;
        if !meta.is_dir() {
            return Err(unfit("is not a directory".to_owned()));
        }
        let uid = rustix::process::geteuid().as_raw();
        if meta.uid() != uid {
            return Err(unfit(format!("belongs to user {}, and the agent runs as user {uid}", meta.uid())));
        }
        if meta.permissions().mode() & 0o077 != 0 {
            return Err(unfit(format!("has mode {:04o} and must have 0700", meta.permissions().mode() & 0o7777)));
        }
        Ok(Self { path: path.to_owned(), _lock: lock(path)? })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Private copies of scripts, remade at every start.
    pub fn scripts(&self) -> PathBuf {
        self.path.join("run")
    }

    /// Every scenario of which something is kept.
    pub fn scenarios(&self) -> Vec<ScenarioName> {
        let found = fs::read_dir(self.path.join("scenarios")).into_iter().flatten().flatten();
        let names = found.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| model::names::is_name(name)).map(ScenarioName).collect()
    }

    /// What is kept for one scenario. Scenario names are DNS labels, so they are safe as file names.
    pub fn scenario(&self, name: &ScenarioName) -> PathBuf {
        self.path.join("scenarios").join(name.as_str())
    }
}

fn lock(path: &Path) -> Result<File, StateError> {
    let file = path.join("lock");
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file);
    let open = open.map_err(DiskError::io("open", &file))?;
    match flock(&open, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(open),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StateError::Held { path: path.to_owned() }),
        Err(e) => Err(DiskError::io("lock", &file)(e.into()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_refused_until_the_first_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let first = StateDirectory::open(&path).unwrap();
        assert!(matches!(StateDirectory::open(&path), Err(StateError::Held { .. })));
        drop(first);
        StateDirectory::open(&path).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let error = StateDirectory::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("0750"), "{error}");
    }

    #[test]
    fn a_symbolic_link_is_not_a_state_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", directory.path().join("link")).unwrap();
        assert!(matches!(StateDirectory::open(&directory.path().join("link")), Err(StateError::Unfit { .. })));
    }
}
