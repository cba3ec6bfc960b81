//! Somebody who keeps a tree busy, and stops without being asked.

use anyhow::{Result, anyhow};
use rustix::io::Errno;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// When a writer stops by itself: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub operations: u64,
    pub time: Duration,
    /// Rest between two operations; zero writes as fast as it can.
    pub pause: Duration,
}

/// What a writer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub operations: u64,
    pub bytes: u64,
}

/// A thread that creates, changes, renames and removes below one directory, the same for the same seed.
pub struct Writer {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: Option<JoinHandle<io::Result<Written>>>,
}

impl Writer {
    pub fn start(directory: &Path, seed: u64, limit: Limit) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut work = Work { directory: directory.to_owned(), chance: Chance(seed), written: Written::default() };
        let (ours, count) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = thread::spawn(move || {
            let begin = Instant::now();
            while work.written.operations < limit.operations
                && begin.elapsed() < limit.time
                && !ours.load(Ordering::SeqCst)
            {
                work.operate()?;
                count.store(work.written.operations, Ordering::SeqCst);
                if !limit.pause.is_zero() {
                    thread::sleep(limit.pause);
                }
            }
            Ok(work.written)
        });
        Self { stop, done, thread: Some(thread) }
    }

    /// How many operations it has done so far.
    pub fn operations(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Waits for its own end.
    pub fn finish(mut self) -> Result<Written> {
        let thread = self.thread.take().ok_or_else(|| anyhow!("it has ended"))?;
        Ok(thread.join().map_err(|_| anyhow!("the writer panicked"))??)
    }

    /// Stops it now.
    pub fn stop(self) -> Result<Written> {
        self.stop.store(true, Ordering::SeqCst);
        self.finish()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    directory: PathBuf,
    chance: Chance,
    written: Written,
}

const DIRECTORIES: u64 = 8;
const FILES: u64 = 40;
const FILE_BYTES_MAX: u64 = 64 << 10;
const IMAGES: u64 = 2;
const IMAGE_BYTES_MAX: u64 = 4 << 20;

impl Work {
    fn operate(&mut self) -> io::Result<()> {
        let result = match self.chance.below(100) {
            0..25 => self.replace(),
            25..35 => self.write_within(),
            35..60 => self.append(),
            60..70 => self.move_file(),
            70..76 => self.move_directory(),
            76..84 => fs::remove_file(self.file()),
            84..88 => fs::hard_link(self.file(), self.file()),
            88..92 => symlink(format!("f{}", self.chance.below(FILES)), self.file()),
            92..96 => {
                fs::set_permissions(self.file(), fs::Permissions::from_mode(0o600 | self.chance.below(0o200) as u32))
            }
            96..98 => fs::remove_dir_all(self.directory_name()),
            _ => fs::create_dir_all(self.directory_name().join("deep/er")),
        };
        self.written.operations += 1;
        match result {
            Err(error) if is_of_its_own_making(&error) => Ok(()),
            result => result,
        }
    }

    /// As editors do: a new file takes the place of the old one.
    fn replace(&mut self) -> io::Result<()> {
        let path = self.file();
        let temporary = path.with_extension("new");
        fs::create_dir_all(path.parent().unwrap_or(&self.directory))?;
        let bytes = self.bytes();
        fs::write(&temporary, &bytes)?;
        self.written.bytes += bytes.len() as u64;
        fs::rename(temporary, path)
    }

    fn append(&mut self) -> io::Result<()> {
        let bytes = self.bytes();
        OpenOptions::new().append(true).open(self.file())?.write_all(&bytes)?;
        self.written.bytes += bytes.len() as u64;
        Ok(())
    }

    /// As databases do: somewhere in a large file.
    fn write_within(&mut self) -> io::Result<()> {
        let path = self.directory.join(format!("image{}", self.chance.below(IMAGES)));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        let bytes = self.bytes();
        file.write_all_at(&bytes, self.chance.below(IMAGE_BYTES_MAX))?;
        self.written.bytes += bytes.len() as u64;
        Ok(())
    }

    fn move_file(&mut self) -> io::Result<()> {
        fs::rename(self.file(), self.file())
    }

    fn move_directory(&mut self) -> io::Result<()> {
        fs::rename(self.directory_name(), self.directory_name())
    }

    fn directory_name(&mut self) -> PathBuf {
        self.directory.join(format!("d{}", self.chance.below(DIRECTORIES)))
    }

    fn file(&mut self) -> PathBuf {
        self.directory_name().join(format!("f{}", self.chance.below(FILES)))
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.chance.below(FILE_BYTES_MAX);
        let first = self.chance.below(256);
        (0..length).map(|i| (first + i * 31 % 251) as u8).collect()
    }
}

/// It meets what it has itself removed, moved, linked or turned into a link to itself.
fn is_of_its_own_making(error: &io::Error) -> bool {
    let expected = [Errno::NOENT, Errno::EXIST, Errno::NOTEMPTY, Errno::LOOP, Errno::INVAL, Errno::MLINK];
    error.raw_os_error().is_some_and(|code| expected.contains(&Errno::from_raw_os_error(code)))
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same everywhere.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}
