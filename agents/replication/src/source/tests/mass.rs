//! Mass changes: what goes at once waits for a word, and what goes slowly does not.

use super::lab::{Lab, PATIENCE, barrier, differences, eventually, real};
use crate::{
    root::RootConfig,
    source::{Source, SourceError},
};
use model::{
    agent_status::{Capture, HaltReason, HeldRemoval, RootState},
    elements::mass_change::MassChange,
    units::Period,
};
use std::{fs, path::Path};

/// A root with directories of 100 files each, and limits that it passes when half of them go.
fn filled(best: Capture, dirs: usize) -> Lab {
    let mut lab = Lab::new(best);
    lab.config.mass_change = MassChange { removed_min: 100, ..MassChange::default() };
    (0..dirs).for_each(|dir| fill(&lab.root().join(format!("dir{dir}"))));
    lab
}

fn fill(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    (0..100).for_each(|file| fs::write(directory.join(format!("file{file}")), "x").unwrap());
}

fn open(lab: &Lab) -> Source {
    let source = lab.open();
    lab.pin(&source);
    source
}

fn held_back(source: &Source, root: usize) -> Option<HeldRemoval> {
    let root = source.report().roots[root].clone();
    matches!(root.state, RootState::Halted { reason: HaltReason::MassChange, .. }).then_some(())?;
    root.held_removal
}

fn wait_halted(source: &Source) -> HeldRemoval {
    eventually("halted by a mass change", || held_back(source, 0).is_some());
    held_back(source, 0).unwrap()
}

fn remove(lab: &Lab, dirs: std::ops::Range<usize>) {
    dirs.for_each(|dir| fs::remove_dir_all(lab.root().join(format!("dir{dir}"))).unwrap());
}

fn assert_followed(lab: &Lab, source: &Source) {
    barrier(source);
    assert_eq!(source.report().roots[0].state, RootState::Ready);
    assert_eq!(differences(&lab.indexed(), &real(&lab.root()), false), Vec::<String>::new());
}

#[test]
fn half_of_a_root_waits_for_exactly_one_word() {
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Poll] {
        let lab = filled(best, 10);
        let source = open(&lab);
        let (mark, before) = (barrier(&source), lab.indexed());
        remove(&lab, 0..5);
        let held = wait_halted(&source);
        let untouched = || assert_eq!((source.report().last, lab.indexed().len()), (mark, before.len()), "{best:?}");
        untouched();
        assert_eq!((held.removed, held.of), (505, 1010));
        assert!(held.sample[0].starts_with("dir0"), "{:?}", held.sample);
        assert_eq!(fs::read_to_string(&held.list).unwrap().lines().count(), 505);
        for wrong in ["", "0123", &held.digest[..31]] {
            assert!(matches!(source.approve(wrong.to_owned()), Err(SourceError::NotApproved(_))), "{wrong}");
        }
        remove(&lab, 5..6);
        let Err(SourceError::NotApproved(why)) = source.approve(held.digest.clone()) else { panic!("another list") };
        let now = wait_halted(&source);
        assert!(now.digest != held.digest && why.contains(&now.digest) && now.removed == 606, "{why}");
        untouched();
        source.approve(now.digest.clone()).unwrap();
        assert_followed(&lab, &source);
        assert!(matches!(source.approve(now.digest), Err(SourceError::NotApproved(_))), "an approval is used once");
    }
}

/// A source whose target has all there is, and is remembered to have it.
fn source_at_rest(lab: &Lab) -> Source {
    let source = open(lab);
    let mark = barrier(&source);
    {
        let mut status = source.shared().lock();
        status.acked.insert("replica".into(), mark);
        status.acked_changed = true;
    }
    eventually("the target's position is kept", || !source.shared().lock().acked_changed);
    source
}

#[test]
fn the_halt_outlives_the_agent_and_what_went_meanwhile_is_found_to_be_one() {
    let lab = filled(Capture::Fanotify, 10);
    let source = source_at_rest(&lab);
    let (mark, before) = (barrier(&source), lab.indexed().len());
    drop(source);
    remove(&lab, 0..5);
    let source = lab.open();
    let held = wait_halted(&source);
    assert!(matches!(source.barrier(PATIENCE), Err(SourceError::Halted(_))));
    drop(source);
    let source = lab.open();
    assert_eq!(held_back(&source, 0), Some(held.clone()), "from the start");
    assert_eq!((source.report().last, lab.indexed().len()), (mark, before));
    source.approve(held.digest).unwrap();
    barrier(&source);
    assert_eq!(source.report().roots[0].state, RootState::Ready);
    assert_eq!(differences(&lab.indexed(), &real(&lab.root()), false), Vec::<String>::new());
}

#[test]
fn what_goes_slowly_or_is_little_goes_by_itself() {
    let lab = filled(Capture::Fanotify, 10);
    let source = open(&lab);
    barrier(&source);
    remove(&lab, 0..2);
    assert_followed(&lab, &source);
    remove(&lab, 2..4);
    wait_halted(&source);
    drop(source);

    let mut lab = filled(Capture::Fanotify, 10);
    lab.config.mass_change.within = Period(std::time::Duration::from_millis(1));
    let source = open(&lab);
    barrier(&source);
    for dir in 0..8 {
        remove(&lab, dir..dir + 1);
        assert_followed(&lab, &source);
    }
}

#[test]
fn what_is_moved_or_made_anew_is_no_mass_change() {
    let lab = filled(Capture::Fanotify, 10);
    let source = open(&lab);
    barrier(&source);
    fs::create_dir(lab.root().join("deeper")).unwrap();
    for dir in 0..10 {
        let name = format!("dir{dir}");
        fs::rename(lab.root().join(&name), lab.root().join("deeper").join(&name)).unwrap();
    }
    assert_followed(&lab, &source);
    for dir in 0..10 {
        for file in 0..100 {
            let path = lab.root().join(format!("deeper/dir{dir}/file{file}"));
            fs::write(path.with_extension("new"), "y").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }
    }
    assert_followed(&lab, &source);
    let (old, new) = (lab.dir.path().join("old"), lab.dir.path().join("new"));
    (0..10).for_each(|dir| fill(&new.join(format!("dir{dir}"))));
    fs::rename(lab.root().join("deeper"), old).unwrap();
    fs::rename(new, lab.root().join("deeper")).unwrap();
    assert_followed(&lab, &source);
}

#[test]
fn what_is_put_back_ends_the_halt() {
    let lab = filled(Capture::Fanotify, 10);
    let source = open(&lab);
    barrier(&source);
    remove(&lab, 0..9);
    let held = wait_halted(&source);
    (0..9).for_each(|dir| fill(&lab.root().join(format!("dir{dir}"))));
    eventually("ready again", || source.report().roots[0].state == RootState::Ready);
    assert_followed(&lab, &source);
    assert!(matches!(source.approve(held.digest), Err(SourceError::NotApproved(_))));
}

#[test]
fn a_root_whose_content_moves_to_another_root_goes_on() {
    for best in [Capture::Fanotify, Capture::FanotifyDirs] {
        let mut lab = filled(best, 10);
        let other = lab.dir.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("own"), "x").unwrap();
        lab.config.roots.push(RootConfig { name: "other".into(), path: other.clone(), ..lab.config.roots[0].clone() });
        let source = open(&lab);
        barrier(&source);
        for dir in 0..10 {
            let name = format!("dir{dir}");
            fs::rename(lab.root().join(&name), other.join(&name)).unwrap();
        }
        assert_followed(&lab, &source);
        assert_eq!(source.report().roots[1].state, RootState::Ready);
        let mark = barrier(&source);
        fs::remove_dir_all(other.join("dir0")).unwrap();
        assert!(barrier(&source) > mark, "what is left in the other root is guarded by itself");
        fs::read_dir(&other).unwrap().flatten().filter(|entry| entry.file_name() != ".standin").for_each(|entry| {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        });
        eventually("halted", || source.report().roots[1].state != RootState::Ready);
    }
}

#[test]
fn what_comes_and_goes_all_the_time_is_no_mass_change() {
    let lab = filled(Capture::Fanotify, 1);
    let source = open(&lab);
    barrier(&source);
    for round in 0..20 {
        fill(&lab.root().join("queue"));
        barrier(&source);
        fs::remove_dir_all(lab.root().join("queue")).unwrap();
        barrier(&source);
        assert_eq!(source.report().roots[0].state, RootState::Ready, "round {round}");
    }
}

#[test]
fn nobody_is_asked_where_the_manifest_says_so_or_nobody_follows() {
    let mut lab = filled(Capture::Fanotify, 10);
    lab.config.mass_change.halt = false;
    let source = open(&lab);
    barrier(&source);
    remove(&lab, 0..9);
    assert_followed(&lab, &source);
    drop(source);

    let lab = filled(Capture::Fanotify, 10);
    let source = lab.open();
    barrier(&source);
    remove(&lab, 0..9);
    barrier(&source);
    assert_eq!(source.report().roots[0].state, RootState::Ready, "no target follows");
}

#[test]
fn an_adopted_root_is_taken_as_it_is_once() {
    let lab = filled(Capture::Fanotify, 10);
    drop(source_at_rest(&lab));
    remove(&lab, 0..5);
    crate::root::adopt("s", &lab.config.roots[0], &lab.config.state).unwrap();
    let source = lab.open();
    barrier(&source);
    assert_eq!(lab.indexed().len(), 505);
    remove(&lab, 5..9);
    wait_halted(&source);
}
