//! What is preserved and compared of a file-system object besides its names and its content.

use std::fmt;

/// Identifies an object of one lineage: assigned once by the source, never used again for another object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(pub u64);

impl Oid {
    /// Object of the root directory at `index` in the scenario's list of roots.
    pub const fn root(index: u32) -> Self {
        Self(index as u64 + 1)
    }

    /// The first object that is not a root. Bounds the number of roots of a scenario.
    pub const FIRST: Self = Self(1025);
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Kinds of objects that are replicated. Sockets are not: a socket without its process is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ObjectKind {
    File = 1,
    Directory = 2,
    Symlink = 3,
    Fifo = 4,
    CharDevice = 5,
    BlockDevice = 6,
}

impl ObjectKind {
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::File, Self::Directory, Self::Symlink, Self::Fifo, Self::CharDevice, Self::BlockDevice]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// The kind behind `st_mode`; `None` for sockets and what the kernel may yet invent.
    pub fn from_mode(mode: u32) -> Option<Self> {
        match mode & libc::S_IFMT {
            libc::S_IFREG => Some(Self::File),
            libc::S_IFDIR => Some(Self::Directory),
            libc::S_IFLNK => Some(Self::Symlink),
            libc::S_IFIFO => Some(Self::Fifo),
            libc::S_IFCHR => Some(Self::CharDevice),
            libc::S_IFBLK => Some(Self::BlockDevice),
            _ => None,
        }
    }
}

/// In place of an owner or group that is not kept: the kernel's own word for leaving it as it is.
pub const ID_LEFT: u32 = u32::MAX;
/// In place of permissions that are not kept.
pub const MODE_LEFT: u32 = 1 << 12;
/// In place of the nanoseconds of a time that is not kept.
pub const NANOS_LEFT: u32 = 1_000_000_000;

/// Everything of an object but names and content. Two objects are alike when their `Meta` is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    pub kind: ObjectKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Modification time: seconds, which may be negative, and nanoseconds.
    pub mtime: (i64, u32),
    /// Length of a file; zero for all else.
    pub size: u64,
    /// Device number of a device; zero for all else.
    pub rdev: u64,
    /// Where a symbolic link points; empty for all else.
    pub link: Vec<u8>,
    /// Extended attributes with POSIX ACLs and capabilities among them, sorted by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}
