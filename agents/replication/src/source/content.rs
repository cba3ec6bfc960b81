//! Reading a file that others may be writing: with a read lease where one is given, and by looking at its times before
//! and after.

use crate::{
    beneath,
    content::{ContentHash, EachBlock, read_data},
    message::DATA_BYTES_MAX,
};
use rustix::fs::Stat;
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

/// Seconds and nanoseconds since 1970.
type Time = (i64, u32);

/// What identifies a state of a file: size, modification time and change time.
pub(super) fn times(stat: &Stat) -> (u64, Time, Time) {
    (stat.st_size as u64, (stat.st_mtime, stat.st_mtime_nsec as u32), ctime(stat))
}

pub(super) fn ctime(stat: &Stat) -> (i64, u32) {
    (stat.st_ctime, stat.st_ctime_nsec as u32)
}

/// `F_SETSIG` of `fcntl`, the same on all architectures we build for.
const F_SETSIG: i32 = 10;

/// A read lease: given only while nobody has the file open for writing or mapped shared and writable.
///
/// Whoever opens it for writing waits until the lease is given back, so it is looked at between two pieces.
struct Lease<'a>(BorrowedFd<'a>);

impl<'a> Lease<'a> {
    fn take(file: BorrowedFd<'a>) -> Option<Self> {
        // A broken lease is told by a signal, whose default would end the process; this one is ignored by default.
        // SAFETY: plain numbers on an open descriptor.
        let set = unsafe { libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGURG) };
        // SAFETY: as above.
        (set == 0 && unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK) } == 0)
            .then_some(Self(file))
    }

    fn is_held(&self) -> bool {
        // SAFETY: as above.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_GETLEASE) == libc::F_RDLCK }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::fcntl(self.0.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
    }
}

/// What is done about those who begin to write to a file while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writers {
    /// They wait, where the system allows that: for a reader that waits for nobody itself.
    Wait,
    /// They go on, and are noticed afterwards.
    GoOn,
}

/// How a file was read.
pub(super) struct Read {
    pub hash: [u8; 32],
    /// It did not change while it was read.
    pub stable: bool,
    /// Somebody had it open for writing, or mapped shared and writable, when the reading began.
    pub writers: bool,
}

/// Opens for reading the file that `entry` stands for.
pub(super) fn open(entry: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    beneath::reopen(entry)
}

/// Whether somebody has the file open for writing or mapped shared and writable.
pub(super) fn has_writers(file: BorrowedFd<'_>) -> bool {
    Lease::take(file).is_none()
}

/// Starts writing dirty pages to the disk: the next store through a mapping then moves the times again.
pub(super) fn start_writeback(file: BorrowedFd<'_>) {
    // SAFETY: plain numbers on an open descriptor. A failure only loses the effect.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

/// What is done with a file while it is read.
pub(super) struct Reader<'a, E> {
    pub newcomers: Writers,
    /// Looks at the file, just before it is read.
    pub before: &'a dyn Fn() -> io::Result<Stat>,
    /// Takes what was seen then.
    pub begin: &'a mut dyn FnMut(&Stat) -> Result<(), E>,
    pub each: Each<'a, E>,
    /// Takes the blocks as they were read.
    pub blocks: EachBlock<'a>,
}

/// What takes a piece of content at its offset.
type Each<'a, E> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), E>;

/// Gives the content of `file` without its holes to `each`, in pieces a message can hold. Length and times are those
/// that `before` saw.
pub(super) fn read<E: From<io::Error>>(file: BorrowedFd<'_>, reader: Reader<'_, E>) -> Result<(Stat, Read), E> {
    let Reader { newcomers, before, begin, each, blocks } = reader;
    let mut lease = Lease::take(file);
    let writers = lease.is_none();
    if writers {
        start_writeback(file);
    }
    if newcomers == Writers::GoOn {
        lease = None;
    }
    let stat = before()?;
    begin(&stat)?;
    let size = stat.st_size as u64;
    let mut hash = ContentHash::default();
    let mut failed = None;
    let mut buffer = vec![0; DATA_BYTES_MAX.min(usize::try_from(size).unwrap_or(usize::MAX)).max(1)];
    let result = read_data(file, &mut buffer, |offset, bytes| {
        if lease.as_ref().is_some_and(|lease| !lease.is_held()) {
            lease = None;
        }
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(left)];
        if bytes.is_empty() {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        hash.update_telling(offset, bytes, blocks);
        #[cfg(test)]
        bad::check(file)?;
        each(offset, bytes).map_err(|error| {
            failed = Some(error);
            io::Error::from(io::ErrorKind::Interrupted)
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    match result {
        // The file has grown: what was added is for the next look.
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {}
        other => {
            other?;
        }
    }
    let after = rustix::fs::fstat(file).map_err(io::Error::from)?;
    let stable = times(&after) == times(&stat);
    drop(lease);
    Ok((stat, Read { hash: hash.finish_telling(size, blocks), stable, writers }))
}

/// A moment before a look, in nanoseconds since 1970.
pub(super) fn before_look() -> i128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_nanos());
    now as i128
}

/// Whether a change time is so near to the look, which came after `before`, that another change could leave it the same,
/// or that it was seen in the middle of one: the system sets what is changed and then the time. How long ago the look
/// was by now tells nothing.
pub(super) fn is_racy(stat: &Stat, before: i128) -> bool {
    let (seconds, nanos) = ctime(stat);
    let age = before - (i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
    age < RACY_NANOS
}

/// Two ticks of the slowest clock that times are taken from.
const RACY_NANOS: i128 = 20_000_000;

/// Hash of a file's content now, for comparing it with a copy; `None` when it was stopped.
pub(super) fn hash(file: &OwnedFd, stopped: &dyn Fn() -> bool) -> io::Result<Option<[u8; 32]>> {
    #[cfg(test)]
    bad::check(file.as_fd())?;
    let mut buffer = vec![0; DATA_BYTES_MAX];
    Ok(crate::content::hash_file(file.as_fd(), &mut buffer, stopped)?.map(|(hash, _)| hash))
}

/// Files that tests make unreadable, as a bad disk does.
#[cfg(test)]
pub(super) mod bad {
    use super::{BorrowedFd, io};
    use std::{collections::HashSet, os::unix::fs::MetadataExt, path::Path, sync::Mutex};

    static INODES: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

    pub fn set(path: &Path, bad: bool) {
        let inode = std::fs::metadata(path).unwrap().ino();
        let mut inodes = INODES.lock().unwrap();
        let inodes = inodes.get_or_insert_default();
        assert!(if bad { inodes.insert(inode) } else { inodes.remove(&inode) });
    }

    pub fn check(file: BorrowedFd<'_>) -> io::Result<()> {
        let bad = INODES.lock().unwrap();
        match &*bad {
            Some(bad) if bad.contains(&rustix::fs::fstat(file)?.st_ino) => Err(io::Error::from_raw_os_error(libc::EIO)),
            _ => Ok(()),
        }
    }
}
