//! Mounts that come and go inside a root. What is mounted there is not replicated, for a root is one file system; what
//! it covers can be seen by nobody, stays as it was known, and is looked at again when it is uncovered.

use super::{
    engine::Engine,
    pending::{Hint, Item},
    slot::Held,
};
use crate::beneath;
use model::elements::roots::RESERVED_DIRECTORY;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// The kernel says when this changes.
const TABLE: &str = "/proc/self/mountinfo";
/// Mounts of a root that are named.
const MOUNTS_MAX: usize = 100;

/// What is mounted inside each root.
pub(super) struct Mounts {
    /// `None` without `/proc`; covered names are tried again all the same.
    table: Option<File>,
    inside: Vec<Vec<String>>,
}

impl Mounts {
    pub fn new() -> Self {
        Self { table: File::open(TABLE).ok(), inside: Vec::new() }
    }

    /// Paths below the root, escaped where they are not printable text.
    pub fn of(&self, root: usize) -> Vec<String> {
        self.inside.get(root).cloned().unwrap_or_default()
    }

    fn has_changed(&self) -> bool {
        let Some(table) = &self.table else { return false };
        let mut fds = [PollFd::new(table, PollFlags::PRI)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|_| fds[0].revents().contains(PollFlags::PRI))
    }
}

impl Engine {
    pub fn look_at_mounts(&mut self) {
        if !self.mounts.has_changed() {
            return;
        }
        self.note_mounts();
        for (directory, name) in self.unreadable.covered() {
            if name.is_empty() {
                self.pending.scan(directory);
            } else {
                self.pending.hot(Item::Entry(directory, name), Hint::Scan);
            }
        }
        self.publish_roots(false);
    }

    /// Reads what is mounted inside the roots that are held; what is known of others stays.
    pub fn note_mounts(&mut self) {
        let Ok(table) = fs::read(TABLE) else { return };
        self.mounts.inside.resize(self.roots.0.len(), Vec::new());
        for (_, held) in self.roots.all_held() {
            let now = inside(&table, held);
            let known = &mut self.mounts.inside[held.root.index as usize];
            for path in now.iter().filter(|path| !known.contains(path)) {
                tracing::warn!(root = %held.root.config.name, path, "something is mounted there; it is not replicated");
            }
            *known = now;
        }
    }
}

fn inside(table: &[u8], held: &Held) -> Vec<String> {
    let Ok(root) = fs::read_link(beneath::proc_path(held.root.fd())) else { return Vec::new() };
    let mut found: Vec<String> = points(table).filter_map(|point| below(&root, &point)).collect();
    found.sort();
    found.dedup();
    found.truncate(MOUNTS_MAX);
    found
}

fn below(root: &Path, point: &Path) -> Option<String> {
    let path = point.strip_prefix(root).ok().filter(|path| !path.starts_with(RESERVED_DIRECTORY))?;
    let bytes = path.as_os_str().as_bytes();
    (!bytes.is_empty()).then(|| bytes.escape_ascii().to_string())
}

/// The fifth field of each line: the mount point, with blanks and the like in octal.
fn points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    let fields = table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    fields.map(|field| PathBuf::from(OsString::from_vec(unescaped(field))))
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_inside_a_root_are_named_and_no_others() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/sda rw\n30 22 0:5 / /srv/a\\040b/c rw - tmpfs none rw\n\
            31 22 0:6 / /srv rw - xfs /dev/sdb rw\n32 22 0:7 / /srvx rw - xfs x rw\n33 31 0:8 / /srv/.standin/x rw - t t rw\n";
        let of = |root: &str| points(table).filter_map(|point| below(Path::new(root), &point)).collect::<Vec<_>>();
        assert_eq!(of("/srv"), ["a b/c"]);
        assert_eq!(of("/srv/a b"), ["c"]);
        assert!(of("/home").is_empty());
    }
}
