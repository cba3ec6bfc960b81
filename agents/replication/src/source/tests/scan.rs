//! Starting, restarting and halting.

use super::lab::{Lab, PATIENCE, barrier, differences, eventually, real};
use crate::source::{Source, SourceError};
use model::agent_status::{Capture, HaltReason, RootState};
use std::{fs, time::Instant};

#[test]
fn a_restart_finds_what_changed_meanwhile() {
    let lab = Lab::new(Capture::Fanotify);
    fs::create_dir_all(lab.root().join("a/b")).unwrap();
    fs::write(lab.root().join("a/b/f"), "1").unwrap();
    fs::write(lab.root().join("g"), "1").unwrap();
    let source = lab.open();
    let first = barrier(&source);
    let lineage = source.report().lineage;
    drop(source);
    fs::rename(lab.root().join("a"), lab.root().join("c")).unwrap();
    fs::write(lab.root().join("c/b/f"), "22").unwrap();
    fs::remove_file(lab.root().join("g")).unwrap();
    let before = lab.indexed();
    let source = lab.open();
    let second = barrier(&source);
    assert!(second > first && source.report().scanned);
    assert_eq!(source.report().lineage, lineage);
    assert_eq!(differences(&lab.indexed(), &real(&lab.root()), false), Vec::<String>::new());
    assert_eq!(lab.indexed()[b"c/b/f".as_slice()].object, before[b"a/b/f".as_slice()].object, "moved, not copied");
    assert_eq!(barrier(&source), second, "nothing changed");
}

#[test]
fn a_hundred_thousand_files_are_scanned_in_seconds() {
    let lab = Lab::new(Capture::Fanotify);
    let count = 20_000;
    for dir in 0..20 {
        let path = lab.root().join(format!("dir{dir}"));
        fs::create_dir(&path).unwrap();
        for file in 0..count / 20 {
            fs::write(path.join(format!("file{file}")), "x").unwrap();
        }
    }
    let begin = Instant::now();
    let source = lab.open();
    barrier(&source);
    let time = begin.elapsed();
    assert_eq!(source.report().roots[0].files, Some(count));
    assert!(time < PATIENCE / 6, "{count} files took {time:?}");
}

#[test]
fn an_emptied_or_replaced_root_halts_and_nothing_is_deleted() {
    let lab = Lab::new(Capture::Fanotify);
    for name in ["a", "b", "c"] {
        fs::write(lab.root().join(name), name).unwrap();
    }
    let source = lab.open();
    let mark = barrier(&source);
    fs::rename(lab.root(), lab.dir.path().join("away")).unwrap();
    fs::create_dir(lab.root()).unwrap();
    let halted = |reason: HaltReason| {
        eventually(
            "halted",
            || matches!(&source.report().roots[0].state, RootState::Halted { reason: found, .. } if *found == reason),
        );
    };
    halted(HaltReason::RootReplaced);
    assert!(matches!(source.barrier(PATIENCE), Err(SourceError::Halted(_))));
    assert_eq!((source.report().last, lab.indexed().len()), (mark, 3));
    fs::remove_dir(lab.root()).unwrap();
    fs::rename(lab.dir.path().join("away"), lab.root()).unwrap();
    eventually("ready again", || source.report().roots[0].state == RootState::Ready);
    barrier(&source);
    for name in ["a", "b", "c"] {
        fs::remove_file(lab.root().join(name)).unwrap();
    }
    halted(HaltReason::SourceEmpty);
    assert!(!lab.indexed().is_empty());
}

/// Empties a root that holds `dirs` directories of `files` files each, with `remove`, and looks that nothing was replicated.
fn emptied(best: Capture, dirs: usize, files: usize, remove: impl FnOnce(&std::path::Path)) {
    let lab = Lab::new(best);
    for dir in 0..dirs {
        let path = lab.root().join(format!("dir{dir}"));
        fs::create_dir(&path).unwrap();
        (0..files).for_each(|file| fs::write(path.join(format!("file{file}")), "x").unwrap());
    }
    let source = lab.open();
    lab.pin(&source);
    let (mark, before) = (barrier(&source), lab.indexed().len());
    remove(&lab.root());
    eventually("halted", || {
        matches!(&source.report().roots[0].state, RootState::Halted { reason: HaltReason::SourceEmpty, .. })
    });
    let untouched = |source: &Source| (source.report().last, lab.indexed().len()) == (mark, before);
    assert!(untouched(&source), "nothing was deleted");
    fs::write(lab.root().join("app.pid"), "1").unwrap();
    fs::create_dir_all(lab.root().join("dir0")).unwrap();
    assert!(matches!(source.barrier(PATIENCE), Err(SourceError::Halted(_))), "what appears afterwards lifts nothing");
    drop(source);
    let source = lab.open();
    assert!(matches!(source.barrier(PATIENCE), Err(SourceError::Halted(_))), "nor does a new start");
    assert!(untouched(&source), "nothing was deleted");
}

#[test]
fn a_root_in_which_something_is_written_while_it_is_emptied_halts_as_well() {
    let writes = |root: &std::path::Path| {
        rm_all(root);
        fs::create_dir(root.join("dir0")).unwrap();
        ["dir1", "new.log"].iter().for_each(|name| fs::write(root.join(name), "still running").unwrap());
    };
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Poll] {
        emptied(best, 10, 100, writes);
    }
    // More than one batch holds.
    emptied(Capture::Fanotify, 10, 6000, writes);
}

#[test]
fn what_is_renamed_or_replaced_is_not_an_emptied_root() {
    let lab = Lab::new(Capture::Fanotify);
    let (root, new) = (lab.root(), lab.dir.path().join("new"));
    let fill = |at: &std::path::Path| {
        fs::create_dir_all(at.join("html")).unwrap();
        fs::write(at.join("html/index"), "x").unwrap();
    };
    fill(&root);
    let source = lab.open();
    let ready = |what: &str| {
        barrier(&source);
        assert_eq!(source.report().roots[0].state, RootState::Ready, "{what}");
        assert_eq!(differences(&lab.indexed(), &real(&lab.root()), false), Vec::<String>::new());
    };
    ready("one directory");
    fs::remove_dir_all(root.join("html")).unwrap();
    fill(&root);
    ready("the same anew");
    fs::rename(root.join("html"), root.join("site")).unwrap();
    ready("another name");
    fs::create_dir(root.join("deeper")).unwrap();
    fs::rename(root.join("site"), root.join("deeper/site")).unwrap();
    ready("another place");
    fill(&new);
    fs::rename(new.join("html"), root.join("html")).unwrap();
    ready("one more");
    fs::remove_dir_all(root.join("deeper")).unwrap();
    ready("one less");
}

#[test]
fn a_root_with_one_directory_at_its_top_is_emptied_and_nothing_is_deleted() {
    emptied(Capture::Fanotify, 1, 2000, rm_all);
}

#[test]
fn an_emptied_root_that_gets_its_content_back_goes_on_by_itself() {
    let lab = Lab::new(Capture::Fanotify);
    let away = lab.dir.path().join("away");
    fs::create_dir(&away).unwrap();
    for name in ["a", "b", "c"] {
        fs::create_dir(lab.root().join(name)).unwrap();
        fs::write(lab.root().join(name).join("file"), name).unwrap();
    }
    let source = lab.open();
    barrier(&source);
    let shift = |from: &std::path::Path, to: &std::path::Path| {
        ["a", "b", "c"].iter().for_each(|name| fs::rename(from.join(name), to.join(name)).unwrap());
    };
    shift(&lab.root(), &away);
    eventually("halted", || source.report().roots[0].state != RootState::Ready);
    shift(&away, &lab.root());
    fs::remove_dir_all(lab.root().join("c")).unwrap();
    eventually("ready again", || source.report().roots[0].state == RootState::Ready);
    barrier(&source);
    assert_eq!(differences(&lab.indexed(), &real(&lab.root()), false), Vec::<String>::new());
}

#[test]
fn a_large_removal_costs_no_scan_of_what_remains() {
    let mut lab = Lab::new(Capture::Fanotify);
    lab.config.mass_change.halt = false;
    for path in (0..30).flat_map(|dir| (0..100).map(move |sub| format!("gone/{dir}/{sub}"))) {
        fs::create_dir_all(lab.root().join(&path)).unwrap();
        fs::write(lab.root().join(path).join("file"), "x").unwrap();
    }
    for path in (0..100).map(|dir| lab.root().join(format!("stays/{dir}"))) {
        fs::create_dir_all(&path).unwrap();
        (0..100).for_each(|file| fs::write(path.join(file.to_string()), "x").unwrap());
    }
    let source = lab.open();
    lab.pin(&source);
    barrier(&source);
    let read = |source: &Source| source.shared().lock().directories_read;
    let before = read(&source);
    fs::remove_dir_all(lab.root().join("gone")).unwrap();
    barrier(&source);
    assert_eq!(differences(&lab.indexed(), &real(&lab.root()), false), Vec::<String>::new());
    assert!(read(&source) - before < 100, "{} directories were read again", read(&source) - before);
}

fn rm_all(root: &std::path::Path) {
    let script = "find . -mindepth 1 -maxdepth 1 ! -name .standin -exec rm -rf {} +";
    assert!(std::process::Command::new("sh").args(["-c", script]).current_dir(root).status().unwrap().success());
}

#[test]
fn a_root_with_ten_thousand_files_at_its_top_is_emptied_and_nothing_is_deleted() {
    emptied(Capture::Fanotify, 10_000, 0, rm_all);
}

#[test]
fn a_deep_root_is_emptied_and_nothing_is_deleted() {
    emptied(Capture::Fanotify, 10, 2000, rm_all);
    emptied(Capture::FanotifyDirs, 10, 2000, rm_all);
    emptied(Capture::Inotify, 10, 2000, rm_all);
}

#[test]
fn a_root_is_emptied_slowly_and_nothing_is_deleted() {
    emptied(Capture::Fanotify, 4, 1000, |root| {
        for dir in fs::read_dir(root).unwrap().flatten().filter(|dir| dir.file_name() != ".standin") {
            for file in fs::read_dir(dir.path()).unwrap().flatten() {
                fs::remove_file(file.path()).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
            fs::remove_dir(dir.path()).unwrap();
        }
    });
}

#[test]
fn odd_things_are_taken_as_they_are_and_none_blocks() {
    use std::os::unix::ffi::OsStrExt;
    let lab = Lab::new(Capture::Fanotify);
    let source = lab.open();
    lab.pin(&source);
    let root = lab.root();
    barrier(&source);
    rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo"), rustix::fs::FileType::Fifo, 0o640.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    std::os::unix::fs::symlink("/nowhere", root.join("link")).unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"\xff\x01\n")), "odd").unwrap();
    fs::write(root.join("n".repeat(255)), "long").unwrap();
    fs::create_dir_all(root.join("sub/.standin")).unwrap();
    fs::write(root.join("sub/.standin/kept"), "only the one at the top is ours").unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    drop(sparse);
    let begin = Instant::now();
    barrier(&source);
    assert!(begin.elapsed() < PATIENCE / 6);
    let seen = lab.indexed();
    fs::remove_file(root.join("sparse")).unwrap();
    assert_eq!(seen[b"sparse".as_slice()].size, 1 << 40);
    barrier(&source);
    assert_eq!(differences(&lab.indexed(), &real(&root), true), Vec::<String>::new());
}
