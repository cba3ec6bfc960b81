//! Names that change: swaps, cycles, chains, replacements of one kind by another, and what is in the way.

use super::rig::*;
use crate::message::{BatchKind, Message};
use std::os::unix::fs::MetadataExt;

/// `a/` with `f`, `b/` with `g`, and the files `x` and `y`.
fn start(session: &mut Session) {
    let mut records = vec![dir(1), dir(2), link(ROOT, "a", 1), link(ROOT, "b", 2)];
    for (n, name, parent) in [(3, "f", oid(1)), (4, "g", oid(2)), (5, "x", ROOT), (6, "y", ROOT)] {
        records.extend(file(n, name.as_bytes()));
        records.push(link(parent, name, n));
    }
    session.live(1, &records);
}

fn moved(records: &[Message], expected: &[&str]) {
    let rig = Rig::new();
    let mut session = rig.synced();
    start(&mut session);
    let inode = |path: &str| std::fs::symlink_metadata(rig.path(path)).unwrap().ino();
    let before = [inode("a"), inode("b"), inode("x"), inode("y")];
    session.live(2, records);
    assert_eq!(rig.tree(), expected);
    assert!(rig.staging_is_empty());
    assert_eq!(rig.quarantined(), Vec::<String>::new());
    let report = rig.target.report();
    assert_eq!(report.problem, None);
    assert_eq!(report.synced, Some(mark(2)));
    let after = tree(&rig.root()).len();
    assert!(after > 0 && before.iter().all(|inode| *inode > 0));
}

#[test]
fn files_swap() {
    moved(&[link(ROOT, "x", 6), link(ROOT, "y", 5)], &["a/", "a/f = f", "b/", "b/g = g", "x = y", "y = x"]);
}

#[test]
fn directories_swap_with_all_below() {
    moved(&[link(ROOT, "a", 2), link(ROOT, "b", 1)], &["a/", "a/g = g", "b/", "b/f = f", "x = x", "y = y"]);
}

#[test]
fn a_cycle_through_directories() {
    // f, x and y each take the next one's place.
    moved(
        &[link(ROOT, "x", 3), link(ROOT, "y", 5), link(oid(1), "f", 6)],
        &["a/", "a/f = y", "b/", "b/g = g", "x = f", "y = x"],
    );
}

#[test]
fn a_chain_in_which_the_last_goes() {
    moved(
        &[link(ROOT, "y", 5), link(ROOT, "x", 3), unlink(oid(1), "f", 3)],
        &["a/", "b/", "b/g = g", "x = f", "y = x"],
    );
}

#[test]
fn a_directory_moves_below_what_was_below_it() {
    let rig = Rig::new();
    let mut session = rig.synced();
    session.live(1, &[dir(1), dir(2), dir(3), link(ROOT, "a", 1), link(oid(1), "b", 2), link(oid(2), "c", 3)]);
    session.live(
        2,
        &[
            link(ROOT, "a", 3),
            link(oid(3), "c", 2),
            link(oid(2), "b", 1),
            unlink(oid(1), "b", 2),
            unlink(oid(2), "c", 3),
        ],
    );
    assert_eq!(rig.tree(), ["a/", "a/c/", "a/c/b/"]);
    assert!(rig.staging_is_empty());
}

#[test]
fn a_directory_takes_the_place_of_the_one_it_was_in() {
    moved(
        &[dir(7), link(oid(7), "n", 1), link(ROOT, "a", 7)],
        &["a/", "a/n/", "a/n/f = f", "b/", "b/g = g", "x = x", "y = y"],
    );
}

#[test]
fn kinds_replace_each_other() {
    moved(
        &[symlink(7, b"b"), link(ROOT, "a", 7), unlink(oid(1), "f", 3), dir(8), link(ROOT, "x", 8)],
        &["a -> b", "b/", "b/g = g", "x/", "y = y"],
    );
    let mut records = file(7, b"was a directory");
    records.extend([link(ROOT, "b", 7), unlink(oid(2), "g", 4), symlink(8, b"b"), link(ROOT, "y", 8)]);
    moved(&records, &["a/", "a/f = f", "b = was a directory", "x = x", "y -> b"]);
}

#[test]
fn a_directory_goes_with_what_was_moved_out_of_it_kept() {
    moved(
        &[unlink(ROOT, "a", 1), unlink(oid(1), "f", 3), link(ROOT, "saved", 3)],
        &["b/", "b/g = g", "saved = f", "x = x", "y = y"],
    );
    // Without a word on what is in it, the directory goes whole.
    moved(&[unlink(ROOT, "a", 1)], &["b/", "b/g = g", "x = x", "y = y"]);
}

#[test]
fn times_of_touched_directories_are_restored() {
    let rig = Rig::new();
    let mut session = rig.synced();
    start(&mut session);
    session.live(2, &[link(ROOT, "a2", 1), unlink(ROOT, "a", 1), link(oid(1), "x", 5), unlink(ROOT, "x", 5)]);
    for path in ["a2", "b"] {
        let found = std::fs::metadata(rig.path(path)).unwrap();
        assert_eq!((found.mtime(), found.mtime_nsec()), (1_600_000_000, 123_456_789), "{path}");
    }
}

#[test]
fn what_was_put_there_by_hand_goes_to_the_quarantine() {
    let rig = Rig::new();
    let mut session = rig.synced();
    start(&mut session);
    std::fs::write(rig.path("a/own"), "own").unwrap();
    std::fs::write(rig.path("new"), "in the way").unwrap();
    std::fs::remove_file(rig.path("x")).unwrap();
    std::fs::write(rig.path("x"), "replaced by hand").unwrap();
    let mut records = file(7, b"new");
    records.extend([link(ROOT, "new", 7), unlink(ROOT, "a", 1), unlink(oid(1), "f", 3), unlink(ROOT, "x", 5)]);
    session.live(2, &records);
    assert_eq!(rig.tree(), ["b/", "b/g = g", "new = new", "y = y"]);
    let quarantined = rig.quarantined();
    for expected in ["1/a/own = own", "1/new = in the way", "1/x = replaced by hand"] {
        assert!(quarantined.contains(&expected.to_owned()), "{quarantined:?}");
    }
    let list = std::fs::read_to_string(rig.path(".standin/quarantine/1/list.jsonl")).unwrap();
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.contains("\"path\":\"a/own\""), "{list}");
}

#[test]
fn nothing_is_done_through_a_symbolic_link_put_in_a_directorys_place() {
    let rig = Rig::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f"), "outside").unwrap();
    let mut session = rig.synced();
    start(&mut session);
    std::fs::rename(rig.path("a"), rig.path("moved")).unwrap();
    std::os::unix::fs::symlink(outside.path(), rig.path("a")).unwrap();
    let mut records = file(7, b"new");
    records.extend([link(oid(1), "n", 7), unlink(oid(1), "f", 3)]);
    session.send_all(batch(mark(2), BatchKind::Live, &records));
    let end = session.end();
    assert!(matches!(end, Err(crate::session::SessionError::Drifted(_))), "{end:?}");
    assert_eq!(tree(outside.path()), ["f = outside"]);
    // It asks to be synchronized again.
    let mut session = rig.session();
    assert!(matches!(session.welcome(), Message::Welcome { dirty: true, .. }));
}

#[test]
fn a_lost_file_asks_for_a_synchronization() {
    let rig = Rig::new();
    let mut session = rig.synced();
    start(&mut session);
    std::fs::remove_file(rig.path("x")).unwrap();
    session.send_all(batch(mark(2), BatchKind::Live, &[link(ROOT, "x2", 5), unlink(ROOT, "x", 5)]));
    assert!(matches!(session.end(), Err(crate::session::SessionError::Drifted(_))));
    assert_eq!(rig.target.report().synced, Some(mark(2)));
}
