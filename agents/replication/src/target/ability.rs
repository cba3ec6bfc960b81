//! What the file system of a root can hold: found out by doing it in the staging directory, before anything is
//! synchronized, as the names of file systems and their options tell little.

use super::rights::Rights;
use crate::preserve::{ACL_ACCESS, ACL_DEFAULT, Preserve};
use crate::root::HeldRoot;
use crate::{beneath, content, root};
use model::agent_status::{Lack, Weight};
use model::elements::preserve::Loss;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmod, chownat, fstat, ftruncate,
    getxattr, setxattr, utimensat,
};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Where it is tried, in the staging directory of the root.
const PLACE: &[u8] = b"probe";
/// What no `lossy` can accept: two files would become one, or none.
const NAMES: &str = "names";
/// An owner of 32 bits.
const OWNER: u32 = 3_000_000_001;
/// `cap_net_bind_service=ep`, version 2: linux/capability.h.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// A hole of this length must take less than half of it.
const HOLE: u64 = 1 << 20;
/// Files at most so large can be anywhere; the second is where old file systems end.
const SIZES: [(u64, &str); 2] = [((4 << 30) + 1, "4 GiB"), (1 << 40, "1 TiB")];
/// Largest value of an attribute that Linux knows.
const VALUE: usize = 64 << 10;

/// What was found out about a root.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ability {
    pub file_system: Option<String>,
    pub lacks: Vec<Lack>,
}

impl Ability {
    /// Tries everything.
    ///
    /// **Errors**: what says nothing about abilities, such as a full disk.
    pub fn of(root: &HeldRoot, rights: Rights) -> io::Result<Self> {
        let staging = root.reserved("staging")?;
        remove(staging.as_fd())?;
        let place = root::ensure_dir(staging.as_fd(), PLACE)?;
        let mut trial = Trial { dir: place, rights, preserve: root.config.preserve, lacks: Vec::new() };
        let tried = trial.everything();
        remove(staging.as_fd())?;
        tried?;
        Ok(Self { file_system: file_system(root.fd()), lacks: trial.lacks })
    }

    /// Why the root must not be filled, in words: what it is, what it lacks, and what can be done.
    pub fn refusal(&self) -> Option<String> {
        let halting: Vec<&Lack> = self.lacks.iter().filter(|lack| lack.weight == Weight::Halts).collect();
        if halting.is_empty() {
            return None;
        }
        let named = self.file_system.as_ref().map_or(String::new(), |name| format!(", {name},"));
        let why: Vec<String> = halting.iter().map(|lack| format!("{} ({})", lack.what, lack.why)).collect();
        let accepted: Vec<&str> = halting.iter().map(|lack| lack.what.as_str()).filter(|what| *what != NAMES).collect();
        let way_out = match accepted.len() == halting.len() {
            true => {
                format!(", or accept the loss with `lossy: [{}]` at this root in the manifest", accepted.join(", "))
            }
            false => String::new(),
        };
        let why = why.join(", ");
        Some(format!(
            "its file system{named} cannot hold what is to be preserved: {why}; put it on another file system{way_out}"
        ))
    }
}

fn remove(staging: BorrowedFd<'_>) -> io::Result<()> {
    match beneath::remove_all(staging, PLACE) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// The type of the file system behind `fd`, as the kernel calls it.
fn file_system(fd: BorrowedFd<'_>) -> Option<String> {
    let mount = beneath::mount_id(fd).ok()?.to_string();
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = table.lines().find(|line| line.split(' ').next() == Some(&mount))?;
    Some(line.split_once(" - ")?.1.split(' ').next()?.to_owned())
}

/// What one attempt came to: `Err` is a refusal in words.
type Tried = Result<(), String>;

struct Trial {
    dir: OwnedFd,
    rights: Rights,
    preserve: Preserve,
    lacks: Vec<Lack>,
}

impl Trial {
    fn everything(&mut self) -> io::Result<()> {
        let file = beneath::create_file(self.dir.as_fd(), b"file")?;
        self.attributes(file.as_fd())?;
        self.access_lists(file.as_fd())?;
        self.permissions(file.as_fd())?;
        self.ownership(file.as_fd())?;
        self.times(file.as_fd())?;
        self.links()?;
        self.specials()?;
        self.sizes()?;
        self.names()
    }

    /// Notes a refusal. It halts the root when what was tried is to be kept there, unless that is up to the agent.
    fn note(&mut self, what: Loss, tried: Tried, may: bool) {
        let Err(why) = tried else { return };
        let (weight, why) = match (self.preserve.keeps(what), may) {
            (false, _) => (Weight::Harmless, why),
            (true, false) => (Weight::Rights, format!("the agent may not: {why}")),
            (true, true) => (Weight::Halts, why),
        };
        self.lacks.push(Lack { what: what.as_str().to_owned(), why, weight });
    }

    fn attributes(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        let set = |name: &str, value: &[u8]| -> io::Result<Tried> {
            let path = beneath::proc_path(file);
            let mut buffer = vec![0; value.len() + 1];
            let result = setxattr(&path, name, value, XattrFlags::empty())
                .and_then(|()| getxattr(&path, name, &mut buffer))
                .map(|length| buffer.get(..length) == Some(value));
            outcome(result, &format!("attribute {name}"))
        };
        let user = set("user.standin", b"v")?;
        let has = user.is_ok();
        self.note(Loss::Xattrs, user, true);
        let trusted = set("trusted.standin", b"v")?;
        if has && self.rights.administer {
            self.note(Loss::Xattrs, trusted, true);
        }
        if has && let Err(why) = set("user.standin", &vec![b'v'; VALUE])? {
            let weight = if self.preserve.keeps(Loss::Xattrs) { Weight::Limit } else { Weight::Harmless };
            let what = Loss::Xattrs.as_str().to_owned();
            self.lacks.push(Lack { what, why: format!("values of {} KiB do not fit: {why}", VALUE >> 10), weight });
        }
        let security = set("security.capability", &CAPABILITY)?;
        self.note(Loss::Security, security, self.rights.set_capabilities);
        Ok(())
    }

    fn access_lists(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        beneath::mkdir(self.dir.as_fd(), b"directory")?;
        let directory = beneath::open_subdir(self.dir.as_fd(), b"directory")?;
        let list = access_list(rustix::process::geteuid().as_raw());
        let set = |fd: BorrowedFd<'_>, name: &[u8]| {
            let set = setxattr(beneath::proc_path(fd), name, &list, XattrFlags::empty());
            outcome(set.map(|()| true), "access list")
        };
        let tried = set(file, ACL_ACCESS)?.and(set(directory.as_fd(), ACL_DEFAULT)?);
        self.note(Loss::Acls, tried, true);
        Ok(())
    }

    fn permissions(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        let mode = 0o4751;
        let set = chmod(beneath::proc_path(file), Mode::from_raw_mode(mode)).and_then(|()| fstat(file));
        let tried = outcome(set.map(|stat| stat.st_mode & 0o7777 == mode), "mode 4751")?;
        self.note(Loss::Permissions, tried, true);
        Ok(())
    }

    fn ownership(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(OWNER), Gid::from_raw(OWNER));
        let set = chownat(file, b"".as_slice(), Some(uid), Some(gid), AtFlags::EMPTY_PATH).and_then(|()| fstat(file));
        let tried = outcome(set.map(|stat| (stat.st_uid, stat.st_gid) == (OWNER, OWNER)), &format!("owner {OWNER}"))?;
        self.note(Loss::Ownership, tried, self.rights.own);
        Ok(())
    }

    /// Beyond the range that a file system has, times are told for each object that needs them.
    fn times(&mut self, file: BorrowedFd<'_>) -> io::Result<()> {
        let exact = set_time(file, 1_234_567_891, 123_456_789)?;
        let is_exact = exact.is_ok();
        self.note(Loss::Timestamps, exact, true);
        for (seconds, year) in [(-2_000_000_000, 1906), (4_102_444_800, 2100)] {
            if is_exact && let Err(why) = set_time(file, seconds, 0)? {
                let weight = if self.preserve.keeps(Loss::Timestamps) { Weight::Limit } else { Weight::Harmless };
                let what = Loss::Timestamps.as_str().to_owned();
                self.lacks.push(Lack { what, why: format!("the year {year} does not fit: {why}"), weight });
            }
        }
        Ok(())
    }

    fn links(&mut self) -> io::Result<()> {
        let dir = self.dir.as_fd();
        let linked = beneath::link((dir, b"file"), (dir, b"linked"));
        let linked = linked.and_then(|()| Ok(beneath::stat_entry(dir, b"linked")?.st_nlink == 2));
        let linked = outcome(linked.map_err(errno), "hard link")?;
        let points = beneath::symlink(b"no/where", dir, b"symlink").and_then(|()| {
            let entry = beneath::open_entry(dir, b"symlink")?;
            Ok(rustix::fs::readlinkat(entry, b"".as_slice(), Vec::new())?.as_bytes() == b"no/where")
        });
        let points = outcome(points.map_err(errno), "symbolic link")?;
        self.note(Loss::Hardlinks, linked, true);
        self.note(Loss::Symlinks, points, true);
        Ok(())
    }

    fn specials(&mut self) -> io::Result<()> {
        let dir = self.dir.as_fd();
        let make = |name: &[u8], kind, device| {
            let made = beneath::mknod(dir, name, kind, device).map_err(errno);
            outcome(made.map(|()| true), &String::from_utf8_lossy(name))
        };
        let fifo = make(b"fifo", FileType::Fifo, 0)?;
        let device = make(b"device", FileType::CharacterDevice, rustix::fs::makedev(1, 3))?;
        let both = fifo.is_ok();
        self.note(Loss::Specials, fifo, true);
        if both {
            self.note(Loss::Specials, device, self.rights.make_devices);
        }
        Ok(())
    }

    fn sizes(&mut self) -> io::Result<()> {
        let file = beneath::create_file(self.dir.as_fd(), b"sparse")?;
        content::write_all_at(file.as_fd(), b"end", HOLE)?;
        rustix::fs::fsync(&file)?;
        let taken = fstat(&file)?.st_blocks as u64 * 512;
        let tried = if taken < HOLE / 2 { Ok(()) } else { Err(format!("a hole of {HOLE} bytes takes {taken}")) };
        let has_holes = tried.is_ok();
        self.note(Loss::Sparse, tried, true);
        for (size, name) in SIZES.into_iter().filter(|_| has_holes) {
            if let Err(why) = outcome(ftruncate(&file, size).map(|()| true), "length")? {
                let why = format!("files of more than {name} do not fit: {why}");
                self.lacks.push(Lack { what: "sizes".to_owned(), why, weight: Weight::Limit });
                break;
            }
        }
        // Not left to a removal that may be interrupted.
        Ok(ftruncate(&file, 0)?)
    }

    fn names(&mut self) -> io::Result<()> {
        let long = vec![b'n'; crate::message::NAME_BYTES_MAX];
        let names: [&[u8]; 8] =
            [&long, b"\xff\xfe", b"a\n:*?\"<>|\\", b"dot.", b"blank ", b"case", b"CASE", "e\u{301}".as_bytes()];
        for name in names.into_iter().chain(["\u{e9}".as_bytes()]) {
            let made = beneath::mkdir(self.dir.as_fd(), name).map_err(errno);
            let shown = if name.len() > 20 { "of 255 bytes".to_owned() } else { name.escape_ascii().to_string() };
            let made = made.map(|()| beneath::names(self.dir.as_fd()).is_ok_and(|all| all.iter().any(|n| n == name)));
            if let Err(why) = outcome(made, &format!("name {shown}"))? {
                self.lacks.push(Lack { what: NAMES.to_owned(), why, weight: Weight::Halts });
                break;
            }
        }
        Ok(())
    }
}

fn set_time(file: BorrowedFd<'_>, seconds: i64, nanos: u32) -> io::Result<Tried> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) as _ },
    };
    let set = utimensat(rustix::fs::CWD, beneath::proc_path(file), &times, AtFlags::empty());
    let stat = set.and_then(|()| fstat(file));
    Ok(match stat {
        Ok(stat) if (stat.st_mtime, stat.st_mtime_nsec as u32) == (seconds, nanos) => Ok(()),
        Ok(stat) => Err(format!("{seconds}.{nanos:09} s became {}.{:09} s", stat.st_mtime, stat.st_mtime_nsec)),
        Err(error) => outcome(Err(error), "time")?,
    })
}

/// An access list in its stored form: version 2, then (tag, permissions, id) for owner, `user`, group, mask, others.
fn access_list(user: u32) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1_u16, 6_u16, u32::MAX), (2, 4, user), (4, 4, u32::MAX), (0x10, 6, u32::MAX), (0x20, 0, u32::MAX)]
    {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Sorts answers: done, refused or not done as asked, and errors that say nothing about what a file system can hold.
fn outcome(result: Result<bool, Errno>, what: &str) -> io::Result<Tried> {
    match result {
        Ok(true) => Ok(Ok(())),
        Ok(false) => Ok(Err(format!("{what} was taken and is not there"))),
        // A value too long for the room that an object has is answered so on a disk with room.
        Err(Errno::NOSPC) if what.starts_with("attribute") => Ok(Err(format!("{what}: no room in the object"))),
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS | Errno::NOMEM | Errno::STALE)) => {
            Err(error.into())
        }
        Err(error) => Ok(Err(format!("{what}: {}", io::Error::from(error)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lack(what: &str, weight: Weight) -> Lack {
        Lack { what: what.to_owned(), why: "no".to_owned(), weight }
    }

    #[test]
    fn only_what_can_be_accepted_is_offered_to_be() {
        let refusal = |lacks| Ability { file_system: Some("vfat".to_owned()), lacks }.refusal();
        assert_eq!(refusal(vec![lack("acls", Weight::Harmless), lack("ownership", Weight::Rights)]), None);
        let both = refusal(vec![lack("acls", Weight::Halts), lack("xattrs", Weight::Halts)]).unwrap();
        assert!(both.starts_with("its file system, vfat, cannot hold") && both.contains("acls (no), xattrs (no)"));
        assert!(both.contains("another file system, or accept the loss with `lossy: [acls, xattrs]`"), "{both}");
        let names = refusal(vec![lack("acls", Weight::Halts), lack(NAMES, Weight::Halts)]).unwrap();
        assert!(!names.contains("lossy") && names.ends_with("another file system"), "{names}");
    }

    #[test]
    fn errors_of_the_moment_are_no_inability() {
        for error in [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::ROFS] {
            assert!(outcome(Err(error), "mode").is_err(), "{error}");
        }
        for error in [Errno::OPNOTSUPP, Errno::PERM, Errno::INVAL, Errno::FBIG, Errno::NAMETOOLONG, Errno::EXIST] {
            assert!(outcome(Err(error), "mode").unwrap().is_err(), "{error}");
        }
        assert!(outcome(Err(Errno::NOSPC), "attribute a").unwrap().is_err(), "no room in the object");
        assert!(outcome(Ok(false), "mode").unwrap().is_err() && outcome(Ok(true), "mode").unwrap().is_ok());
    }
}
