//! Noticing that something may have changed. Nothing here says *what*: merged, lost and reordered events are normal,
//! so a hint only makes the reconciler look at the state of a name or an object.
//!
//! In order of preference: one fanotify mark for a file system, fanotify marks on each directory, inotify watches on
//! each directory, and looking at everything again and again.

mod fanotify;
mod inotify;
mod key;
mod roots;
#[cfg(test)]
mod tests;

pub use key::{Filesystem, Key};
pub use roots::{Captures, RootCapture, Tuning};

use std::{collections::HashMap, io, os::fd::BorrowedFd};

/// What may have changed since it was last looked at. `true` means that content was written.
#[derive(Debug, Default)]
pub struct DirtySet {
    /// Names in directories, by the directory's key.
    pub entries: HashMap<(Key, Box<[u8]>), bool>,
    /// Objects themselves.
    pub objects: HashMap<Key, bool>,
    /// Events were lost: everything must be looked at again.
    pub overflow: bool,
    pub flow: Flow,
}

/// How many names went and came, as far as events tell: merged and lost ones make it a mere estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    pub gone: u64,
    pub come: u64,
}

impl std::ops::AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        self.gone += other.gone;
        self.come += other.come;
    }
}

impl DirtySet {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.objects.is_empty() && !self.overflow
    }

    fn entry(&mut self, directory: &[u8], name: &[u8], content: bool) {
        *self.entries.entry((Key::from(directory), name.into())).or_default() |= content;
    }

    /// A name that went and came again counts as neither.
    fn flow(&mut self, gone: bool, come: bool) {
        self.flow += Flow { gone: (gone && !come).into(), come: (come && !gone).into() };
    }

    fn object(&mut self, key: &[u8], content: bool) {
        *self.objects.entry(Key::from(key)).or_default() |= content;
    }
}

/// What the index knows; events about anything else are dropped at once.
pub trait Known {
    fn directory(&self, key: &[u8]) -> bool;

    /// Whether `key` is a file with more names than one, which may be written under a name outside the roots.
    fn linked(&self, key: &[u8]) -> bool;
}

/// A source of hints that is backed by a descriptor.
trait Watch: Send {
    /// Readable when there is something to drain.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Takes what is there now; where others make events too, not without end.
    fn drain(&mut self, known: &dyn Known, dirty: &mut DirtySet) -> io::Result<()>;

    /// Watches one directory, before it is read.
    fn watch(&mut self, key: &Key, directory: BorrowedFd<'_>) -> io::Result<()>;

    /// Ends the watch of a directory that left the index.
    fn forget(&mut self, _key: &Key) {}
}
