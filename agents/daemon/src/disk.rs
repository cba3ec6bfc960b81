//! Small files that are either there whole or not at all, also after a power cut.

use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Why a file of the state directory could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("cannot {what} {path}")]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: PathBuf, reason: String },
}

impl DiskError {
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Replaces `path` by `value` as JSON: a file beside it, fsync, rename, fsync of the directory.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), DiskError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|e| DiskError::Damaged { path: path.to_owned(), reason: e.to_string() })?;
    write_bytes(path, &text, 0o600)
}

/// Replaces `path` by `bytes`, durably.
pub fn write_bytes(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DiskError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let _ = fs::remove_file(&fresh);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_directory_of(path)
    };
    write().map_err(DiskError::io("write", path))
}

/// Reads what `write_json` wrote; `None` when there is no such file. A file that cannot be read whole is an error,
/// never an empty value: an epoch that is forgotten would be a fence that is gone.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DiskError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(DiskError::io("read", path)(e)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|e| DiskError::Damaged { path: path.to_owned(), reason: e.to_string() })
}

/// Removes `path` durably; one that is not there is removed already.
pub fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(DiskError::io("remove", path)(e)),
        _ => sync_directory_of(path).map_err(DiskError::io("sync", path)),
    }
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// Makes a directory that only the agent's own user can enter.
pub fn private_directory(path: &Path) -> Result<(), DiskError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(DiskError::io("create", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_half_written_does_not_replace_the_whole_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("value.json");
        write_json(&path, &7u64).unwrap();
        fs::write(directory.path().join("value.json.new"), b"{\"half").unwrap();
        assert_eq!(read_json::<u64>(&path).unwrap(), Some(7));
        write_json(&path, &8u64).unwrap();
        assert_eq!(read_json::<u64>(&path).unwrap(), Some(8));
    }

    #[test]
    fn damage_is_an_error_and_absence_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("value.json");
        assert_eq!(read_json::<u64>(&path).unwrap(), None);
        fs::write(&path, b"").unwrap();
        assert!(matches!(read_json::<u64>(&path), Err(DiskError::Damaged { .. })));
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read_json::<u64>(&path).unwrap(), None);
    }
}
