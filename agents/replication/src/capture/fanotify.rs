//! fanotify with the handle and name of the parent and the handle of the object in each event.
//!
//! The one group holds marks of whole file systems and marks of single directories alike.

use super::{DirtySet, Key, Known, Watch, key::PREFIX_BYTES};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr,
    time::{Duration, Instant},
};

const FAN_MODIFY: u64 = 0x2;
const FAN_ATTRIB: u64 = 0x4;
const FAN_CLOSE_WRITE: u64 = 0x8;
const FAN_CREATE: u64 = 0x100;
const FAN_DELETE: u64 = 0x200;
const FAN_Q_OVERFLOW: u64 = 0x4000;
const FAN_EVENT_ON_CHILD: u64 = 0x0800_0000;
const FAN_RENAME: u64 = 0x1000_0000;
const FAN_ONDIR: u64 = 0x4000_0000;
const MASK: u64 = FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE | FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_ONDIR;

const FAN_CLOEXEC: u32 = 0x1;
const FAN_NONBLOCK: u32 = 0x2;
const FAN_UNLIMITED_QUEUE: u32 = 0x10;
/// `FAN_REPORT_FID | DIR_FID | NAME | TARGET_FID`, since Linux 5.17.
const FAN_REPORT_DFID_NAME_TARGET: u32 = 0x1e00;
const FAN_MARK_ADD: u32 = 0x1;
const FAN_MARK_IGNORED_SURV_MODIFY: u32 = 0x40;
const FAN_MARK_FILESYSTEM: u32 = 0x100;
/// Since Linux 6.0.
const FAN_MARK_IGNORE: u32 = 0x400;

const INFO_FID: u8 = 1;
const INFO_DFID_NAME: u8 = 2;
const INFO_DFID: u8 = 3;
const INFO_OLD_DFID_NAME: u8 = 10;
const INFO_NEW_DFID_NAME: u8 = 12;

const BUFFER_BYTES: usize = 256 << 10;
/// Longest time in which events are taken without anything being done about them: a mark of a whole file system tells of
/// what everybody does there.
const DRAIN_MAX: Duration = Duration::from_millis(200);

/// The header of an event as the kernel writes it, which keeps no alignment in a buffer.
#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Event {
    length: u32,
    version: u8,
    reserved: u8,
    metadata_length: u16,
    mask: u64,
    fd: i32,
    pid: i32,
}

/// The header of one information record within an event, up to the handle.
#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Info {
    kind: u8,
    pad: u8,
    length: u16,
    fsid: [u8; 8],
    handle_bytes: u32,
    handle_type: i32,
}

pub(super) struct Fanotify {
    fd: OwnedFd,
    buffer: Vec<u8>,
    /// Most events taken in one drain before the rest counts as lost; only tests limit it.
    queue_max: usize,
}

impl Fanotify {
    pub fn new(queue_max: Option<usize>) -> io::Result<Self> {
        let base = FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME_TARGET;
        let fd = init(base | FAN_UNLIMITED_QUEUE).or_else(|_| init(base))?;
        Ok(Self { fd, buffer: vec![0; BUFFER_BYTES], queue_max: queue_max.unwrap_or(usize::MAX) })
    }

    /// Marks the whole file system of `directory`.
    pub fn mark_filesystem(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        self.mark(FAN_MARK_ADD | FAN_MARK_FILESYSTEM, MASK, directory)
    }

    /// Leaves out what happens to `directory` and to what it names, but not further below.
    pub fn ignore(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let flags = FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY;
        self.mark(flags, MASK | FAN_EVENT_ON_CHILD, directory)
    }

    fn mark(&self, flags: u32, mask: u64, directory: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: both descriptors are open and the path is a C string.
        let result =
            unsafe { libc::fanotify_mark(self.fd.as_raw_fd(), flags, mask, directory.as_raw_fd(), c".".as_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn init(flags: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::fanotify_init(flags, (libc::O_RDONLY | libc::O_LARGEFILE) as u32) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

impl Watch for Fanotify {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn drain(&mut self, known: &dyn Known, dirty: &mut DirtySet) -> io::Result<()> {
        let (mut left, begin) = (self.queue_max, Instant::now());
        // What a busy file system tells without end is told the next time.
        while begin.elapsed() < DRAIN_MAX {
            let read = match rustix::io::read(&self.fd, &mut self.buffer) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            parse(&self.buffer[..read], &mut |mask, infos| {
                if left == 0 {
                    dirty.overflow = true;
                    return;
                }
                left -= 1;
                take(mask, infos, known, dirty);
            });
        }
        Ok(())
    }

    fn watch(&mut self, _key: &Key, directory: BorrowedFd<'_>) -> io::Result<()> {
        self.mark(FAN_MARK_ADD, MASK | FAN_EVENT_ON_CHILD, directory)
    }
}

/// A record with its key and name.
type Record<'a> = (u8, Vec<u8>, &'a [u8]);

fn take(mask: u64, infos: &[Record<'_>], known: &dyn Known, dirty: &mut DirtySet) {
    if mask & FAN_Q_OVERFLOW != 0 {
        dirty.overflow = true;
        return;
    }
    let content = mask & (FAN_MODIFY | FAN_CLOSE_WRITE) != 0;
    let mut inside = false;
    let (mut gone, mut come) = (mask & FAN_DELETE != 0, mask & FAN_CREATE != 0);
    for (kind, key, name) in infos {
        match *kind {
            INFO_DFID_NAME | INFO_DFID | INFO_OLD_DFID_NAME | INFO_NEW_DFID_NAME if known.directory(key) => {
                inside = true;
                gone |= *kind == INFO_OLD_DFID_NAME;
                come |= *kind == INFO_NEW_DFID_NAME;
                if name.is_empty() || *name == b"." {
                    dirty.object(key, false);
                } else {
                    dirty.entry(key, name, content);
                }
            }
            // The object itself, when it may have been reached through a name that is gone or outside the roots.
            INFO_FID if (content && inside) || known.linked(key) => dirty.object(key, content),
            _ => {}
        }
    }
    if inside {
        dirty.flow(gone, come);
    }
}

/// Calls `each` for every event in `buffer`, with its mask and its records.
fn parse(buffer: &[u8], each: &mut dyn FnMut(u64, &[Record<'_>])) {
    let mut at = 0;
    let mut records: Vec<Record<'_>> = Vec::with_capacity(4);
    while buffer.len() - at >= size_of::<Event>() {
        // SAFETY: the length was checked, `Event` is plain data, and the read needs no alignment.
        let event = unsafe { ptr::read_unaligned(buffer[at..].as_ptr().cast::<Event>()) };
        let end = at + event.length as usize;
        let mut info_at = at + usize::from(event.metadata_length);
        if (event.length as usize) < size_of::<Event>() || end > buffer.len() {
            return;
        }
        records.clear();
        while info_at + size_of::<Info>() <= end {
            // SAFETY: as above.
            let info = unsafe { ptr::read_unaligned(buffer[info_at..].as_ptr().cast::<Info>()) };
            let info_end = info_at + usize::from(info.length);
            if info.length == 0 || info_end > end {
                break;
            }
            if let Some(record) = record(&info, &buffer[info_at..info_end]) {
                records.push(record);
            }
            info_at = info_end;
        }
        each(event.mask, &records);
        at = end;
    }
}

fn record<'a>(info: &Info, bytes: &'a [u8]) -> Option<Record<'a>> {
    if !matches!(info.kind, INFO_FID | INFO_DFID_NAME | INFO_DFID | INFO_OLD_DFID_NAME | INFO_NEW_DFID_NAME) {
        return None;
    }
    let handle_at = size_of::<Info>();
    let handle = bytes.get(handle_at..handle_at + info.handle_bytes as usize)?;
    let mut key = Vec::with_capacity(PREFIX_BYTES + handle.len());
    key.extend_from_slice(&info.fsid);
    key.extend_from_slice(&{ info.handle_type }.to_ne_bytes());
    key.extend_from_slice(handle);
    let name = bytes.get(handle_at + handle.len()..)?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Some((info.kind, key, name))
}
