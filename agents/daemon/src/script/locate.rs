//! Finds a script in the agent's scripts directory and refuses one that others could have written.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, statat};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path, PathBuf},
};

/// Largest script; it is read whole to be hashed and copied.
pub const SCRIPT_BYTES_MAX: u64 = 64 << 20;

/// Why a script is not run.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("the command names no script")]
    NoName,
    #[error("`{0}` is not a plain file name")]
    NotAName(String),
    #[error("script {0} is not in the agent's scripts directory")]
    NotFound(String),
    #[error("{path} is not trusted: {reason}")]
    Untrusted { path: PathBuf, reason: String },
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot keep a copy of script {name}")]
    Copy { name: String, source: io::Error },
    #[error("cannot start the script: {0}")]
    Start(String),
}

/// Tells whether `name` is one component that a directory can hold and that is not hidden.
pub fn is_script_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.bytes().any(|b| b == b'/' || b < b' ')
}

/// Reads the script `name`, after checking it and every directory above it.
///
/// Each directory is entered by descriptor and without following links, so that what was checked is what is read.
pub fn locate(directory: &Path, name: &str) -> Result<Vec<u8>, ScriptError> {
    if !is_script_name(name) {
        return Err(ScriptError::NotAName(name.to_owned()));
    }
    let real = directory.canonicalize().map_err(|source| read_error(directory, source))?;
    let held = enter(&real)?;
    let path = real.join(name);
    let found = statat(&held, name, AtFlags::SYMLINK_NOFOLLOW);
    let stat =
        found.map_err(|e| if e == rustix::io::Errno::NOENT { not_found(name) } else { read_error(&path, e.into()) })?;
    check_file(&path, &stat)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(openat(&held, name, flags, Mode::empty()).map_err(|e| read_error(&path, e.into()))?);
    // Again on the descriptor: the name may have been given to another file in between.
    check_file(&path, &rustix::fs::fstat(&file).map_err(|e| read_error(&path, e.into()))?)?;
    let mut content = Vec::new();
    file.take(SCRIPT_BYTES_MAX).read_to_end(&mut content).map_err(|source| read_error(&path, source))?;
    Ok(content)
}

fn not_found(name: &str) -> ScriptError {
    ScriptError::NotFound(name.to_owned())
}

fn read_error(path: &Path, source: io::Error) -> ScriptError {
    ScriptError::Read { path: path.to_owned(), source }
}

fn untrusted(path: &Path, reason: impl Into<String>) -> ScriptError {
    ScriptError::Untrusted { path: path.to_owned(), reason: reason.into() }
}

/// Walks from `/` to `directory`, checking each directory on the way.
fn enter(directory: &Path) -> Result<OwnedFd, ScriptError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut path = PathBuf::from("/");
    let mut held = rustix::fs::open("/", flags, Mode::empty()).map_err(|e| read_error(&path, e.into()))?;
    check_directory(&path, &held)?;
    for component in directory.components() {
        if let Component::Normal(name) = component {
            path.push(name);
            held = openat(&held, name, flags, Mode::empty()).map_err(|e| read_error(&path, e.into()))?;
            check_directory(&path, &held)?;
        }
    }
    // A sticky directory protects only what is in it from being replaced, not from company.
    let stat = rustix::fs::fstat(&held).map_err(|e| read_error(&path, e.into()))?;
    if stat.st_mode & 0o022 != 0 {
        return Err(untrusted(&path, "its group or others can write to it"));
    }
    Ok(held)
}

fn check_directory(path: &Path, held: &impl AsFd) -> Result<(), ScriptError> {
    let stat = rustix::fs::fstat(held).map_err(|e| read_error(path, e.into()))?;
    check_owner(path, &stat)?;
    // In a sticky directory of root, such as /tmp, nobody can replace what belongs to someone else.
    let sticky = stat.st_mode & 0o1000 != 0 && stat.st_uid == 0;
    if stat.st_mode & 0o022 != 0 && !sticky {
        return Err(untrusted(path, "its group or others can write to it"));
    }
    Ok(())
}

fn check_file(path: &Path, stat: &Stat) -> Result<(), ScriptError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(untrusted(path, "it is not a regular file"));
    }
    check_owner(path, stat)?;
    if stat.st_mode & 0o022 != 0 {
        return Err(untrusted(path, "its group or others can write to it"));
    }
    if stat.st_mode & 0o111 == 0 {
        return Err(untrusted(path, "it is not executable"));
    }
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > SCRIPT_BYTES_MAX {
        return Err(untrusted(path, "it is too large"));
    }
    Ok(())
}

fn check_owner(path: &Path, stat: &Stat) -> Result<(), ScriptError> {
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != 0 && stat.st_uid != own {
        return Err(untrusted(path, format!("it belongs to user {}, not to root or the agent", stat.st_uid)));
    }
    Ok(())
}
