//! Where one side of one run has its trees.

use anyhow::{Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How exactly a side is asked to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// Everything that rsync can see.
    Everything,
    /// Without what Syncthing does not carry: owners, attributes, and times of directories.
    Content,
}

/// A new directory with a `source` and a `replica`.
pub struct Place {
    pub directory: PathBuf,
}

impl Place {
    /// Makes it, with a source of the same content as `tree` and no replica.
    pub fn make(directory: PathBuf, tree: Option<&Path>) -> Result<Self> {
        fs::create_dir_all(&directory)?;
        let place = Self { directory };
        match tree {
            Some(tree) => copy(tree, &place.source())?,
            None => fs::create_dir(place.source())?,
        }
        sync(&place.directory)?;
        Ok(place)
    }

    pub fn source(&self) -> PathBuf {
        self.directory.join("source")
    }

    pub fn replica(&self) -> PathBuf {
        self.directory.join("replica")
    }

    /// Fails with the differences of both trees, if there are any.
    pub fn verify(&self, exactness: Exactness) -> Result<()> {
        let how: &[&str] = match exactness {
            Exactness::Everything => &["-aHAX", "--modify-window=-1"],
            Exactness::Content => &["-rlpt", "--omit-dir-times", "--exclude=/.stfolder", "--modify-window=-1"],
        };
        let found = testkit::rsync_differences(&self.source(), &self.replica(), how)?;
        ensure!(found.is_empty(), "{} differences, such as {}", found.len(), found[..found.len().min(3)].join(", "));
        Ok(())
    }
}

/// A copy with all that belongs to it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").args(["-a", "--reflink=never"]).args([from, to]).status()?;
    ensure!(status.success(), "cp {} ended with {status}", from.display());
    Ok(())
}

/// Everything of the file system is on disk.
pub fn sync(at: &Path) -> Result<()> {
    let status = Command::new("sync").arg("-f").arg(at).status()?;
    ensure!(status.success(), "sync {}", at.display());
    Ok(())
}
