//! Trees with everything that a file system can hold.

use anyhow::{Context, Result};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, mknodat, utimensat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, lchown, symlink},
    },
    path::{Path, PathBuf},
};

/// Puts entries below one directory. Names are bytes, as the file system has them.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    pub fn at(root: &Path) -> Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self { root: root.to_owned() })
    }

    /// Everything Standin promises to preserve; answers what this file system or user cannot hold.
    pub fn of_every_kind(root: &Path) -> Result<Vec<&'static str>> {
        let tree = Self::at(root)?;
        tree.names_and_content()?;
        tree.links()?;
        let refused = tree.attributes()?;
        tree.modes_and_owners()?;
        tree.times()?;
        Ok(refused)
    }

    pub fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.root.join(OsStr::from_bytes(name.as_ref()))
    }

    pub fn file(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::write(&path, content).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    pub fn directory(&self, name: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    pub fn symlink(&self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        symlink(OsStr::from_bytes(target.as_ref()), &path)?;
        Ok(path)
    }

    pub fn hard_link(&self, name: impl AsRef<[u8]>, existing: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::hard_link(self.path(existing), &path)?;
        Ok(path)
    }

    pub fn fifo(&self, name: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o640), 0)?;
        Ok(path)
    }

    /// A file of `length` bytes with data only at the given places.
    pub fn sparse(&self, name: impl AsRef<[u8]>, length: u64, data: &[(u64, &[u8])]) -> Result<PathBuf> {
        let path = self.file(name, "")?;
        let file = File::options().write(true).open(&path)?;
        file.set_len(length)?;
        for (offset, bytes) in data {
            file.write_all_at(bytes, *offset)?;
        }
        Ok(path)
    }

    pub fn mode(&self, name: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        Ok(fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode))?)
    }

    /// Sets the modification time of the entry itself, a symbolic link's too.
    pub fn modified(&self, name: impl AsRef<[u8]>, seconds: i64, nanoseconds: u32) -> Result<()> {
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, self.path(name), &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Sets an extended attribute; tells whether the file system and the user may.
    pub fn attribute(&self, name: impl AsRef<[u8]>, attribute: &str, value: &[u8]) -> Result<bool> {
        match lsetxattr(self.path(name), attribute, value, XattrFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn names_and_content(&self) -> Result<()> {
        self.file("plain", "some text\n")?;
        self.file("empty", "")?;
        self.file("large", vec![7; 3 << 20])?;
        self.file("one-block", vec![1; 4096])?;
        self.directory("empty-directory")?;
        self.file("deep/er/and/deep/er/file", "below")?;
        self.file("n".repeat(255), "a name as long as it may be")?;
        self.file("ä".repeat(127), "a long name in UTF-8")?;
        self.file(b"not-utf8-\xff\xfe", "a name that is no text")?;
        self.file(b"not-utf8-directory-\xc3/inside", "below it")?;
        self.file("with space, \"quotes\", $dollar and *", "x")?;
        self.file("line\nbreak\ttab", "x")?;
        self.file("-dash", "looks like a flag")?;
        self.file("~tilde", "x")?;
        self.file("sub/.standin/id", "a user's own, below the top")?;
        self.sparse("sparse", 8 << 20, &[(0, b"head"), (5 << 20, b"middle")])?;
        self.sparse("only-a-hole", 1 << 20, &[])?;
        Ok(())
    }

    fn links(&self) -> Result<()> {
        self.hard_link("hard-link", "plain")?;
        self.hard_link("other/hard-link", "plain")?;
        self.hard_link("link-of-empty", "empty")?;
        self.symlink("symlink", "plain")?;
        self.symlink("symlink-to-nothing", "no/such/place")?;
        self.symlink("symlink-outside", "/etc/passwd")?;
        self.symlink("symlink-to-directory", "deep")?;
        self.symlink("symlink-not-utf8", b"\xff\xfe")?;
        self.symlink("symlink-long", "t".repeat(4000))?;
        self.fifo("fifo")?;
        Ok(())
    }

    fn modes_and_owners(&self) -> Result<()> {
        let root = rustix::process::geteuid().is_root();
        // Only root reads a file that nobody may read.
        let modes = [0o400, 0o644, 0o666, 0o777, 0o4755, 0o2755, 0o6711].into_iter().chain(root.then_some(0o000));
        for mode in modes {
            self.file(format!("mode-{mode:04o}"), "m")?;
            self.mode(format!("mode-{mode:04o}"), mode)?;
        }
        self.directory("mode-1777")?;
        self.directory("mode-2770")?;
        if root {
            for (name, uid, gid) in
                [("plain", 1000, 1000), ("deep", 1001, 0), ("symlink", 65534, 65534), ("fifo", 7, 8)]
            {
                lchown(self.path(name), Some(uid), Some(gid))?;
            }
            self.file("owned-by-nobody-known", "x")?;
            lchown(self.path("owned-by-nobody-known"), Some(4_000_000_000), Some(4_000_000_001))?;
        }
        if root {
            lchown(self.path("mode-4755"), Some(1000), Some(1000))?;
            self.mode("mode-4755", 0o4755)?; // a change of owner takes the set-id bits away
        }
        self.mode("mode-1777", 0o1777)?;
        self.mode("mode-2770", 0o2770)
    }

    fn attributes(&self) -> Result<Vec<&'static str>> {
        self.file("attributes", "x")?;
        self.file("access-list", "x")?;
        self.directory("default-access-list")?;
        self.file("capability", "x")?;
        let entries = [
            (USER_OBJ, 6, NOBODY),
            (USER, 4, 1000),
            (GROUP_OBJ, 4, NOBODY),
            (GROUP, 6, 1001),
            (MASK, 6, NOBODY),
            (OTHER, 0, NOBODY),
        ];
        let acl = access_list(&entries);
        let root = rustix::process::geteuid().is_root();
        let mut refused = Vec::new();
        let mut note = |kind: &'static str, held: bool| {
            if !held {
                refused.push(kind)
            }
        };
        note("user attributes", self.attribute("attributes", "user.standin.test", b"value\0with\xffbytes")?);
        note("empty attributes", self.attribute("attributes", "user.empty", b"")?);
        note("large attributes", self.attribute("attributes", "user.large", &[b'v'; 2000])?);
        note("attributes of directories", self.attribute("empty-directory", "user.on-directory", b"d")?);
        note("access lists", self.attribute("access-list", "system.posix_acl_access", &acl)?);
        note("default access lists", self.attribute("default-access-list", "system.posix_acl_default", &acl)?);
        note("trusted attributes", root && self.attribute("attributes", "trusted.standin", b"for root only")?);
        note("capabilities", root && self.attribute("capability", "security.capability", &CAPABILITY)?);
        Ok(refused)
    }

    /// Last of all, directories after what is in them.
    fn times(&self) -> Result<()> {
        self.modified("plain", 1_000_000_000, 123_456_789)?;
        self.modified("empty", 0, 1)?;
        self.modified("large", 4_102_444_800, 999_999_999)?; // 2100-01-01, far in the future
        self.modified("symlink", 1_234_567_890, 987_654_321)?;
        self.modified("fifo", 1_111_111_111, 111_111_111)?;
        self.modified("empty-directory", 1_500_000_000, 5)?;
        self.modified("deep/er", 1_400_000_000, 42)?;
        self.modified("deep", 1_300_000_000, 7)?;
        Ok(())
    }
}

// The binary form of POSIX ACLs in extended attributes: linux/posix_acl_xattr.h.
const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;
const NOBODY: u32 = u32::MAX;

fn access_list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// `cap_net_bind_service=ep`, version 2: linux/capability.h.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
