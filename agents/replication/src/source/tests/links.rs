//! Hard links: between directories and roots, and to names that are not replicated.

use super::{
    lab::{Lab, eventually},
    stream::Pair,
};
use crate::source::FollowOptions;
use model::{agent_status::Capture, elements::preserve::Loss};
use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::Path,
};

/// Number and count of names of the inode behind `path`.
fn inode(path: &Path) -> (u64, u64) {
    let meta = fs::metadata(path).unwrap();
    (meta.ino(), meta.nlink())
}

fn one_file(paths: &[&Path]) {
    let first = inode(paths[0]);
    assert_eq!(first.1, paths.len() as u64, "{paths:?}");
    paths.iter().for_each(|path| assert_eq!(inode(path), first, "{}", path.display()));
}

fn across_roots(best: Capture) {
    let pair = Pair::new(Lab::new(best).with_second_root());
    let at = |root: &str, name: &str| pair.lab.dir.path().join(root).join(name);
    fs::create_dir(at("root", "dir")).unwrap();
    fs::write(at("root", "f"), "one").unwrap();
    for (root, name) in [("root", "dir/f"), ("root1", "f")] {
        fs::hard_link(at("root", "f"), at(root, name)).unwrap();
    }
    let source = pair.lab.open();
    let equal = || {
        pair.caught_up(&source);
        let found = pair.compared(&source);
        assert_eq!((found.differences, found.unreadable), (0, 0), "{:?}", found.listed);
    };
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        equal();
        one_file(&[&at("replica", "f"), &at("replica", "dir/f"), &at("replica1", "f")]);
        fs::write(at("root1", "f"), "two").unwrap();
        equal();
        assert_eq!(fs::read_to_string(at("replica", "dir/f")).unwrap(), "two");
        fs::remove_file(at("root", "f")).unwrap();
        equal();
        one_file(&[&at("replica", "dir/f"), &at("replica1", "f")]);
        // All names at once, and one from the one root to the other.
        fs::rename(at("root", "dir/f"), at("root", "renamed")).unwrap();
        fs::rename(at("root1", "f"), at("root", "moved")).unwrap();
        equal();
        one_file(&[&at("replica", "renamed"), &at("replica", "moved")]);
        fs::hard_link(at("root", "moved"), at("root1", "again")).unwrap();
        fs::write(at("root", "moved"), "three").unwrap();
        equal();
        one_file(&[&at("replica", "renamed"), &at("replica", "moved"), &at("replica1", "again")]);
        // What replaces one name leaves the others alone.
        fs::write(at("root", "new"), "apart").unwrap();
        fs::rename(at("root", "new"), at("root", "moved")).unwrap();
        equal();
        one_file(&[&at("replica", "renamed"), &at("replica1", "again")]);
        one_file(&[&at("replica", "moved")]);
    });
    let options = FollowOptions { force_mirror: true, ..FollowOptions::default() };
    let _ = pair.session(&source, &options, None, equal);
    one_file(&[&at("replica", "renamed"), &at("replica1", "again")]);
    assert_eq!(pair.target().report().problem, None);
}

#[test]
fn a_file_with_names_in_several_roots_stays_one_file() {
    across_roots(Capture::Fanotify);
    across_roots(Capture::FanotifyDirs);
}

#[test]
fn a_file_with_names_outside_is_a_file_of_its_own_and_noted() {
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let (root, replica) = (pair.lab.root(), pair.replica());
    let outside = pair.lab.dir.path().join("outside");
    fs::write(root.join("f"), "one").unwrap();
    fs::hard_link(root.join("f"), root.join("g")).unwrap();
    fs::hard_link(root.join("f"), &outside).unwrap();
    let source = pair.lab.open();
    let noted = || source.report().roots[0].linked_outside;
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        one_file(&[&replica.join("f"), &replica.join("g")]);
        eventually("noted", || noted() == 1);
        fs::write(&outside, "written where nobody looks").unwrap();
        pair.caught_up(&source);
        assert_eq!(fs::read_to_string(replica.join("g")).unwrap(), "written where nobody looks");
        pair.assert_equal(&source);
        fs::remove_file(&outside).unwrap();
        pair.caught_up(&source);
        eventually("noted no more", || noted() == 0);
        pair.assert_equal(&source);
    });
}

#[test]
fn names_that_are_no_longer_one_file_at_the_replica_are_found() {
    let pair = Pair::new(Lab::new(Capture::Fanotify).with_second_root());
    let at = |root: &str, name: &str| pair.lab.dir.path().join(root).join(name);
    fs::write(at("root", "f"), "one").unwrap();
    fs::hard_link(at("root", "f"), at("root1", "f")).unwrap();
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        let meta = fs::metadata(at("replica1", "f")).unwrap();
        fs::remove_file(at("replica1", "f")).unwrap();
        fs::copy(at("replica", "f"), at("replica1", "f")).unwrap();
        fs::File::open(at("replica1", "f")).unwrap().set_modified(meta.modified().unwrap()).unwrap();
        let found = pair.compared(&source);
        let of_file: Vec<_> = found.listed.iter().filter(|found| found.path == "f").map(|f| f.what.as_str()).collect();
        assert_eq!(of_file, ["hard links"], "{:?}", found.listed);
    });
}

#[test]
fn where_hard_links_may_be_lost_each_name_is_a_copy_and_stays_equal() {
    let pair = Pair::without(Lab::new(Capture::Fanotify), [Loss::Hardlinks].into());
    let (root, replica) = (pair.lab.root(), pair.replica());
    fs::write(root.join("large"), vec![b'x'; 2 << 20]).unwrap();
    fs::hard_link(root.join("large"), root.join("large2")).unwrap();
    fs::write(root.join("a"), "one").unwrap();
    ["b", "c"].iter().for_each(|name| fs::hard_link(root.join("a"), root.join(name)).unwrap());
    let source = pair.lab.open();
    let equal = |names: &[&str], text: &str| {
        pair.caught_up(&source);
        let found = pair.compared(&source);
        assert_eq!((found.differences, found.unreadable), (0, 0), "{:?}", found.listed);
        for name in names {
            assert_eq!(
                (fs::read_to_string(replica.join(name)).unwrap().as_str(), inode(&replica.join(name)).1),
                (text, 1)
            );
        }
    };
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        equal(&["a", "b", "c"], "one");
        fs::write(root.join("b"), "two").unwrap();
        equal(&["a", "b", "c"], "two");
        fs::set_permissions(root.join("c"), fs::Permissions::from_mode(0o604)).unwrap();
        equal(&["a", "b", "c"], "two");
        // Changed in place, at each of its names.
        for at in [0, 1 << 20] {
            fs::File::options().write(true).open(root.join("large")).unwrap().write_all_at(b"y", at).unwrap();
            equal(&["a"], "two");
            let copy = fs::read(replica.join("large2")).unwrap();
            assert_eq!((copy.len(), copy[at as usize]), (2 << 20, b'y'));
        }
        for name in ["a", "b"] {
            fs::rename(root.join(name), root.join(format!("{name}2"))).unwrap();
            equal(&["c"], "two");
        }
        fs::remove_file(root.join("a2")).unwrap();
        equal(&["b2", "c"], "two");
        fs::write(root.join("c"), "three").unwrap();
        fs::set_permissions(root.join("c"), fs::Permissions::from_mode(0o640)).unwrap();
        equal(&["b2", "c"], "three");
        ["b2", "c", "large"].iter().for_each(|name| fs::remove_file(root.join(name)).unwrap());
        fs::write(root.join("stays"), "x").unwrap();
        equal(&["stays"], "x");
        assert!(!replica.join("c").exists());
    });
    let options = FollowOptions { force_mirror: true, lossy: pair.lossy.clone(), ..FollowOptions::default() };
    let _ = pair.session(&source, &options, None, || equal(&["stays"], "x"));
    assert_eq!(pair.target().report().problem, None);
    assert!(!replica.join(".standin/quarantine").exists(), "copies are not somebody's own");
}
