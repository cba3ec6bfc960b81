//! inotify watches on each directory, for kernels and containers without fanotify.
//!
//! It does not see a write through a name outside the roots, or through a descriptor whose name is gone; the poll of
//! recently written files and the scheduled rescan find those.

use super::{DirtySet, Key, Known, Watch};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::{
    collections::HashMap,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

const BUFFER_BYTES: usize = 256 << 10;

pub(super) struct Inotify {
    fd: OwnedFd,
    buffer: Vec<MaybeUninit<u8>>,
    keys: HashMap<i32, Key>,
    watches: HashMap<Key, i32>,
    queue_max: usize,
}

impl Inotify {
    pub fn new(queue_max: Option<usize>) -> io::Result<Self> {
        Ok(Self {
            fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            buffer: vec![MaybeUninit::uninit(); BUFFER_BYTES],
            keys: HashMap::new(),
            watches: HashMap::new(),
            queue_max: queue_max.unwrap_or(usize::MAX),
        })
    }
}

impl Watch for Inotify {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn drain(&mut self, known: &dyn Known, dirty: &mut DirtySet) -> io::Result<()> {
        let mut left = self.queue_max;
        let mut reader = inotify::Reader::new(&self.fd, &mut self.buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let flags = event.events();
            if left == 0 || flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                dirty.overflow = true;
                continue;
            }
            left -= 1;
            if flags.contains(ReadFlags::IGNORED) {
                if let Some(key) = self.keys.remove(&event.wd())
                    && self.watches.get(&key) == Some(&event.wd())
                {
                    self.watches.remove(&key);
                }
                continue;
            }
            let Some(key) = self.keys.get(&event.wd()).filter(|key| known.directory(key.as_bytes())) else {
                continue;
            };
            dirty.flow(
                flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM),
                flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO),
            );
            let content = flags.intersects(ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE);
            match event.file_name() {
                Some(name) => dirty.entry(key.as_bytes(), name.to_bytes(), content),
                None => dirty.object(key.as_bytes(), false),
            }
        }
    }

    fn watch(&mut self, key: &Key, directory: BorrowedFd<'_>) -> io::Result<()> {
        let flags = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let wd = inotify::add_watch(&self.fd, crate::beneath::proc_path(directory), flags)?;
        self.keys.insert(wd, key.clone());
        self.watches.insert(key.clone(), wd);
        Ok(())
    }

    fn forget(&mut self, key: &Key) {
        if let Some(wd) = self.watches.remove(key) {
            self.keys.remove(&wd);
            // The kernel has removed the watch itself when the directory is gone.
            let _ = inotify::remove_watch(&self.fd, wd);
        }
    }
}
