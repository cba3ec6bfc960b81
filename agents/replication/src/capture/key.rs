//! Keys of objects: file system and file handle, which holds a generation, so that a reused inode number is noticed.

use crate::beneath;
use std::{
    borrow::Borrow,
    io, mem,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// Identifies an object while it exists: eight bytes of file system, four of handle type, then the handle.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<[u8]>);

/// Bytes before the handle itself.
pub(super) const PREFIX_BYTES: usize = 12;
/// Handle type of keys made up from inode number and birth time, where the file system gives no handles.
const MADE_UP: i32 = -1;

impl Key {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// The file system of a root, and a descriptor on it.
#[derive(Debug)]
pub struct Filesystem {
    id: [u8; 8],
    mount: OwnedFd,
    writes_back: bool,
}

/// Types of file systems that live in memory alone, as `statfs` tells them: tmpfs, ramfs and hugetlbfs.
const IN_MEMORY: [i64; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];

impl Filesystem {
    /// Looks at the file system of `root`.
    pub fn of(root: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: `statfs` is plain data, for which zeros are valid, and it outlives the call.
        let mut stat: libc::statfs = unsafe { mem::zeroed() };
        // SAFETY: see above; the descriptor is open for the whole call.
        if unsafe { libc::fstatfs(root.as_raw_fd(), &mut stat) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fsid_t` is two plain 32-bit numbers, exactly eight bytes without padding.
        let id = unsafe { mem::transmute::<libc::fsid_t, [u8; 8]>(stat.f_fsid) };
        // fanotify and `open_by_handle_at` want a descriptor that is more than a mere handle.
        let mount = beneath::open_dir(root, b"")?;
        #[allow(clippy::unnecessary_cast, reason = "the type differs between architectures")]
        let kind = i64::from(stat.f_type as u32);
        Ok(Self { id, mount, writes_back: !IN_MEMORY.contains(&kind) })
    }

    /// Whether pages are written back, after which the first store through a mapping moves the file's times.
    pub fn writes_back(&self) -> bool {
        self.writes_back
    }

    pub fn id(&self) -> [u8; 8] {
        self.id
    }

    pub(super) fn mount(&self) -> &OwnedFd {
        &self.mount
    }

    /// The key of an open object.
    pub fn key(&self, fd: BorrowedFd<'_>) -> io::Result<Key> {
        let handle = match beneath::file_handle(fd) {
            Some(handle) => handle,
            None => made_up(fd)?,
        };
        Ok(Key([self.id.as_slice(), &handle].concat().into()))
    }

    /// Opens an object by its key, where the kernel allows that. `ESTALE` means that it does not exist any more.
    pub fn open(&self, key: &Key, flags: i32) -> io::Result<OwnedFd> {
        #[repr(C, align(8))]
        struct Handle {
            bytes: u32,
            kind: i32,
            data: [u8; 128],
        }
        let bytes = key.as_bytes();
        let (Some(id), Some(kind), Some(data)) = (bytes.get(..8), bytes.get(8..12), bytes.get(PREFIX_BYTES..)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let kind = i32::from_ne_bytes([kind[0], kind[1], kind[2], kind[3]]);
        if id != self.id || kind == MADE_UP || data.len() > 128 {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        let mut handle = Handle { bytes: data.len() as u32, kind, data: [0; 128] };
        handle.data[..data.len()].copy_from_slice(data);
        // SAFETY: `handle` has the layout of `struct file_handle` with the bytes it announces, and outlives the call.
        let fd = unsafe {
            libc::open_by_handle_at(
                self.mount.as_raw_fd(),
                (&raw mut handle).cast(),
                flags | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave this descriptor to us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Whether objects can be opened by key: tried on the root itself.
    pub fn opens_by_key(&self, root: BorrowedFd<'_>) -> io::Result<()> {
        let key = self.key(root)?;
        self.open(&key, libc::O_PATH).map(drop)
    }
}

fn made_up(fd: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let stat = statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::BTIME)?;
    let mut out = MADE_UP.to_ne_bytes().to_vec();
    out.extend_from_slice(&stat.stx_ino.to_le_bytes());
    if stat.stx_mask & StatxFlags::BTIME.bits() != 0 {
        out.extend_from_slice(&stat.stx_btime.tv_sec.to_le_bytes());
        out.extend_from_slice(&stat.stx_btime.tv_nsec.to_le_bytes());
    }
    Ok(out)
}
