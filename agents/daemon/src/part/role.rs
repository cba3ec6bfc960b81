//! The role a host has taken, remembered: "I was active at epoch N" outlives the process and the boot.

use crate::disk::{self, DiskError};
use model::{Epoch, Role};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A role and the epoch at which it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub role: Role,
    pub epoch: Epoch,
}

/// The file that holds it.
#[derive(Clone, Debug)]
pub struct RoleFile(PathBuf);

impl RoleFile {
    pub fn open(directory: &Path) -> Result<(Self, Taken), DiskError> {
        let path = directory.join("role.json");
        let taken = disk::read_json(&path)?.unwrap_or_default();
        Ok((Self(path), taken))
    }

    /// Blocks on the disk.
    pub fn write(&self, taken: Taken) -> Result<(), DiskError> {
        disk::write_json(&self.0, &taken)
    }
}
