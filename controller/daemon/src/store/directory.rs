//! The state directory: private, and held by one controller at a time.

use super::StoreError;
use rustix::{
    fs::{FlockOperation, flock},
    process::{geteuid, getpid},
};
use std::{
    fs::{DirBuilder, File, OpenOptions, symlink_metadata},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Longest owner record that is shown.
const OWNER_BYTES_MAX: u64 = 256;

/// A state directory that this process holds until it is dropped.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    lock: File,
}

impl Drop for StateDirectory {
    fn drop(&mut self) {
        // A process that was just started holds a copy of the file until it runs its program: closing it here would
        // leave the lock to that one for a moment.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

impl StateDirectory {
    /// Creates the directory when it is missing, checks that nobody else can read or replace what is in it, and takes
    /// its lock.
    ///
    /// **Errors** when it is a symbolic link, belongs to someone else, is open to others, or is held by another
    /// controller.
    pub fn open(path: &Path, version: &str) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: path.to_owned(), source };
        if symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        }
        ensure_private(path)?;
        let path = path.canonicalize().map_err(io)?;
        let lock = hold(&path.join("lock"), version)?;
        Ok(Self { path, lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn ensure_private(path: &Path) -> Result<(), StoreError> {
    let refuse = |problem: String| Err(StoreError::Directory { path: path.to_owned(), problem });
    let meta = symlink_metadata(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
    if meta.file_type().is_symlink() {
        return refuse("is a symbolic link".to_owned());
    }
    if !meta.is_dir() {
        return refuse("is not a directory".to_owned());
    }
    let own = geteuid().as_raw();
    if meta.uid() != own {
        return refuse(format!("belongs to uid {}, not to uid {own} of this process", meta.uid()));
    }
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return refuse(format!("has mode {mode:04o}; it must be 0700, so that nobody else reads keys and tokens"));
    }
    Ok(())
}

/// Takes the lock and writes who holds it; the record is for people, the lock is the kernel's.
fn hold(path: &Path, version: &str) -> Result<File, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
    let mut file = options.open(path).map_err(io)?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(io(error.into()));
        }
        let mut owner = String::new();
        let _ = (&mut file).take(OWNER_BYTES_MAX).read_to_string(&mut owner);
        let owner = owner.trim().escape_debug().to_string();
        return Err(StoreError::Held { path: path.to_owned(), owner });
    }
    let record = format!("standin {version}, process {}\n", getpid().as_raw_nonzero());
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(record.as_bytes())).map_err(io)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_free_although_a_copy_of_the_lock_is_open() {
        let temp = tempfile::tempdir().unwrap();
        let open = || StateDirectory::open(&temp.path().join("state"), "1");
        let held = open().unwrap();
        let copy = held.lock.try_clone().unwrap();
        assert!(matches!(open(), Err(StoreError::Held { .. })));
        drop(held);
        open().unwrap();
        drop(copy);
    }
}
