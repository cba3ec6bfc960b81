//! Everything that can be done to a tree, at random, by whoever feels like it.

use super::blind::Mapped;
use rustix::fs::{
    AtFlags, CWD, FallocateFlags, FileType, Gid, Mode, RenameFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{FileExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Length of files that are mapped, which nobody truncates.
const MAPPED_BYTES: usize = 8192;
/// Descriptors and mappings kept beyond the names they were opened by.
const KEPT: usize = 8;

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % below
    }

    fn dir(&mut self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        for _ in 0..self.next(4) {
            path.push(format!("d{}", self.next(4)));
        }
        path
    }

    fn subdir(&mut self, root: &Path) -> PathBuf {
        let dir = self.dir(root);
        dir.join(format!("d{}", self.next(4)))
    }

    fn file(&mut self, root: &Path) -> PathBuf {
        let dir = self.dir(root);
        dir.join(format!("f{}", self.next(12)))
    }

    fn mapped(&mut self, root: &Path) -> PathBuf {
        let dir = self.dir(root);
        dir.join(format!("m{}", self.next(4)))
    }

    fn bytes(&mut self) -> [u8; 8] {
        self.next(u64::MAX).to_le_bytes()
    }
}

/// What is still open at the end of a hammering; dropping it is the last thing that is done to the tree.
#[derive(Default)]
pub struct Open {
    files: Vec<File>,
    mapped: Vec<Mapped>,
}

/// Failures are part of it: most paths do not exist.
pub fn hammer(root: &Path, seed: u64, time: Duration) -> u64 {
    hammered(root, seed, time).0
}

/// As `hammer`, leaving open what it has open.
pub fn hammered(root: &Path, seed: u64, time: Duration) -> (u64, Open) {
    let mut random = Random::new(seed);
    let mut open = Open::default();
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < time {
        count += 1;
        let _ = match random.next(28) {
            0..=9 => names(root, &mut random),
            10..=17 => contents(root, &mut random, &mut open),
            18..=22 => mappings(root, &mut random, &mut open),
            _ => attributes(root, &mut random),
        };
    }
    (count, open)
}

fn names(root: &Path, random: &mut Random) -> io::Result<()> {
    let (a, b) = (random.file(root), random.file(root));
    let (d, e) = (random.subdir(root), random.subdir(root));
    match random.next(11) {
        0 => fs::create_dir(d),
        1 => fs::rename(a, b),
        2 => fs::rename(d, e),
        3 => fs::hard_link(a, b),
        4 => fs::remove_file(a),
        5 => fs::remove_dir(d),
        6 if random.next(10) == 0 => fs::remove_dir_all(d),
        7 => fs::create_dir_all(root.join("d1/d2/d3")).and_then(|()| write(&root.join("d1/d2/d3/f1"), b"deep")),
        8 => symlink(random.next(99).to_string(), a),
        9 => {
            let (kind, device) =
                if random.next(2) == 0 { (FileType::Fifo, 0) } else { (FileType::CharacterDevice, 0x103) };
            Ok(rustix::fs::mknodat(CWD, &a, kind, Mode::RUSR, device)?)
        }
        _ => Ok(rustix::fs::renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE)?),
    }
}

fn contents(root: &Path, random: &mut Random, open: &mut Open) -> io::Result<()> {
    let a = random.file(root);
    // Never waits for the other end of a fifo, nor writes to a device.
    let is_file = fs::symlink_metadata(&a).is_ok_and(|meta| meta.is_file());
    match random.next(8) {
        0..=2 if is_file || !a.exists() => {
            let size = random.next(5000) as usize;
            write(&a, &vec![random.next(256) as u8; size])
        }
        3 if is_file => {
            let mut file = options().append(true).open(a)?;
            file.write_all(&random.bytes())?;
            open.files.push(file);
            if open.files.len() > KEPT {
                open.files.remove(0);
            }
            Ok(())
        }
        4 if !open.files.is_empty() => {
            let at = random.next(open.files.len() as u64) as usize;
            open.files[at].write_at(&random.bytes(), random.next(100)).map(drop)
        }
        5 if is_file => options().write(true).open(a)?.set_len(random.next(40_000)),
        6 if is_file => {
            let file = options().write(true).open(a)?;
            file.write_all_at(&vec![7; 9000], random.next(30_000))
        }
        7 if is_file => {
            let (file, flags) =
                (options().write(true).open(a)?, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE);
            Ok(rustix::fs::fallocate(&file, flags, random.next(20_000), 1 + random.next(20_000))?)
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    options().write(true).create(true).truncate(true).open(path)?.write_all(content)
}

/// Another one may have put a fifo or a device there meanwhile: never waits.
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    options
}

fn mappings(root: &Path, random: &mut Random, open: &mut Open) -> io::Result<()> {
    let (a, b) = (random.mapped(root), random.mapped(root));
    match random.next(7) {
        0 => {
            // Nobody maps it before it has its length.
            let new = root.join(format!("t{}", random.next(1 << 40)));
            fs::write(&new, [1; MAPPED_BYTES])?;
            fs::rename(&new, a).or_else(|_| fs::remove_file(new))
        }
        1 => {
            if a.exists() {
                open.mapped.push(Mapped::new(&a)?);
            }
            if open.mapped.len() > KEPT {
                open.mapped.remove(0);
            }
            Ok(())
        }
        2 => fs::rename(a, b),
        3 => fs::hard_link(a, b),
        4 if random.next(4) == 0 => fs::remove_file(a),
        _ if open.mapped.is_empty() => Ok(()),
        _ => {
            let at = random.next(open.mapped.len() as u64) as usize;
            open.mapped[at].store(random.next(MAPPED_BYTES as u64) as usize, random.next(256) as u8);
            Ok(())
        }
    }
}

fn attributes(root: &Path, random: &mut Random) -> io::Result<()> {
    let path = if random.next(3) == 0 { random.subdir(root) } else { random.file(root) };
    let is_link = fs::symlink_metadata(&path)?.is_symlink();
    match random.next(5) {
        0 if !is_link => fs::set_permissions(path, Permissions::from_mode(0o700 | random.next(0o7777) as u32)),
        1 => {
            let id = 1000 + random.next(50) as u32;
            let (user, group) = (Uid::from_raw(id), Gid::from_raw(id + 1));
            Ok(rustix::fs::chownat(CWD, path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?)
        }
        2 => {
            let (tv_sec, tv_nsec) = (random.next(2_000_000_000) as i64, random.next(1_000_000_000) as _);
            let time = Timespec { tv_sec, tv_nsec };
            let times = Timestamps { last_access: time, last_modification: time };
            Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
        }
        3 => Ok(rustix::fs::lsetxattr(path, "user.a", &random.bytes(), XattrFlags::empty())?),
        _ => Ok(rustix::fs::lremovexattr(path, "user.a")?),
    }
}
