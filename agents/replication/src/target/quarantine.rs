//! Moving away what the source does not have, instead of deleting it: `.standin/quarantine/EPOCH/PATH`, with a list.

use crate::root::{HeldRoot, ensure_dir};
use crate::{beneath, compare};
use model::Epoch;
use rustix::fs::{Mode, OFlags};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The list of what was moved, one JSON object a line; made before anything is moved, so that nothing takes its name.
const LIST: &[u8] = b"list.jsonl";
/// How many things of one path can be quarantined in one epoch.
const COPIES_MAX: u32 = 100_000;

/// Moves `name` in `dir`, which is `path` below `root`, to the quarantine of `epoch`. False when it was not there.
pub(super) fn set_aside(
    root: &HeldRoot,
    epoch: Epoch,
    dir: BorrowedFd<'_>,
    name: &[u8],
    path: &[u8],
    why: &str,
) -> io::Result<bool> {
    let quarantine = root.reserved("quarantine")?;
    let top = ensure_dir(quarantine.as_fd(), epoch.to_string().as_bytes())?;
    let list = open_list(top.as_fd())?;
    let parent = make_parents(&top, path)?;
    let last = path.rsplit(|b| *b == b'/').next().unwrap_or(name);
    for copy in 0..COPIES_MAX {
        let place = numbered(last, copy);
        match rename_unlocked((dir, name), (parent.as_fd(), &place)) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
            Ok(()) => {
                append(&list, path, &place, why)?;
                beneath::fsync(parent.as_fd())?;
                beneath::fsync(top.as_fd())?;
                beneath::fsync(quarantine.as_fd())?;
                return Ok(true);
            }
        }
    }
    Err(io::Error::other("too many things of one path in the quarantine"))
}

/// Where the list of an epoch is, for people.
pub(super) fn list_path(root: &HeldRoot, epoch: Epoch) -> String {
    root.config.path.join(format!(".standin/quarantine/{epoch}/list.jsonl")).display().to_string()
}

/// The name itself, then the name with a number, cut so that it stays a name.
fn numbered(name: &[u8], copy: u32) -> Vec<u8> {
    let suffix = if copy == 0 { String::new() } else { format!(".{copy}") };
    let kept = name.len().min(crate::message::NAME_BYTES_MAX - suffix.len());
    [&name[..kept], suffix.as_bytes()].concat()
}

/// Moving a directory to another parent takes the right to write to it, which its owner may have taken from itself.
fn rename_unlocked(from: (BorrowedFd<'_>, &[u8]), to: (BorrowedFd<'_>, &[u8])) -> io::Result<()> {
    match beneath::rename_new(from, to) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            beneath::unlock(from.0, from.1)?;
            beneath::rename_new(from, to)
        }
        other => other,
    }
}

/// Makes the directories that lead to `path`. One whose name is taken by something else gets a number.
fn make_parents(top: &OwnedFd, path: &[u8]) -> io::Result<OwnedFd> {
    let mut parents: Vec<_> = path.split(|b| *b == b'/').collect();
    parents.pop();
    let mut at = beneath::open_dir(top.as_fd(), b"")?;
    for name in parents {
        let free = (0..COPIES_MAX).find_map(|copy| match ensure_dir(at.as_fd(), &numbered(name, copy)) {
            Err(e) if e.kind() == io::ErrorKind::NotADirectory || e.raw_os_error() == Some(libc::ELOOP) => None,
            other => Some(other),
        });
        at = free.unwrap_or_else(|| Err(io::Error::other("no free name in the quarantine")))?;
    }
    Ok(at)
}

fn open_list(top: BorrowedFd<'_>) -> io::Result<std::fs::File> {
    match beneath::create_file(top, LIST) {
        Ok(list) => Ok(list.into()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let how = rustix::fs::ResolveFlags::BENEATH | rustix::fs::ResolveFlags::NO_SYMLINKS;
            let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NONBLOCK;
            Ok(rustix::fs::openat2(top, LIST, flags, Mode::empty(), how)?.into())
        }
        Err(e) => Err(e),
    }
}

fn append(mut list: &std::fs::File, path: &[u8], place: &[u8], why: &str) -> io::Result<()> {
    let mut line = format!("{{\"path\":{},\"as\":{},\"why\":{}", json(path), json(place), json(why.as_bytes()));
    if std::str::from_utf8(path).is_err() {
        line.push_str(",\"bytes\":\"");
        for byte in path {
            let _ = write!(line, "{byte:02x}"); // Writing to a string does not fail.
        }
        line.push('"');
    }
    line.push_str("}\n");
    list.write_all(line.as_bytes())?;
    list.sync_all()
}

/// A JSON string of the path as people see it.
fn json(bytes: &[u8]) -> String {
    format!("\"{}\"", compare::escape(bytes).replace('\\', "\\\\").replace('"', "\\\""))
}
