//! Replicas whose file systems cannot hold everything: found before anything is copied, and accepted by name.

use super::{
    lab::{Lab, eventually},
    stream::Pair,
};
use crate::{
    child::{is_child, with_mounts},
    session::SessionError,
    source::FollowOptions,
};
use model::{
    agent_status::{Capture, HaltReason, RootState, Weight},
    elements::preserve::Loss,
};
use rustix::fs::{XattrFlags, setxattr};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

const RAMFS: &str = "mount -t ramfs none";
/// Inodes without room for nanoseconds and years after 2038.
const OLD_EXT4: &str = "truncate -s 32M image && mkfs.ext4 -q -I 128 image && mount -o loop image";
const BTRFS: &str = "truncate -s 120M image && mkfs.btrfs -q image && mount -o loop,noacl image";

fn sh(script: &str, at: &Path) {
    let output = Command::new("sh").args(["-ec", script]).current_dir(at).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A source with everything in it, and an empty file system in the place of the replica.
fn lab(mount: &str) -> Lab {
    let lab = Lab::new(Capture::Fanotify);
    let root = lab.root();
    fs::create_dir(root.join("dir")).unwrap();
    for name in ["f", "dir/g"] {
        fs::write(root.join(name), name).unwrap();
        setxattr(root.join(name), "user.a", b"1", XattrFlags::empty()).unwrap();
    }
    fs::hard_link(root.join("f"), root.join("dir/f")).unwrap();
    std::os::unix::fs::symlink("f", root.join("symlink")).unwrap();
    fs::File::open(root.join("dir/g"))
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_600_000_001, 123))
        .unwrap();
    let replica = lab.dir.path().join("replica");
    fs::create_dir(&replica).unwrap();
    sh(&format!("{mount} {}", replica.display()), lab.dir.path());
    lab
}

/// Nothing is copied as long as something is lost that nobody has accepted; then it is, and equal but for that.
fn refused_then_accepted(mount: &str, file_system: &str, lost: &[Loss]) {
    let pair = Pair::new(lab(mount));
    let report = pair.target().report();
    let RootState::Halted { reason: HaltReason::CannotHold, message } = &report.roots[0].state else {
        panic!("{report:?}");
    };
    for word in lost.iter().map(|loss| loss.as_str()).chain([file_system, "lossy: [", "another file system", "root r"])
    {
        assert!(message.contains(word), "{word} is not in: {message}");
    }
    assert_eq!(report.roots[0].file_system.as_deref(), Some(file_system));
    let source = pair.lab.open();
    let ended = pair.session(&source, &FollowOptions::default(), None, || {});
    assert!(matches!(&ended, Err(SessionError::Refused(why)) if why.contains("cannot hold")), "{ended:?}");
    let there = fs::read_dir(pair.replica()).unwrap().map(|entry| entry.unwrap().file_name());
    let there: Vec<_> = there.filter(|name| name != "lost+found").collect();
    assert_eq!(there, [".standin"], "nothing was copied");
    drop(source);
    // All but one is not enough.
    let (one, others) = lost.split_first().unwrap();
    let pair = Pair::without(pair.into_lab(), others.iter().copied().collect());
    let RootState::Halted { message, .. } = &pair.target().report().roots[0].state else { panic!("not halted") };
    assert!(message.contains(&format!("lossy: [{}]", one.as_str())), "{message}");
    let accepted: BTreeSet<Loss> = lost.iter().copied().collect();
    let pair = Pair::without(pair.into_lab(), accepted);
    let source = pair.lab.open();
    let options = FollowOptions { lossy: pair.lossy.clone(), ..FollowOptions::default() };
    let _ = pair.session(&source, &options, None, || {
        pair.caught_up(&source);
        fs::write(pair.lab.root().join("live"), "x").unwrap();
        setxattr(pair.lab.root().join("live"), "user.b", b"2", XattrFlags::empty()).unwrap();
        pair.caught_up(&source);
        let found = pair.compared(&source);
        assert_eq!((found.differences, found.unreadable), (0, 0), "{:?}", found.listed);
        assert!(found.entries >= 6, "{found:?}");
    });
    let report = pair.target().report();
    assert_eq!((report.problem, &report.roots[0].state), (None, &RootState::Ready));
    let lacks = &report.roots[0].lacks;
    for loss in lost {
        assert!(lacks.iter().any(|lack| lack.what == loss.as_str() && lack.weight == Weight::Harmless), "{lacks:?}");
    }
    assert!(fs::read_dir(pair.replica().join(".standin/staging")).unwrap().next().is_none());
}

#[test]
fn a_file_system_without_attributes_is_refused_until_that_is_accepted() {
    with_mounts("source::tests::lacks::on_ramfs", "on_ramfs", &format!("{RAMFS} tried"));
}

#[test]
fn on_ramfs() {
    if is_child("on_ramfs") {
        let mut lost = vec![Loss::Xattrs, Loss::Acls];
        // Elsewhere the agent may not set them, whatever the file system can.
        let outermost = fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295");
        lost.extend(outermost.then_some(Loss::Security));
        refused_then_accepted(RAMFS, "ramfs", &lost);
    }
}

#[test]
fn a_file_system_with_coarse_times_is_refused_until_that_is_accepted() {
    with_mounts("source::tests::lacks::on_old_ext4", "on_old_ext4", &format!("{OLD_EXT4} tried"));
}

#[test]
fn on_old_ext4() {
    if is_child("on_old_ext4") {
        refused_then_accepted(OLD_EXT4, "ext4", &[Loss::Timestamps]);
    }
}

/// What was mended is found without a restart.
#[test]
fn a_root_that_is_mended_goes_on() {
    with_mounts("source::tests::lacks::on_mended", "on_mended", &format!("{BTRFS} tried"));
}

#[test]
fn on_mended() {
    if !is_child("on_mended") {
        return;
    }
    let pair = Pair::new(lab(BTRFS));
    let RootState::Halted { message, .. } = &pair.target().report().roots[0].state else { panic!("not halted") };
    assert!(message.contains("btrfs") && message.contains("lossy: [acls]"), "{message}");
    sh("mount -o remount,acl replica", pair.lab.dir.path());
    eventually("ready again", || pair.target().report().roots[0].state == RootState::Ready);
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        pair.assert_equal(&source);
    });
}
