//! Two writers do everything at once; after a barrier the index is what is there.

use super::{
    hammer::{hammer, hammered},
    lab::{Lab, barrier, differences, eventually, real},
};
use model::agent_status::Capture;
use std::{fs, time::Duration};

fn fuzz(best: Capture, queue_max: Option<usize>, spooled: bool) {
    let mut lab = Lab::new(best);
    lab.tuning.queue_max = queue_max;
    let source = lab.open();
    if spooled {
        lab.pin(&source);
        // A batch that was being made does not know of it yet.
        barrier(&source);
    }
    keep(&lab);
    let root = lab.root();
    let (count, open) = std::thread::scope(|scope| {
        let other = scope.spawn(|| hammered(&root, 1, Duration::from_secs(2)));
        let count = hammer(&root, 2, Duration::from_secs(2));
        let (more, open) = other.join().unwrap();
        (count + more, open)
    });
    barrier(&source);
    if spooled {
        let told = lab.told(&source);
        let wrong: Vec<_> = told.iter().filter(|line| !line.contains("stays")).collect();
        assert!(wrong.is_empty(), "{best:?}: the batches do not make the index: {wrong:#?}");
    }
    let found = differences(&lab.indexed(), &real(&root), false);
    assert!(found.is_empty(), "{best:?} after {count} operations: {found:#?}");
    if spooled {
        // Files read while they were written are read once more.
        eventually("all content known", || differences(&lab.indexed(), &real(&root), true).is_empty());
    }
    drop(open);
}

/// Never empty: emptying a root halts it, which is tested elsewhere.
pub fn keep(lab: &Lab) {
    ["stays1", "stays2"].iter().for_each(|name| fs::write(lab.root().join(name), name).unwrap());
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
