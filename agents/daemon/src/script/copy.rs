//! Private copies of scripts, named by their hash.

use super::locate::ScriptError;
use crate::disk;
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A script that nobody changes any more.
#[derive(Clone, Debug)]
pub struct Copy {
    pub path: PathBuf,
    /// blake3 of its content, in hexadecimal.
    pub hash: String,
}

/// Keeps `content` as `copies/HASH/NAME`, mode 0500, and checks by its hash that this is what is there.
///
/// A copy that is there already is used again: writing it while another thread starts a process would make the
/// system refuse to execute it.
pub fn copy(copies: &Path, name: &str, content: &[u8]) -> Result<Copy, ScriptError> {
    let failed = |source: io::Error| ScriptError::Copy { name: name.to_owned(), source };
    let hash = blake3::hash(content).to_hex().to_string();
    let directory = copies.join(&hash);
    let path = directory.join(name);
    disk::private_directory(&directory).map_err(|e| failed(io::Error::other(e.to_string())))?;
    if !matches(&path, &hash) {
        disk::write_bytes(&path, content, 0o500).map_err(|e| failed(io::Error::other(e.to_string())))?;
        if !matches(&path, &hash) {
            return Err(failed(io::Error::other("the copy is not what was written")));
        }
    }
    Ok(Copy { path, hash })
}

fn matches(path: &Path, hash: &str) -> bool {
    let read = || -> io::Result<bool> {
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if meta.mode() & 0o7777 != 0o500 || meta.uid() != rustix::process::geteuid().as_raw() {
            return Ok(false);
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(blake3::hash(&content).to_hex().as_str() == hash)
    };
    read().unwrap_or(false)
}
