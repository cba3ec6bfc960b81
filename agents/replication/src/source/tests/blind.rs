//! What no event tells is replicated all the same, within the time between two looks.

use super::{
    disk::{self, Disk},
    lab::{Lab, barrier, differences, real, within},
};
use crate::source::Source;
use model::agent_status::Capture;
use std::{
    fs::{self, File, FileTimes},
    io::{self, Write},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::Path,
    ptr,
    time::{Duration, SystemTime},
};

/// Files that are hot are looked at each second; the next thing that would find a change comes after 35 seconds.
const SOON: Duration = Duration::from_secs(20);
pub const PAGE: usize = 4096;

pub fn open(lab: &Lab) -> Source {
    let source = lab.open_followed();
    barrier(&source);
    source
}

/// Waits until the index has the content that is there; no barrier, which would look at once.
pub fn found(lab: &Lab, what: &str) {
    within(SOON, what, || differences(&lab.indexed(), &real(&lab.root()), true).is_empty());
}

pub fn age(file: &File) {
    let time = SystemTime::now() - Duration::from_secs(86_400);
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// Writes of the kernel's own asynchronous kind, which raise no event before the file is closed.
struct Aio(u64);

/// One `struct iocb`, as the kernel has it on machines with the low byte first.
#[repr(C)]
#[derive(Default)]
struct Write1 {
    data: u64,
    key: u32,
    flags: u32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    more: [u32; 2],
}

impl Aio {
    fn new() -> Self {
        let mut context = 0_u64;
        // SAFETY: the kernel writes the number of the new context into `context`, which must be zero before.
        assert_eq!(unsafe { libc::syscall(libc::SYS_io_setup, 8, &raw mut context) }, 0);
        Self(context)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: i64) {
        const PWRITE: u16 = 1;
        let (buffer, fd) = (bytes.as_ptr() as u64, file.as_raw_fd() as u32);
        let one = Write1 { opcode: PWRITE, fd, buffer, bytes: bytes.len() as u64, offset, ..Write1::default() };
        let list = [&raw const one];
        let mut event = [0_u64; 4];
        // SAFETY: the block and the buffer it names live until the event of the write has been taken.
        unsafe {
            assert_eq!(libc::syscall(libc::SYS_io_submit, self.0, 1, list.as_ptr()), 1);
            assert_eq!(libc::syscall(libc::SYS_io_getevents, self.0, 1, 1, event.as_mut_ptr(), ptr::null::<u8>()), 1);
        }
        assert_eq!(event[2], bytes.len() as u64, "written");
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        // SAFETY: the context is ours and nothing is under way.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}

/// A shared, writable mapping of a whole file, whose descriptor is closed.
pub struct Mapped(*mut u8, usize);

// SAFETY: a mapping belongs to the process and not to a thread, and only its owner stores to it.
unsafe impl Send for Mapped {}

impl Mapped {
    pub fn new(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len() as usize;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of a file nobody truncates.
        let at = unsafe { libc::mmap(ptr::null_mut(), bytes, rights, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED);
        Ok(Self(at.cast(), bytes))
    }

    pub fn store(&self, at: usize, byte: u8) {
        assert!(at < self.1);
        // SAFETY: within the mapping.
        unsafe { self.0.add(at).write_volatile(byte) };
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and not used any more.
        unsafe { libc::munmap(self.0.cast(), self.1) };
    }
}

fn writes_by_libaio(direct: i32) {
    let lab = Lab::new(Capture::Fanotify);
    let path = lab.root().join("f");
    fs::write(&path, vec![b'-'; 16 * PAGE]).unwrap();
    let source = open(&lab);
    let file = File::options().write(true).custom_flags(direct).open(&path).unwrap();
    let (aio, mut buffer) = (Aio::new(), vec![0_u8; 2 * PAGE]);
    let aligned = buffer.as_ptr().align_offset(PAGE);
    for round in 1..4 {
        buffer.fill(round);
        aio.write(&file, &buffer[aligned..aligned + PAGE], i64::from(round) * PAGE as i64);
        found(&lab, "what libaio wrote to a file that stays open");
    }
    drop(source);
}

#[test]
fn buffered_writes_of_libaio_are_found() {
    writes_by_libaio(0);
}

#[test]
fn direct_writes_of_libaio_are_found() {
    writes_by_libaio(libc::O_DIRECT);
}

#[test]
fn stores_through_a_mapping_are_found_also_those_to_a_page_that_is_dirty_already() {
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Inotify] {
        let lab = Lab::new(best);
        let path = lab.root().join("f");
        fs::write(&path, vec![b'-'; 4 * PAGE]).unwrap();
        let _source = open(&lab);
        let mapped = Mapped::new(&path).unwrap();
        for round in 1..4 {
            // The second one finds the page as the first, and the agent's reading, have left it.
            mapped.store(PAGE, round);
            found(&lab, "a store");
            mapped.store(PAGE + 1, round);
            found(&lab, "a store to the same page");
        }
    }
}

#[test]
fn stores_through_a_mapping_are_found_where_no_time_tells_them() {
    let Some(mut lab) = Lab::on("tmpfs", Capture::Fanotify) else { return };
    lab.tuning.dirty_max = Some(Duration::from_secs(1));
    let path = lab.root().join("f");
    fs::write(&path, vec![b'-'; 4 * PAGE]).unwrap();
    let mapped = Mapped::new(&path).unwrap();
    let source = open(&lab);
    let times = |path| fs::metadata(path).unwrap().modified().unwrap();
    mapped.store(PAGE, 0);
    let first = times(&path);
    for round in 1..4 {
        mapped.store(PAGE, round);
        found(&lab, "a store");
    }
    assert_eq!(times(&path), first, "the system tells nothing but the first one");
    mapped.store(PAGE, b'b');
    barrier(&source);
    assert!(differences(&lab.indexed(), &real(&lab.root()), true).is_empty(), "a barrier does not wait for the clock");
    mapped.store(PAGE, b'c');
    drop(mapped);
    barrier(&source);
    assert!(differences(&lab.indexed(), &real(&lab.root()), true).is_empty(), "the end of a mapping is told");
}

#[test]
fn what_is_written_within_a_mounted_image_is_found() {
    // Only for its rights and programs.
    let Some(_) = Disk::new("ext4") else { return };
    let lab = Lab::new(Capture::Fanotify);
    let (image, inside) = (lab.root().join("image"), lab.dir.path().join("inside"));
    disk::make("ext4", &image, 8 << 20);
    age(&File::options().write(true).open(&image).unwrap());
    fs::create_dir(&inside).unwrap();
    let _source = open(&lab);
    disk::run("mount", &["-o", "loop", &image.display().to_string(), &inside.display().to_string()]);
    let unmount = Unmount(&inside);
    for round in 0..3 {
        let mut file = File::create(inside.join(format!("f{round}"))).unwrap();
        file.write_all(&vec![round; 100_000]).unwrap();
        file.sync_all().unwrap();
        found(&lab, "what was written within the image");
    }
    drop(unmount);
}

struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        disk::unmount(self.0);
    }
}

#[test]
fn a_large_file_that_nobody_wrote_to_lately_is_looked_at() {
    let lab = Lab::new(Capture::Fanotify);
    let path = lab.root().join("f");
    let file = File::create(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    age(&file);
    drop(file);
    let _source = open(&lab);
    let mapped = Mapped::new(&path).unwrap();
    for round in 1..3 {
        mapped.store(PAGE * 5, round);
        found(&lab, "a store to a large file");
    }
}
