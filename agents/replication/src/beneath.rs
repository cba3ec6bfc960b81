//! The one place where names become file descriptors: everything below a held root, by directory descriptor.
//!
//! A path that comes from a peer is never joined to a string and handed to the kernel. It is resolved with `openat2`
//! beneath the descriptor of the root, through no symbolic link, no magic link and no mount point; a change is made
//! with one name in one held directory.

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat, StatxFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Longest stretch of a path that is resolved in one call; the kernel's own limit is 4096 with the final NUL.
const STRETCH_BYTES_MAX: usize = 4000;
/// How often a resolution that raced with a rename is tried again.
const RACES_MAX: u32 = 64;

/// Tells whether `name` is one component that may stand in a directory.
pub fn valid_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= crate::message::NAME_BYTES_MAX
        && name != b"."
        && name != b".."
        && !name.iter().any(|b| *b == b'/' || *b == 0)
}

/// Tells whether `path` is empty or made of valid names joined by single slashes.
pub fn valid_path(path: &[u8]) -> bool {
    path.is_empty() || path.split(|b| *b == b'/').all(valid_name)
}

fn refuse(name: &[u8]) -> io::Result<()> {
    if valid_name(name) { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a name")) }
}

fn resolve(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    for _ in 0..RACES_MAX {
        match fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, how) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
    Err(Errno::AGAIN.into())
}

fn walk(root: BorrowedFd<'_>, path: &[u8], last: OFlags) -> io::Result<OwnedFd> {
    if !valid_path(path) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path below a root"));
    }
    if path.is_empty() {
        return resolve(root, b".", last, Mode::empty());
    }
    let mut held: Option<OwnedFd> = None;
    let mut rest = path;
    while rest.len() > STRETCH_BYTES_MAX {
        let cut = rest[..STRETCH_BYTES_MAX].iter().rposition(|b| *b == b'/').ok_or(Errno::NAMETOOLONG)?;
        let from = held.as_ref().map_or(root, AsFd::as_fd);
        held = Some(resolve(from, &rest[..cut], OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?);
        rest = &rest[cut + 1..];
    }
    resolve(held.as_ref().map_or(root, AsFd::as_fd), rest, last, Mode::empty())
}

/// Opens the directory at `path` below `root` for reading; an empty path is the root itself. Deeper than the kernel's
/// path limit is fine.
pub fn open_dir(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    walk(root, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)
}

/// Opens what is at `path` below `root` without reading rights, and without following it if it is a symbolic link.
pub fn open_path(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    walk(root, path, OFlags::PATH | OFlags::NOFOLLOW)
}

/// Opens `name` in `dir` as a mere handle (`O_PATH`): never blocks, follows nothing, needs no rights on the object.
pub fn open_entry(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    refuse(name)?;
    resolve(dir, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens the directory `name` in `dir` for reading.
pub fn open_subdir(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    refuse(name)?;
    resolve(dir, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens the file `name` in `dir` for reading. Does not wait for the other end of a fifo.
pub fn open_file(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    refuse(name)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    resolve(dir, name, flags, Mode::empty())
}

/// Creates the file `name` in `dir` for writing; it must not exist. Only the owner may read it.
pub fn create_file(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    refuse(name)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    resolve(dir, name, flags, Mode::RUSR | Mode::WUSR)
}

/// The path by which the kernel knows an open descriptor, for calls that take no descriptor without reading rights.
pub fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Opens for reading what `fd`, opened as a mere handle, stands for. Call it for files and directories only.
pub fn reopen(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(fs::open(proc_path(fd), flags, Mode::empty())?)
}

/// Opens for reading and writing the file `fd` stands for, opened as a mere handle. An owner who may not write to it is
/// given the right to; the mode is to be put right afterwards.
pub fn reopen_writable(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match fs::open(proc_path(fd), flags, Mode::empty()) {
        Err(rustix::io::Errno::ACCESS) => {
            let mode = Mode::from_raw_mode(stat(fd)?.st_mode & 0o777);
            fs::chmod(proc_path(fd), mode | Mode::RUSR | Mode::WUSR)?;
            Ok(fs::open(proc_path(fd), flags, Mode::empty())?)
        }
        other => Ok(other?),
    }
}

pub fn stat(fd: BorrowedFd<'_>) -> io::Result<Stat> {
    Ok(fs::fstat(fd)?)
}

pub fn stat_entry(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<Stat> {
    refuse(name)?;
    Ok(fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The number of the mount `fd` lies in; differs for bind mounts of one file system, where neither rename nor link
/// reaches across.
pub fn mount_id(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(fs::statx(fd, b"".as_slice(), AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// The names in an open directory, without `.` and `..`, in the order of the file system.
pub fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    each_name(dir, |name| {
        names.push(name.to_vec());
        true
    })?;
    Ok(names)
}

/// Calls `each` with the names in an open directory until it answers false.
pub fn each_name(dir: BorrowedFd<'_>, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    for entry in fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && !each(name) {
            break;
        }
    }
    Ok(())
}

/// Makes a directory that only its owner may enter.
pub fn mkdir(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    refuse(name)?;
    Ok(fs::mkdirat(dir, name, Mode::RWXU)?)
}

/// Makes a symbolic link with the text `link`.
pub fn symlink(link: &[u8], dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    refuse(name)?;
    Ok(fs::symlinkat(link, dir, name)?)
}

/// Makes a fifo or a device that only its owner may open.
pub fn mknod(dir: BorrowedFd<'_>, name: &[u8], kind: FileType, rdev: u64) -> io::Result<()> {
    refuse(name)?;
    Ok(fs::mknodat(dir, name, kind, Mode::RUSR | Mode::WUSR, rdev)?)
}

/// Gives the object at `from` a second name, which must not exist. A symbolic link is linked itself.
pub fn link(from: (BorrowedFd<'_>, &[u8]), to: (BorrowedFd<'_>, &[u8])) -> io::Result<()> {
    refuse(from.1)?;
    refuse(to.1)?;
    Ok(fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?)
}

/// Renames, replacing what is at `to`.
pub fn rename(from: (BorrowedFd<'_>, &[u8]), to: (BorrowedFd<'_>, &[u8])) -> io::Result<()> {
    refuse(from.1)?;
    refuse(to.1)?;
    Ok(fs::renameat(from.0, from.1, to.0, to.1)?)
}

/// Renames, failing when `to` exists.
pub fn rename_new(from: (BorrowedFd<'_>, &[u8]), to: (BorrowedFd<'_>, &[u8])) -> io::Result<()> {
    refuse(from.1)?;
    refuse(to.1)?;
    Ok(fs::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE)?)
}

pub fn unlink(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    refuse(name)?;
    Ok(fs::unlinkat(dir, name, AtFlags::empty())?)
}

/// Removes an empty directory.
pub fn rmdir(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    refuse(name)?;
    Ok(fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}

/// Removes `name` with all below it, following nothing.
///
/// Keeps one open descriptor and one list of names per level, in a loop instead of a recursion.
pub fn remove_all(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    match unlink(dir, name) {
        Err(e) if matches!(Errno::from_io_error(&e), Some(Errno::ISDIR | Errno::PERM)) => {}
        other => return other,
    }
    let first = open_unlocked(dir, name)?;
    let first_names = names(first.as_fd())?;
    let mut levels = vec![(first, first_names, name.to_vec())];
    while let Some((current, left, own_name)) = levels.last_mut() {
        let Some(next) = left.pop() else {
            let own_name = std::mem::take(own_name);
            levels.pop();
            rmdir(levels.last().map_or(dir, |level| level.0.as_fd()), &own_name)?;
            continue;
        };
        match unlink(current.as_fd(), &next) {
            Ok(()) => {}
            Err(e) if matches!(Errno::from_io_error(&e), Some(Errno::ISDIR | Errno::PERM)) => {
                let below = open_unlocked(current.as_fd(), &next)?;
                let below_names = names(below.as_fd())?;
                levels.push((below, below_names, next));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Opens a directory that is about to be removed, giving its owner the rights to do so first.
fn open_unlocked(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    // Not being allowed to shows in the next call.
    let _ = unlock(dir, name);
    open_subdir(dir, name)
}

/// Gives the owner of the directory `name` all rights to it, if they are not given. Other objects are left alone.
pub fn unlock(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    let entry = open_entry(dir, name)?;
    let mode = stat(entry.as_fd())?.st_mode;
    if mode & libc::S_IFMT == libc::S_IFDIR && mode & 0o700 != 0o700 {
        fs::chmod(proc_path(entry.as_fd()), Mode::RWXU)?;
    }
    Ok(())
}

pub fn fsync(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fs::fsync(fd)?)
}

/// Writes everything of the file system of `fd` to the disk.
pub fn syncfs(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fs::syncfs(fd)?)
}

/// Bytes of a file handle that are enough for every file system that gives any.
const HANDLE_BYTES_MAX: usize = 128;

#[repr(C, align(8))]
struct Handle {
    bytes: u32,
    kind: i32,
    data: [u8; HANDLE_BYTES_MAX],
}

/// The file handle of what `fd` stands for, with its generation, so that a reused inode number is noticed. `None` when
/// the file system gives none.
pub fn file_handle(fd: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let mut handle = Handle { bytes: HANDLE_BYTES_MAX as u32, kind: 0, data: [0; HANDLE_BYTES_MAX] };
    let mut mount = 0;
    // SAFETY: the path is an empty C string, `handle` has the layout of `struct file_handle` followed by as many bytes
    // as it announces, and both pointers live through the call.
    let result = unsafe {
        libc::name_to_handle_at(
            fd.as_raw_fd(),
            c"".as_ptr(),
            std::ptr::from_mut(&mut handle).cast(),
            &mut mount,
            libc::AT_EMPTY_PATH,
        )
    };
    let length = usize::try_from(handle.bytes).ok().filter(|n| *n <= HANDLE_BYTES_MAX)?;
    if result != 0 {
        return None;
    }
    let mut bytes = handle.kind.to_le_bytes().to_vec();
    bytes.extend_from_slice(&handle.data[..length]);
    Some(bytes)
}

#[cfg(test)]
mod tests;
