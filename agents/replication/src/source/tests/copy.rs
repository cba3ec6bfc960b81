//! What happens to files while they are copied.

use super::{
    lab::{Lab, barrier, differences, eventually, real},
    stream::Pair,
};
use crate::{
    message::Message,
    source::{FollowOptions, content::bad},
};
use model::{Epoch, agent_status::Capture};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

impl Pair {
    /// Has `work` done once, before the first message of which `when` says so is sent.
    fn once(
        &mut self,
        when: impl Fn(&Message) -> bool + Send + Sync + 'static,
        work: impl Fn() + Send + Sync + 'static,
    ) {
        let done = AtomicBool::new(false);
        self.meanwhile = Box::new(move |message| {
            if when(message) && !done.swap(true, Relaxed) {
                work();
            }
        });
    }
}

/// Runs `test` in a thread, with those it starts, to which modes apply.
fn without_override(test: impl FnOnce() + Send) {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    std::thread::scope(|scope| {
        let tested = scope.spawn(|| {
            let mut sets = capabilities(None).unwrap();
            let dropped = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            (sets.effective, sets.permitted) = (sets.effective - dropped, sets.permitted - dropped);
            set_capabilities(None, sets).unwrap();
            test();
        });
        if let Err(panic) = tested.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Data { .. })
}

#[test]
fn what_is_renamed_during_a_first_copy_arrives_with_its_content() {
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Inotify] {
        let mut pair = Pair::new(Lab::new(best));
        let root = pair.lab.root();
        for dir in ["a/in", "b/in", "c"] {
            fs::create_dir_all(root.join(dir)).unwrap();
            (0..5)
                .for_each(|file| fs::write(root.join(dir).join(format!("f{file}")), format!("{dir} {file}")).unwrap());
        }
        pair.once(is_data, {
            let root = root.clone();
            move || {
                ["a", "b"]
                    .iter()
                    .for_each(|dir| fs::rename(root.join(dir), root.join(format!("{dir} moved"))).unwrap());
                (0..5).for_each(|at| fs::rename(root.join(format!("c/f{at}")), root.join(format!("g{at}"))).unwrap());
            }
        });
        let source = pair.lab.open();
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            pair.caught_up(&source);
            pair.assert_equal(&source);
        });
    }
}

#[test]
fn what_cannot_be_read_during_a_copy_is_counted_and_arrives_when_it_can() {
    without_override(|| {
        let pair = Pair::new(Lab::new(Capture::FanotifyDirs));
        let (root, replica) = (pair.lab.root(), pair.replica());
        ["f", "g", "h"].iter().for_each(|name| fs::write(root.join(name), name).unwrap());
        let mut source = pair.lab.open();
        barrier(&source);
        set_mode(&root.join("f"), 0);
        barrier(&source);
        let unreadable = |source: &crate::source::Source| source.report().roots[0].unreadable;
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            pair.caught_up(&source);
            eventually("counted", || unreadable(&source) == 1);
            assert!(replica.join("g").exists() && !replica.join("f").exists());
            // Looked at again in a way that believes its times.
            fs::write(root.join("new"), "x").unwrap();
            pair.caught_up(&source);
        });
        // Neither forgotten by a restart, nor when everything pending is.
        drop(source);
        source = pair.lab.open();
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            pair.caught_up(&source);
            eventually("counted again", || unreadable(&source) == 1);
            assert!(!replica.join("f").exists());
            set_mode(&root.join("f"), 0o600);
            pair.caught_up(&source);
            pair.assert_equal(&source);
            eventually("counted no more", || unreadable(&source) == 0);
        });
    });
}

#[test]
fn what_becomes_readable_while_it_is_left_out_of_a_copy_arrives() {
    without_override(|| {
        let mut pair = Pair::new(Lab::new(Capture::FanotifyDirs));
        let root = pair.lab.root();
        ["a", "b", "f"].iter().for_each(|name| fs::write(root.join(name), name).unwrap());
        let source = pair.lab.open();
        barrier(&source);
        set_mode(&root.join("f"), 0);
        barrier(&source);
        pair.once(|message| matches!(message, Message::MirrorEnd { .. }), {
            let (root, source) = (root.clone(), source.clone());
            move || {
                set_mode(&root.join("f"), 0o640);
                barrier(&source);
                fs::rename(root.join("f"), root.join("f2")).unwrap();
                barrier(&source);
            }
        });
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            pair.caught_up(&source);
            pair.assert_equal(&source);
        });
    });
}

/// The source's own words about it come too late: the file was told as changed before the copy came to it.
#[test]
fn a_change_of_what_was_left_out_of_a_copy_leads_to_another_copy() {
    without_override(|| {
        let mut pair = Pair::new(Lab::new(Capture::FanotifyDirs));
        let root = pair.lab.root();
        ["a", "f"].iter().for_each(|name| fs::write(root.join(name), name).unwrap());
        let source = pair.lab.open();
        barrier(&source);
        pair.once(|message| matches!(message, Message::BatchBegin { .. }), {
            let (root, source) = (root.clone(), source.clone());
            move || {
                set_mode(&root.join("f"), 0);
                barrier(&source);
            }
        });
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            let drifted = |why: String| why.contains("never received");
            eventually("drifted", || pair.target().report().problem.is_some_and(drifted));
        });
        set_mode(&root.join("f"), 0o600);
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            pair.caught_up(&source);
            pair.assert_equal(&source);
        });
    });
}

#[test]
fn what_could_not_be_compared_is_not_taken_for_equal() {
    without_override(|| {
        let mut pair = Pair::new(Lab::new(Capture::FanotifyDirs));
        let root = pair.lab.root();
        ["a", "f", "g"].iter().for_each(|name| fs::write(root.join(name), "primary").unwrap());
        let source = pair.lab.open();
        let _ = pair.session(&source, &FollowOptions::default(), None, || pair.caught_up(&source));
        ["f", "g"].iter().for_each(|name| fs::write(pair.replica().join(name), "replica").unwrap());
        set_mode(&root.join("f"), 0);
        barrier(&source);
        pair.once(|message| matches!(message, Message::BatchBegin { .. }), {
            let root = root.clone();
            move || set_mode(&root.join("f"), 0o644)
        });
        let options = FollowOptions { set_aside: Some(Epoch(7)), force_mirror: true, ..FollowOptions::default() };
        let _ = pair.session(&source, &options, None, || {
            pair.caught_up(&source);
            pair.assert_equal(&source);
        });
        let kept = std::process::Command::new("grep").args(["-rlx", "replica"]).arg(pair.replica()).output().unwrap();
        assert_eq!(String::from_utf8(kept.stdout).unwrap().lines().count(), 2, "both are in the quarantine");
    });
}

#[test]
fn a_file_on_a_bad_disk_is_left_out_and_the_others_are_copied() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let root = pair.lab.root();
    let content = |byte| vec![byte; 600_000];
    [b'a', b'f', b'g'].iter().for_each(|name| {
        fs::write(root.join(char::from(*name).to_string()), content(*name)).unwrap();
    });
    bad::set(&root.join("f"), true);
    let source = pair.lab.open();
    let there =
        || fs::read_dir(pair.replica()).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != ".standin");
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        assert_eq!(there().count(), 2);
        eventually("counted", || source.report().roots[0].unreadable == 1);
        bad::set(&root.join("f"), false);
        set_mode(&root.join("f"), 0o600);
        pair.caught_up(&source);
        pair.assert_equal(&source);
    });
}

#[test]
fn whoever_opens_a_file_for_writing_does_not_wait_for_the_network() {
    let mut pair = Pair::new(Lab::new(Capture::Fanotify));
    let file = pair.lab.root().join("f");
    fs::write(&file, vec![b'x'; 600_000]).unwrap();
    fs::write(pair.lab.root().join("g"), "x").unwrap();
    let source = pair.lab.open();
    barrier(&source);
    let opened = Arc::new(AtomicBool::new(false));
    pair.once(is_data, {
        let opened = opened.clone();
        move || {
            let (file, sender) = (file.clone(), std::sync::mpsc::sync_channel(1));
            std::thread::spawn(move || {
                let opened = fs::File::options().write(true).open(file);
                let _ = sender.0.send(opened.is_ok());
            });
            // Nothing is sent meanwhile. A lease would be broken after 45 seconds.
            opened.store(sender.1.recv_timeout(Duration::from_secs(20)).unwrap_or(false), Relaxed);
        }
    });
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        pair.assert_equal(&source);
    });
    assert!(opened.load(Relaxed), "it waited");
}

#[test]
fn content_that_changes_for_the_time_of_a_copy_arrives_as_it_is_in_the_end() {
    // Between two scans nobody notices.
    let mut pair = Pair::new(Lab::new(Capture::Poll));
    let (root, replica) = (pair.lab.root(), pair.replica());
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        ["copied", "adopted"].iter().for_each(|name| fs::write(root.join(name), "settled").unwrap());
        pair.caught_up(&source);
    });
    fs::remove_file(replica.join("copied")).unwrap();
    fs::write(replica.join("adopted"), "passing").unwrap();
    let write = |text: &'static str| {
        let root = root.clone();
        move || ["copied", "adopted"].iter().for_each(|name| fs::write(root.join(name), text).unwrap())
    };
    let (begin, end, done) = (write("passing"), write("settled"), AtomicBool::new(false));
    pair.meanwhile = Box::new(move |message| match message {
        Message::BatchBegin { .. } if !done.swap(true, Relaxed) => begin(),
        Message::MirrorEnd { .. } => end(),
        _ => {}
    });
    let options = FollowOptions { force_mirror: true, ..FollowOptions::default() };
    let _ = pair.session(&source, &options, None, || {
        pair.caught_up(&source);
        pair.assert_equal(&source);
    });
}

#[test]
fn what_could_not_be_read_is_counted_no_more_when_its_directory_is_gone() {
    without_override(|| {
        let lab = Lab::new(Capture::FanotifyDirs);
        let dir = lab.root().join("dir");
        fs::create_dir_all(dir.join("closed")).unwrap();
        fs::write(dir.join("f"), "x").unwrap();
        fs::write(lab.root().join("stays"), "x").unwrap();
        ["f", "closed"].iter().for_each(|name| set_mode(&dir.join(name), 0));
        let source = lab.open();
        barrier(&source);
        eventually("counted", || source.report().roots[0].unreadable == 2);
        fs::rename(&dir, lab.dir.path().join("away")).unwrap();
        eventually("counted no more", || source.report().roots[0].unreadable == 0);
    });
}

#[test]
fn a_directory_that_cannot_be_reached_keeps_nothing_else_waiting() {
    without_override(|| {
        let lab = Lab::new(Capture::FanotifyDirs);
        let root = lab.root();
        fs::create_dir_all(root.join("a/b")).unwrap();
        let mut file = fs::File::create(root.join("a/b/f")).unwrap();
        let source = lab.open();
        lab.pin(&source);
        barrier(&source);
        set_mode(&root.join("a"), 0);
        std::io::Write::write_all(&mut file, b"written while nobody can get here").unwrap();
        fs::write(root.join("g"), "x").unwrap();
        source.barrier(Duration::from_secs(20)).unwrap();
        assert!(lab.indexed().contains_key(b"g".as_slice()) && lab.indexed().contains_key(b"a/b/f".as_slice()));
        eventually("counted", || source.report().roots[0].unreadable > 0);
        set_mode(&root.join("a"), 0o755);
        eventually("looked at again", || differences(&lab.indexed(), &real(&root), true).is_empty());
        eventually("counted no more", || source.report().roots[0].unreadable == 0);
    });
}
