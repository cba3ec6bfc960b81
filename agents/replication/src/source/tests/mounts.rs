//! Mounts inside a root: what they cover is neither replicated nor deleted.

use super::{
    blind::open,
    disk::{run, unmount},
    lab::{Lab, barrier, differences, eventually, real},
    skip::{is_root, skip},
};
use crate::source::Source;
use model::agent_status::{Capture, HaltReason, RootState};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Something that is mounted until this is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(arguments: &[&str], at: &Path) -> Self {
        run("mount", &[arguments, &[&at.display().to_string()]].concat());
        Self(at.to_owned())
    }

    fn tmpfs(at: &Path) -> Self {
        Self::new(&["-t", "tmpfs", "none"], at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

fn may_mount() -> bool {
    if !is_root() {
        skip("needs root, to mount something");
    }
    is_root()
}

fn mounts(source: &Source) -> Vec<String> {
    source.report().roots[0].mounts.clone()
}

fn unreadable(source: &Source) -> u64 {
    source.report().roots[0].unreadable
}

#[test]
fn what_a_mount_covers_stays_and_comes_back_and_what_is_mounted_is_not_replicated() {
    if !may_mount() {
        return;
    }
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Inotify, Capture::Poll] {
        let lab = Lab::new(best);
        let data = lab.root().join("data");
        fs::create_dir_all(data.join("sub")).unwrap();
        ["data/f", "data/sub/g"].iter().for_each(|path| fs::write(lab.root().join(path), "kept").unwrap());
        let source = open(&lab);
        let before = lab.indexed();
        let mounted = Mounted::tmpfs(&data);
        eventually("it is said", || mounts(&source) == ["data"]);
        fs::write(data.join("h"), "elsewhere").unwrap();
        fs::write(lab.root().join("new"), "n").unwrap();
        barrier(&source);
        let mut now = lab.indexed();
        assert!(now.remove(b"new".as_slice()).is_some(), "{best:?}: it goes on");
        assert_eq!(now, before, "{best:?}: nothing is deleted, and nothing is taken from there");
        let report = source.report();
        assert_eq!((report.roots[0].state.clone(), unreadable(&source)), (RootState::Ready, 0), "{best:?}");
        drop(source);
        let source = open(&lab);
        assert_eq!(
            (lab.indexed().len(), mounts(&source).len()),
            (before.len() + 1, 1),
            "{best:?}: after a restart too"
        );
        drop(mounted);
        fs::write(data.join("sub/g"), "changed").unwrap();
        eventually("said no more", || mounts(&source).is_empty());
        barrier(&source);
        eventually("it is as it is", || differences(&lab.indexed(), &real(&lab.root()), true).is_empty());
    }
}

#[test]
fn a_directory_that_was_covered_when_the_source_began_is_found_when_it_is_uncovered() {
    if !may_mount() {
        return;
    }
    let lab = Lab::new(Capture::Fanotify);
    let data = lab.root().join("only");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("f"), "below").unwrap();
    let mounted = Mounted::tmpfs(&data);
    let source = open(&lab);
    assert_eq!((mounts(&source), lab.indexed().len()), (vec!["only".to_owned()], 0));
    drop(mounted);
    eventually("found", || differences(&lab.indexed(), &real(&lab.root()), true).is_empty());
}

#[test]
fn a_bind_mount_of_the_same_file_system_is_not_followed_twice() {
    if !may_mount() {
        return;
    }
    for best in [Capture::Fanotify, Capture::FanotifyDirs] {
        let lab = Lab::new(best);
        let (a, b) = (lab.root().join("a"), lab.root().join("b"));
        [&a, &b].iter().for_each(|dir| fs::create_dir(dir).unwrap());
        fs::write(b.join("covered"), "x").unwrap();
        let source = open(&lab);
        let mounted = Mounted::new(&["--bind", &a.display().to_string()], &b);
        eventually("it is said", || mounts(&source) == ["b"]);
        fs::write(b.join("f"), "written there").unwrap();
        barrier(&source);
        let names: Vec<_> = lab.indexed().into_keys().map(|path| String::from_utf8(path).unwrap()).collect();
        assert_eq!(names, ["a", "a/f", "b", "b/covered"], "{best:?}");
        drop(mounted);
        barrier(&source);
        assert!(differences(&lab.indexed(), &real(&lab.root()), true).is_empty(), "{best:?}");
    }
}

#[test]
fn a_root_that_is_mounted_over_halts_and_goes_on_when_it_is_back() {
    if !may_mount() {
        return;
    }
    let lab = Lab::new(Capture::Fanotify);
    fs::write(lab.root().join("f"), "x").unwrap();
    let source = open(&lab);
    let state = || source.report().roots[0].state.clone();
    let mounted = Mounted::tmpfs(&lab.root());
    let replaced = |state| matches!(state, RootState::Halted { reason: HaltReason::RootReplaced, .. });
    eventually("halted", || replaced(state()));
    assert_eq!(lab.indexed().len(), 1);
    drop(mounted);
    eventually("ready again", || state() == RootState::Ready);
    barrier(&source);
    assert!(differences(&lab.indexed(), &real(&lab.root()), true).is_empty());
}
