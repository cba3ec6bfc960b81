//! Without privileges, and with little room: what cannot be exact is told, and nothing stops for good.
//!
//! The tests run in child processes: as another user when the tests are root's, and in a mount namespace of their own.

use super::rig::*;
use crate::child::{CHILD, is_child, ran};
use crate::message::{BatchKind, Message};
use crate::meta::{Meta, ObjectKind, Oid};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

const NOBODY: u32 = 65534;

/// The command that runs one of the tests below for real.
fn child(dir: &tempfile::TempDir, what: &str) -> (std::path::PathBuf, [String; 3]) {
    crate::child::child(dir, &format!("target::tests::unprivileged::{what}"))
}

#[test]
fn without_privileges() {
    let dir = tempfile::tempdir().unwrap();
    let (binary, arguments) = child(&dir, "as_nobody");
    let mut command = Command::new(binary);
    command.args(arguments).env(CHILD, "as_nobody").env("TMPDIR", dir.path()).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    ran(&mut command);
}

/// Directories without rights are changed within, moved and removed; foreign owners and setuid are told.
#[test]
fn as_nobody() {
    if !is_child("as_nobody") {
        return;
    }
    let rig = Rig::new();
    let mut session = rig.synced();
    let closed = Meta { mode: 0, ..meta(ObjectKind::Directory) };
    let read_only = Meta { mode: 0o500, ..meta(ObjectKind::Directory) };
    let mut records =
        vec![node(oid(1), &closed), node(oid(2), &read_only), link(ROOT, "closed", 1), link(oid(1), "in", 2)];
    records.extend(file_with(3, b"secret", &Meta { mode: 0, ..meta(ObjectKind::File) }));
    records.push(link(oid(2), "f", 3));
    session.live(1, &records);
    let modes = |path: &str| std::fs::symlink_metadata(rig.path(path)).map(|found| found.mode() & 0o7777).ok();
    assert_eq!(modes("closed"), Some(0));
    let xattrs = vec![(b"user.a".to_vec(), b"1".to_vec())];
    let file = Meta { mode: 0o400, xattrs, size: 6, ..meta(ObjectKind::File) };
    session.live(2, &[node(oid(3), &file), link(oid(1), "f2", 3), link(ROOT, "moved", 2), unlink(oid(1), "in", 2)]);
    assert_eq!((modes("closed"), modes("moved"), modes("moved/f")), (Some(0), Some(0o500), Some(0o400)));
    assert_eq!(rig.target.report().problem, None);
    session.live(
        3,
        &[unlink(ROOT, "closed", 1), unlink(oid(1), "f2", 3), unlink(ROOT, "moved", 2), unlink(oid(2), "f", 3)],
    );
    assert!(rig.tree().is_empty());
    let mut records = file_with(4, b"", &Meta { uid: 0, gid: 0, mode: 0o6755, ..meta(ObjectKind::File) });
    records.push(link(ROOT, "foreign", 4));
    session.live(4, &records);
    assert_eq!(modes("foreign"), Some(0o755));
    let problem = rig.target.report().problem.unwrap();
    assert!(problem.contains("owner 0") && problem.contains("group 0"), "{problem}");
    assert!(rig.quarantined().is_empty());
}

/// Runs a test below with a small file system of its own at the path it is given. Where that is not allowed, as in some
/// containers, the test says so and ends.
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn with_small_file_system(what: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=8m small {} && exec \"$0\" \"$@\"", dir.path().display());
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command
    };
    if !unshare(&mount).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let (binary, arguments) = child(&elsewhere, what);
    ran(unshare(&mount).arg(binary).args(arguments).env(CHILD, what).env("TMPDIR", dir.path()));
}

#[test]
fn a_full_disk_stops_it_until_there_is_room() {
    with_small_file_system("on_a_small_disk");
}

#[test]
fn on_a_small_disk() {
    if !is_child("on_a_small_disk") {
        return;
    }
    let rig = Rig::new();
    let mut session = rig.synced();
    let mut records = file(1, b"old");
    records.push(link(ROOT, "f", 1));
    session.live(1, &records);
    let ballast = rig.dir.path().join("ballast");
    std::fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let new: Vec<u8> = (0..1_200_000_u32).flat_map(u32::to_le_bytes).collect();
    session.send_all(batch(mark(2), BatchKind::Live, &file(1, &new)));
    let end = session.end();
    assert!(end.as_ref().is_err_and(crate::session::SessionError::is_full), "{end:?}");
    let report = rig.target.report();
    assert!(report.problem.unwrap().contains("disk is full"));
    assert_eq!(report.synced, Some(mark(1)));
    assert_eq!(std::fs::read(rig.path("f")).unwrap(), b"old");
    std::fs::remove_file(ballast).unwrap();
    let mut session = rig.goes_on(mark(1));
    session.live(2, &file(1, &new));
    assert_eq!(std::fs::read(rig.path("f")).unwrap(), new);
    assert_eq!(rig.target.report().problem, None);
    assert!(rig.staging_is_empty());
}

#[test]
fn roots_on_different_file_systems() {
    with_small_file_system("on_two_disks");
}

/// The second root is a bind mount of its own, which neither renames nor links reach.
#[test]
fn on_two_disks() {
    if !is_child("on_two_disks") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("more");
    std::fs::create_dir(&other).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "other"]).arg(&other).status().unwrap();
    assert!(mounted.success());
    let rig = Rig::lent(dir.path(), &["data", "more"]);
    let second = Oid::root(1);
    let mut session = rig.synced();
    let mut records = file(1, b"one");
    records.push(link(ROOT, "f", 1));
    records.extend(file(2, b"two"));
    records.extend([
        link(second, "g", 2),
        symlink(3, b"x"),
        link(second, "s", 3),
        super::rig::dir(4),
        link(second, "d", 4),
    ]);
    session.live(1, &records);
    assert_eq!(tree(&other).iter().filter(|l| !l.starts_with('.')).collect::<Vec<_>>(), ["d/", "g = two", "s -> x"]);
    session.live(2, &[link(second, "f", 1), unlink(ROOT, "f", 1), link(ROOT, "g", 2), unlink(second, "g", 2)]);
    assert_eq!(rig.tree(), ["g = two"]);
    session.live(3, &file(1, b"1"));
    session.live(4, &[link(ROOT, "copy", 1)]);
    assert_eq!(rig.tree(), ["copy = 1", "g = two"]);
    assert_eq!(std::fs::read(other.join("f")).unwrap(), b"1");
    assert!(rig.target.report().problem.unwrap().contains("copy"));
    session.send_all(batch(mark(5), BatchKind::Live, &[link(ROOT, "d", 4), unlink(second, "d", 4)]));
    assert!(matches!(session.end(), Err(crate::session::SessionError::Drifted(_))));
    assert!(matches!(rig.session().welcome(), Message::Welcome { dirty: true, .. }));
    assert!(rig.quarantined().is_empty());
}
