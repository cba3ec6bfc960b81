//! What is looked at again, name by name and byte by byte, because nobody told of it.

use super::{
    blind::{Mapped, PAGE, age, found, open},
    lab::{Lab, eventually},
};
use model::agent_status::Capture;
use rustix::fs::{Advice, fadvise};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    time::Duration,
};

#[test]
fn a_scan_by_the_clock_finds_what_no_event_told_and_says_when_it_ended() {
    let mut lab = Lab::new(Capture::Fanotify);
    lab.config.scan_every = Duration::from_millis(300);
    let path = lab.root().join("dir/f");
    fs::create_dir(lab.root().join("dir")).unwrap();
    fs::write(&path, vec![b'-'; PAGE]).unwrap();
    age(&File::options().write(true).open(&path).unwrap());
    let source = open(&lab);
    let scanned = || source.report().roots[0].scanned_at;
    let first = scanned();
    assert!(first.is_some(), "the first scan counts");
    eventually("another scan", || scanned() > first);
    assert_eq!(source.shared().lock().directories_read, 2, "which reads nothing that has not changed");
    Mapped::new(&path).unwrap().store(7, b'x');
    let mapped = Mapped::new(&path).unwrap();
    mapped.store(8, b'x');
    found(&lab, "a store to a small file that was not written lately");
}

#[test]
fn content_that_changes_without_its_times_is_found_by_reading_it_again() {
    let Some(mut lab) = Lab::on("ext4", Capture::Fanotify) else { return };
    lab.config.scrub_every = Duration::from_secs(1);
    let source = open(&lab);
    let (path, first) = (lab.root().join("f"), b"the beginning of the only file");
    fs::write(&path, [first.as_slice(), &[b'-'; 90_000]].concat()).unwrap();
    found(&lab, "the file");
    let file = File::open(&path).unwrap();
    file.sync_all().unwrap();
    let scrub = || source.report().roots[0].scrub.clone().unwrap_or_default();
    eventually("a round", || scrub().ended.is_some() && scrub().position == "f");
    assert_eq!(scrub().differences, 0);
    // As a disk does that gives back something else.
    let image = File::options().read(true).write(true).open(lab.disk.as_ref().unwrap().image()).unwrap();
    let content = fs::read(lab.disk.as_ref().unwrap().image()).unwrap();
    // The spool has it too, and not at the beginning of a block.
    let at = (0..content.len()).step_by(PAGE).find(|at| content[*at..].starts_with(first)).unwrap();
    image.write_all_at(b"rotten", at as u64).unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    assert!(fs::read(&path).unwrap().starts_with(b"rotten"), "the file reads otherwise");
    found(&lab, "what has rotted");
    eventually("it is counted", || scrub().differences == 1);
}

#[test]
fn content_that_was_never_read_into_the_index_is_compared_from_the_second_round_on() {
    let mut lab = Lab::new(Capture::Fanotify);
    lab.config.scrub_every = Duration::from_millis(300);
    fs::write(lab.root().join("f"), "content").unwrap();
    // Nobody follows: nothing is read.
    let source = lab.open();
    found(&lab, "its hash");
    let scrub = || source.report().roots[0].scrub.clone().unwrap_or_default();
    let began = scrub().began;
    eventually("two more rounds", || scrub().ended > Some(began));
    assert_eq!(scrub().differences, 0);
    drop(source);
    let source = lab.open();
    eventually("what was written down of it", || {
        source.report().roots[0].scrub.as_ref().is_some_and(|s| s.ended.is_some())
    });
}
