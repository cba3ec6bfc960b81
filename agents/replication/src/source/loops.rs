//! Files that stand behind loop devices: the kernel itself writes to them, and tells nobody.

use super::{
    SourceError, content,
    engine::Engine,
    pending::{Hint, Item},
};
use crate::{beneath, meta::Oid};
use rustix::fs::{Mode, OFlags, open};
use std::{
    ffi::OsStr,
    fs,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::PathBuf,
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(1);
/// Loop devices looked at each time; more of them are found by their times as other large files are.
const DEVICES_MAX: usize = 1024;

/// When loop devices are looked for next.
pub(super) struct LoopDevices {
    next: Instant,
}

impl LoopDevices {
    pub fn new() -> Self {
        Self { next: Instant::now() + EVERY }
    }
}

impl Engine {
    pub fn look_at_loop_devices(&mut self, now: Instant) -> Result<(), SourceError> {
        if now < self.loops.next {
            return Ok(());
        }
        self.loops.next = now + EVERY;
        self.look_at_all_loop_devices()
    }

    pub fn look_at_all_loop_devices(&mut self) -> Result<(), SourceError> {
        for path in backing_files() {
            let Ok(file) = open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else { continue };
            let Some(oid) = self.known_file(&file)? else { continue };
            if let Ok(file) = content::open(file.as_fd()) {
                content::start_writeback(file.as_fd());
            }
            self.pending.hot(Item::Object(oid), Hint::Scan);
        }
        Ok(())
    }

    /// The object that an open file is, when it lies in a root.
    fn known_file(&self, file: &OwnedFd) -> Result<Option<Oid>, SourceError> {
        let Ok(stat) = beneath::stat(file.as_fd()) else { return Ok(None) };
        for (_, held) in self.roots.all_held() {
            if !beneath::stat(held.root.fd()).is_ok_and(|root| root.st_dev == stat.st_dev) {
                continue;
            }
            let Ok(key) = held.filesystem.key(file.as_fd()) else { continue };
            if let Some(stored) = self.index.object_by_key(&key)? {
                return Ok(Some(stored.oid));
            }
        }
        Ok(None)
    }
}

fn backing_files() -> Vec<PathBuf> {
    // Where there is no `/sys` there are no loop devices that we could see.
    let Ok(devices) = fs::read_dir("/sys/block") else { return Vec::new() };
    let loops = devices.flatten().filter(|device| device.file_name().as_bytes().starts_with(b"loop"));
    let file = |device: fs::DirEntry| {
        let path = fs::read(device.path().join("loop/backing_file")).ok()?;
        Some(PathBuf::from(OsStr::from_bytes(path.strip_suffix(b"\n").unwrap_or(&path))))
    };
    loops.filter_map(file).take(DEVICES_MAX).collect()
}
