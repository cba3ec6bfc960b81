//! Two writers do everything at once; after a barrier the index is what is there.

use super::lab::{Lab, barrier, differences, eventually, real};
use model::agent_status::Capture;
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
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

    fn file(&mut self, root: &Path) -> PathBuf {
        let dir = self.dir(root);
        dir.join(format!("f{}", self.next(12)))
    }
}

/// Failures are part of it: most paths do not exist.
pub fn hammer(root: &Path, seed: u64, time: Duration) -> u64 {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut open: Vec<File> = Vec::new();
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < time {
        count += 1;
        let (a, b) = (random.file(root), random.file(root));
        let (d, e) = (
            random.dir(root).join(format!("d{}", random.next(4))),
            random.dir(root).join(format!("d{}", random.next(4))),
        );
        let _ = match random.next(15) {
            0 => fs::create_dir(d),
            1..=3 => {
                let size = random.next(5000) as usize;
                fs::write(a, vec![random.next(256) as u8; size])
            }
            4 => OpenOptions::new().append(true).open(a).and_then(|mut file| {
                file.write_all(&random.next(u64::MAX).to_le_bytes())?;
                open.push(file);
                open.truncate(8);
                Ok(())
            }),
            5 => fs::rename(a, b),
            6 => fs::rename(d, e),
            7 => fs::hard_link(a, b),
            8 => fs::remove_file(a),
            9 => fs::remove_dir(d),
            10 if random.next(10) == 0 => fs::remove_dir_all(d),
            11 => fs::create_dir_all(root.join("d1/d2/d3")).and_then(|()| fs::write(root.join("d1/d2/d3/f1"), b"deep")),
            12 => match open.len() as u64 {
                0 => Ok(()),
                n => {
                    let at = random.next(n) as usize;
                    open[at].write_at(&random.next(u64::MAX).to_le_bytes(), random.next(100)).map(drop)
                }
            },
            13 => std::os::unix::fs::symlink(random.next(99).to_string(), a),
            _ => rustix::fs::renameat_with(rustix::fs::CWD, &a, rustix::fs::CWD, &b, rustix::fs::RenameFlags::EXCHANGE)
                .map_err(Into::into),
        };
    }
    count
}

fn fuzz(best: Capture, queue_max: Option<usize>, spooled: bool) {
    let mut lab = Lab::new(best);
    lab.tuning.queue_max = queue_max;
    let source = lab.open();
    if spooled {
        lab.pin(&source);
        // A batch that was being made does not know of it yet.
        barrier(&source);
    }
    // Never empty: emptying a root halts it, which is tested elsewhere.
    fs::write(lab.root().join("stays1"), "1").unwrap();
    fs::write(lab.root().join("stays2"), "2").unwrap();
    let root = lab.root();
    let count: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=2)
            .map(|seed| {
                scope.spawn({
                    let root = &root;
                    move || hammer(root, seed, Duration::from_secs(2))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let begin = Instant::now();
    barrier(&source);
    if spooled {
        let told = lab.told(&source);
        let wrong: Vec<_> = told.iter().filter(|line| !line.contains("stays")).collect();
        assert!(wrong.is_empty(), "{best:?}: the batches do not make the index: {wrong:#?}");
    }
    let found = differences(&lab.indexed(), &real(&root), false);
    assert!(found.is_empty(), "{best:?} after {count} operations and {:?}: {found:#?}", begin.elapsed());
    if spooled {
        // Files read while they were written are read once more.
        eventually("all content known", || differences(&lab.indexed(), &real(&root), true).is_empty());
    }
}

#[test]
fn one_mark_for_the_file_system() {
    fuzz(Capture::Fanotify, None, true);
}

#[test]
fn a_mark_for_each_directory() {
    fuzz(Capture::FanotifyDirs, None, true);
}

#[test]
fn inotify() {
    fuzz(Capture::Inotify, None, true);
}

#[test]
fn polling() {
    fuzz(Capture::Poll, None, true);
}

#[test]
fn without_a_target() {
    fuzz(Capture::Fanotify, None, false);
}

#[test]
fn a_queue_that_overflows_all_the_time() {
    fuzz(Capture::Fanotify, Some(20), true);
}
