//! Reading what is preserved of an object, and making an object be so. All by descriptor, opened as a mere handle or
//! for reading; never blocks on a fifo, never follows a symbolic link.

use crate::beneath::proc_path;
use crate::message::{XATTR_BYTES_MAX, XATTRS_MAX};
use crate::meta::{ID_LEFT, MODE_LEFT, Meta, NANOS_LEFT, ObjectKind};
use crate::preserve::{ACL_ACCESS, Preserve};
use model::elements::preserve::Loss;
use rustix::fs::{self, AtFlags, Gid, Mode, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const PERMISSIONS: u32 = 0o7777;
/// More free bytes than any attribute takes.
const ROOM: u64 = 1 << 20;

/// Reads what is kept of the object behind `fd`, whose `stat` the caller has just taken.
///
/// Fails with `InvalidData` for sockets and other kinds that are left out, and for more extended attributes than are
/// exchanged.
pub fn read_meta(fd: BorrowedFd<'_>, stat: &Stat, preserve: Preserve) -> io::Result<Meta> {
    let kind = preserve.require_kind(stat.st_mode)?;
    let link = match kind {
        ObjectKind::Symlink => fs::readlinkat(fd, b"".as_slice(), Vec::new())?.into_bytes(),
        _ => Vec::new(),
    };
    let device = matches!(kind, ObjectKind::CharDevice | ObjectKind::BlockDevice);
    let meta = Meta {
        kind,
        mode: stat.st_mode & PERMISSIONS,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: (stat.st_mtime, stat.st_mtime_nsec as u32),
        size: if kind == ObjectKind::File { stat.st_size as u64 } else { 0 },
        rdev: if device { stat.st_rdev } else { 0 },
        link,
        xattrs: read_xattrs(fd, preserve)?,
    };
    Ok(if preserve == Preserve::ALL { meta } else { preserve.part(&meta).into_owned() })
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The extended attributes that are kept, sorted by name.
pub fn read_xattrs(fd: BorrowedFd<'_>, preserve: Preserve) -> io::Result<Xattrs> {
    if !preserve.keeps_xattrs() {
        return Ok(Vec::new());
    }
    let path = proc_path(fd);
    let names = match grow(256, |buffer| fs::listxattr(&path, buffer)) {
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        other => other?,
    };
    let mut xattrs = Vec::new();
    let mut total = 0;
    for name in names.split(|b| *b == 0).filter(|name| preserve.keeps_xattr(name)) {
        match grow(256, |buffer| fs::getxattr(&path, name, buffer)) {
            Ok(value) => {
                total += name.len() + value.len();
                xattrs.push((name.to_vec(), value));
            }
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {} // Gone meanwhile.
            Err(e) => return Err(e.into()),
        }
    }
    if xattrs.len() > XATTRS_MAX || total > XATTR_BYTES_MAX {
        return Err(invalid("more extended attributes than are replicated"));
    }
    xattrs.sort();
    Ok(xattrs)
}

/// Calls `fill` with ever more room until the answer fits. Names and values end at 64 KiB in the kernel.
fn grow(first: usize, mut fill: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; first];
    loop {
        match fill(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) if buffer.len() < 128 << 10 => buffer.resize(buffer.len() * 8, 0),
            Err(e) => return Err(e),
        }
    }
}

/// Makes owner, mode, extended attributes and modification time of the object behind `fd` those of `meta`, as far as
/// they are kept; the rest is left as it is.
///
/// What this host or its file system refuses is told through `problem` and does not fail. A setuid or setgid bit is
/// not set on an object that could not be given its owner or group. The order is: owner (which clears setuid and
/// capabilities), attributes, mode, ACLs and capabilities (which a change of mode would alter), time.
pub fn apply_meta(
    fd: BorrowedFd<'_>,
    meta: &Meta,
    preserve: Preserve,
    problem: &mut dyn FnMut(String),
) -> io::Result<()> {
    let (whole, meta) = (meta, &*preserve.part(meta));
    let before = fs::fstat(fd)?;
    let lost = apply_owner(fd, meta, &before, problem)?;
    let mode = meta.mode & !lost;
    let has_mode = meta.kind != ObjectKind::Symlink && meta.mode != MODE_LEFT;
    if has_mode {
        unlock(fd, meta, preserve, &before)?;
    }
    apply_xattrs(fd, meta, preserve, false, problem)?;
    if has_mode && fs::fstat(fd)?.st_mode & PERMISSIONS != mode {
        match fs::chmod(proc_path(fd), Mode::from_raw_mode(mode)) {
            Err(Errno::PERM) => problem("mode could not be set: not permitted".to_owned()),
            other => other?,
        }
    }
    apply_xattrs(fd, meta, preserve, true, problem)?;
    apply_mtime(fd, whole, preserve, problem)
}

/// Sets the owner; returns the mode bits that must not be set because an id could not be.
fn apply_owner(fd: BorrowedFd<'_>, meta: &Meta, now: &Stat, problem: &mut dyn FnMut(String)) -> io::Result<u32> {
    let mut lost = 0;
    let chown = |uid: Option<u32>, gid: Option<u32>| {
        fs::chownat(fd, b"".as_slice(), uid.map(Uid::from_raw), gid.map(Gid::from_raw), AtFlags::EMPTY_PATH)
    };
    for (bit, what, wanted, has, is_uid) in
        [(SETGID, "group", meta.gid, now.st_gid, false), (SETUID, "owner", meta.uid, now.st_uid, true)]
    {
        if wanted == has || wanted == ID_LEFT {
            continue;
        }
        match if is_uid { chown(Some(wanted), None) } else { chown(None, Some(wanted)) } {
            Ok(()) => {}
            Err(Errno::PERM | Errno::INVAL) => {
                lost |= bit;
                problem(format!("{what} {wanted} could not be set: not permitted"));
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(lost)
}

/// Lets an owner without privileges set attributes of an object it may not write to; the mode is set right after.
fn unlock(fd: BorrowedFd<'_>, meta: &Meta, preserve: Preserve, now: &Stat) -> io::Result<()> {
    let root = rustix::process::geteuid().is_root();
    if root || now.st_mode & 0o600 == 0o600 || read_xattrs(fd, preserve).is_ok_and(|has| has == meta.xattrs) {
        return Ok(());
    }
    match fs::chmod(proc_path(fd), Mode::from_raw_mode((now.st_mode & PERMISSIONS) | 0o600)) {
        Ok(()) | Err(Errno::PERM) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Removes what should not be there and sets what differs: first all but ACLs and capabilities, then those.
fn apply_xattrs(
    fd: BorrowedFd<'_>,
    meta: &Meta,
    preserve: Preserve,
    late: bool,
    problem: &mut dyn FnMut(String),
) -> io::Result<()> {
    let is_late = |name: &[u8]| name == ACL_ACCESS || name.starts_with(b"security.");
    let has = read_xattrs(fd, preserve)?;
    if has == meta.xattrs {
        return Ok(());
    }
    let path = proc_path(fd);
    let mut told = |name: &[u8], result: Result<(), Errno>| match result {
        Ok(()) | Err(Errno::NODATA) => Ok(()),
        Err(e) if is_beyond(e, fd) => {
            problem(format!("attribute {} could not be set: {}", name.escape_ascii(), io::Error::from(e)));
            Ok(())
        }
        Err(e) => Err(io::Error::from(e)),
    };
    if !late {
        for (name, _) in has.iter().filter(|(name, _)| !meta.xattrs.iter().any(|(wanted, _)| wanted == name)) {
            told(name, fs::removexattr(&path, name.as_slice()))?;
        }
    }
    for (name, value) in meta.xattrs.iter().filter(|xattr| is_late(&xattr.0) == late && !has.contains(xattr)) {
        told(name, fs::setxattr(&path, name.as_slice(), value, XattrFlags::empty()))?;
    }
    Ok(())
}

/// Whether this file system will never take the attribute. One with room that says it has none means the object's own:
/// ext4 holds 4 KiB of them.
fn is_beyond(error: Errno, fd: BorrowedFd<'_>) -> bool {
    match error {
        Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::INVAL | Errno::TOOBIG => true,
        Errno::NOSPC => fs::fstatvfs(fd).is_ok_and(|vfs| vfs.f_bavail.saturating_mul(vfs.f_frsize) > ROOM),
        _ => false,
    }
}

/// Where times need not be exact they are set as well as it goes.
fn apply_mtime(fd: BorrowedFd<'_>, meta: &Meta, preserve: Preserve, problem: &mut dyn FnMut(String)) -> io::Result<()> {
    if meta.mtime.1 == NANOS_LEFT {
        return Ok(());
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: meta.mtime.0, tv_nsec: i64::from(meta.mtime.1) as _ },
    };
    // Through `/proc`, as descriptors opened as mere handles are refused by `futimens`; the link itself is meant there.
    match fs::utimensat(fs::CWD, proc_path(fd), &times, AtFlags::empty()) {
        Ok(()) if preserve.keeps(Loss::Timestamps) => {
            let stat = fs::fstat(fd)?;
            if (stat.st_mtime, stat.st_mtime_nsec as u32) != meta.mtime {
                problem("modification time does not fit into this file system".to_owned());
            }
            Ok(())
        }
        Ok(()) => Ok(()),
        Err(Errno::PERM | Errno::ACCESS) => {
            problem("modification time could not be set: not permitted".to_owned());
            Ok(())
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests;
