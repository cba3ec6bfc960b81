//! Synchronizing: listing, taking over, setting aside, orphans, and what a session leaves behind.

use super::rig::*;
use crate::content::hash_bytes;
use crate::message::{BatchKind, Message, OrphanPolicy};
use crate::meta::{Meta, ObjectKind};
use crate::peer::{Peer, PeerError};
use crate::session::SessionError;
use ::model::Epoch;
use ::model::agent_status::{HaltReason, RootState, TargetState};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

fn adopt(n: u64, path: &str) -> Message {
    Message::Adopt { oid: oid(n), root: 0, path: path.as_bytes().to_vec() }
}

/// A target root with `kept/same`, `kept/other`, `orphan/deep` and `left.excluded`.
fn filled() -> Rig {
    let rig = Rig::new();
    for (path, content) in
        [("kept/same", "same"), ("kept/other", "old"), ("orphan/deep", "deep"), ("orphan.excluded", "excluded")]
    {
        std::fs::create_dir_all(rig.path(path).parent().unwrap()).unwrap();
        std::fs::write(rig.path(path), content).unwrap();
    }
    rig
}

/// Takes over `kept` and `kept/same`, sends `kept/other`.
fn copied(session: &mut Session) {
    let size = |n| Meta { size: n, ..meta(ObjectKind::File) };
    let mut records = vec![adopt(1, "kept"), dir(1), adopt(2, "kept/same"), node(oid(2), &size(4))];
    records.extend(file(3, b"new"));
    records.push(link(oid(1), "other", 3));
    session.part(1, &records);
}

fn synchronized(policy: OrphanPolicy, complete: bool) -> Rig {
    let rig = filled();
    let inode = std::fs::metadata(rig.path("kept/same")).unwrap().ino();
    let mut session = rig.session();
    let listed = session.mirror(policy, None);
    let paths: Vec<_> = listed.iter().map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect();
    assert_eq!(paths, ["", "kept", "kept/other", "kept/same", "orphan", "orphan/deep"]);
    assert_eq!(listed[3].hash, Some(hash_bytes(b"same")));
    assert_eq!(rig.target.report().state, TargetState::Synchronizing);
    copied(&mut session);
    assert_eq!(rig.target.report().state, TargetState::Synchronizing);
    session.send(Message::MirrorEnd { mark: mark(5), complete });
    session.await_synced(mark(5));
    let report = rig.target.report();
    assert_eq!((report.state, report.synced), (TargetState::Synced, Some(mark(5))));
    assert_eq!(report.lineage.as_deref(), Some("lineage-1"));
    assert_eq!(std::fs::metadata(rig.path("kept/same")).unwrap().ino(), inode, "it was taken over, not copied");
    assert_eq!(std::fs::metadata(rig.path("kept")).unwrap().mtime_nsec(), 123_456_789);
    session.live(6, &[unlink(oid(1), "same", 2), link(ROOT, "same", 2)]);
    rig
}

const KEPT: [&str; 3] = ["kept/", "kept/other = new", "orphan.excluded = excluded"];

#[test]
fn orphans_are_quarantined() {
    let rig = synchronized(OrphanPolicy::Quarantine, true);
    assert_eq!(rig.tree(), [&KEPT[..], &["same = same"]].concat());
    assert!(rig.quarantined().contains(&"1/orphan/deep = deep".to_owned()), "{:?}", rig.quarantined());
}

#[test]
fn orphans_are_deleted_or_kept() {
    let rig = synchronized(OrphanPolicy::Delete, true);
    assert_eq!(rig.tree(), [&KEPT[..], &["same = same"]].concat());
    assert!(rig.quarantined().is_empty());
    let rig = synchronized(OrphanPolicy::Keep, true);
    assert_eq!(
        rig.tree(),
        [&KEPT[..2], &["orphan.excluded = excluded", "orphan/", "orphan/deep = deep", "same = same"]].concat()
    );
}

#[test]
fn orphans_of_an_incomplete_source_are_left_alone() {
    let rig = synchronized(OrphanPolicy::Delete, false);
    assert!(rig.path("orphan/deep").exists());
}

#[test]
fn divergent_paths_are_set_aside_with_their_path() {
    let mut rig = filled();
    let mut session = rig.session();
    session.mirror(OrphanPolicy::Quarantine, Some(Epoch(7)));
    for path in ["kept/other", "orphan", "not there"] {
        session.send(Message::SetAside { root: 0, path: path.into(), why: "only here".to_owned() });
    }
    copied(&mut session);
    session.send(Message::MirrorEnd { mark: mark(5), complete: true });
    session.await_synced(mark(5));
    session.cut();
    assert_eq!(rig.tree(), ["kept/", "kept/other = new", "kept/same = same", "orphan.excluded = excluded"]);
    let quarantined = rig.quarantined();
    for expected in ["7/kept/other = old", "7/orphan/deep = deep"] {
        assert!(quarantined.contains(&expected.to_owned()), "{quarantined:?}");
    }
    rig.reopen();
    let set_aside = rig.target.report().set_aside.unwrap();
    assert_eq!((set_aside.epoch, set_aside.entries), (Epoch(7), 2));
    assert_eq!(set_aside.paths, ["kept/other", "orphan"]);
    assert_eq!(std::fs::read_to_string(set_aside.list).unwrap().lines().count(), 2);
}

#[test]
fn set_aside_twice_keeps_both() {
    let rig = filled();
    let mut session = rig.session();
    session.mirror(OrphanPolicy::Keep, Some(Epoch(7)));
    for content in ["first", "second"] {
        std::fs::write(rig.path("kept/other"), content).unwrap();
        session.send(Message::SetAside { root: 0, path: b"kept/other".to_vec(), why: String::new() });
        session.send(Message::Heartbeat { at: 1, mark: mark(0) });
        session.await_ack(|_| true);
    }
    let quarantined = rig.quarantined();
    for expected in ["7/kept/other = first", "7/kept/other.1 = second"] {
        assert!(quarantined.contains(&expected.to_owned()), "{quarantined:?}");
    }
}

#[test]
fn hostile_paths_are_not_set_aside_or_taken_over() {
    for path in ["../x", "/etc", "kept/../..", "", ".standin", ".standin/id", "kept/"] {
        let rig = filled();
        let mut session = rig.session();
        session.mirror(OrphanPolicy::Keep, Some(Epoch(7)));
        session.send_all(vec![Message::SetAside { root: 0, path: path.into(), why: String::new() }]);
        assert!(matches!(session.end(), Err(SessionError::Protocol(_))), "{path}");
        let mut session = rig.session();
        session.mirror(OrphanPolicy::Keep, None);
        session.send_all(batch(mark(1), BatchKind::Part, &[adopt(1, path)]));
        assert!(matches!(session.end(), Err(SessionError::Protocol(_))), "{path}");
    }
}

#[test]
fn a_broken_synchronization_starts_over() {
    let mut rig = filled();
    let mut session = rig.session();
    session.mirror(OrphanPolicy::Delete, None);
    copied(&mut session);
    session.send(batch(mark(2), BatchKind::Part, &[]).remove(0));
    session.cut();
    rig.reopen();
    assert_eq!(rig.target.report().state, TargetState::Synchronizing);
    let mut session = rig.session();
    let listed = session.mirror(OrphanPolicy::Delete, None);
    assert!(listed.iter().any(|entry| entry.hash == Some(hash_bytes(b"new"))));
    copied(&mut session);
    session.send(Message::MirrorEnd { mark: mark(5), complete: true });
    session.await_synced(mark(5));
    assert_eq!(rig.tree(), ["kept/", "kept/other = new", "kept/same = same", "orphan.excluded = excluded"]);
}

#[test]
fn a_session_goes_on_after_a_restart_and_a_newer_one_takes_over() {
    let mut rig = Rig::new();
    let mut records = file(1, b"one");
    records.push(link(ROOT, "f", 1));
    let mut session = rig.synced();
    session.live(1, &records);
    // Cut in the middle of a batch.
    session.send_all(batch(mark(2), BatchKind::Live, &file(1, b"two"))[..3].to_vec());
    session.cut();
    rig.reopen();
    let mut older = rig.goes_on(mark(1));
    older.send_all(batch(mark(2), BatchKind::Live, &file(1, b"two"))[..3].to_vec());
    let mut newer = rig.goes_on(mark(1));
    newer.live(2, &file(1, b"2"));
    older.send_all(vec![Message::DataEnd { oid: oid(1), size: 3, hash: hash_bytes(b"two") }]);
    assert!(matches!(older.end(), Err(SessionError::Stopped)));
    newer.live(3, &[link(ROOT, "g", 1)]);
    assert_eq!(rig.tree(), ["f = 2", "g = 2"]);
    assert!(rig.staging_is_empty());
}

#[test]
fn a_comparison_runs_beside_and_changes_nothing() {
    let rig = Rig::new();
    let mut records = file(1, b"one");
    records.push(link(ROOT, "f", 1));
    let mut session = rig.synced();
    session.live(1, &records);
    let mut beside = rig.session();
    beside.welcome();
    for _ in 0..2 {
        beside.send(Message::Compare { root: None });
        let listed = beside.listing();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[1].hash, Some(hash_bytes(b"one")));
        session.live(rig.target.report().synced.unwrap().batch + 1, &[]);
    }
    beside.cut();
    session.live(4, &[link(ROOT, "g", 1)]);
}

#[test]
fn resynchronizing_moves_the_position_over_a_gap() {
    let rig = Rig::new();
    let mut session = rig.synced();
    session.part(3, &[dir(1), link(ROOT, "d", 1)]);
    let report = rig.target.report();
    let state = TargetState::Synchronizing;
    assert_eq!((report.synced, report.state), (Some(mark(0)), state), "its files are of different times");
    session.send_all(batch(mark(9), BatchKind::Resync, &[dir(2), link(oid(1), "e", 2)]));
    session.await_synced(mark(9));
    assert_eq!(rig.target.report().state, TargetState::Synced);
    session.live(10, &[unlink(oid(1), "e", 2)]);
    assert_eq!(rig.tree(), ["d/"]);
}

#[test]
fn lag_is_measured_from_the_heartbeat() {
    let rig = Rig::new();
    let mut session = rig.synced();
    assert_eq!(rig.target.report().lag, None);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let at = (now - Duration::from_secs(5)).as_nanos() as u64;
    session.send(Message::Heartbeat { at, mark: mark(0) });
    session.await_ack(|ack| matches!(ack, Message::Ack { heartbeat, .. } if *heartbeat == at));
    let lag = rig.target.report().lag.unwrap();
    assert!((5000..20_000).contains(&lag.millis), "{lag:?}");
}

#[test]
fn a_replaced_root_halts_until_it_is_adopted_and_is_then_synchronized_anew() {
    let rig = Rig::new();
    let mut session = rig.synced();
    session.live(1, &[dir(1), link(ROOT, "d", 1)]);
    std::fs::rename(rig.root(), rig.dir.path().join("away")).unwrap();
    std::fs::create_dir(rig.root()).unwrap();
    assert!(matches!(session.end(), Err(SessionError::Halted(halt)) if halt.reason == HaltReason::RootReplaced));
    let halted = |rig: &Rig| matches!(rig.target.report().roots[0].state, RootState::Halted { .. });
    assert!(halted(&rig));
    assert!(rig.session().end().is_err());
    let config = crate::root::RootConfig {
        name: "data".into(),
        path: rig.root(),
        exclude: Vec::new(),
        preserve: crate::preserve::Preserve::ALL,
    };
    crate::root::adopt("shop", &config, &rig.dir.path().join("state")).unwrap();
    let begin = Instant::now();
    while halted(&rig) {
        assert!(begin.elapsed() < Duration::from_secs(20), "still halted");
        std::thread::yield_now();
    }
    let mut session = rig.session();
    assert_eq!(session.welcome(), Message::Welcome { lineage: None, synced: None, dirty: false });
    assert_eq!(std::fs::read_dir(rig.dir.path().join("away")).unwrap().count(), 2);
}

#[test]
fn forgetting_removes_the_map_and_keeps_the_files() {
    let mut rig = Rig::new();
    rig.synced().live(1, &[dir(1), link(ROOT, "d", 1)]);
    let state = rig.dir.path().join("state");
    rig.target = Rig::new().target;
    crate::target::forget(&state).unwrap();
    rig.reopen();
    assert_eq!(rig.target.report().state, TargetState::NeverSynced);
    assert_eq!(rig.tree(), ["d/"]);
}

/// A connection that asks for a comparison, and over which the target is told to stop just then.
struct StopsWhenAsked<'a> {
    stop: &'a AtomicBool,
    said: Vec<Message>,
}

impl Peer for StopsWhenAsked<'_> {
    fn send(&mut self, message: Message) -> Result<(), PeerError> {
        self.said.push(message);
        Ok(())
    }

    fn receive(&mut self, _wait: Duration) -> Result<Option<Message>, PeerError> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(Some(Message::Compare { root: None }))
    }
}

#[test]
fn a_comparison_that_is_stopped_reads_no_further_and_never_says_that_it_is_whole() {
    let rig = filled();
    let stop = AtomicBool::new(false);
    let mut peer = StopsWhenAsked { stop: &stop, said: Vec::new() };
    let ended = crate::target::serve(&rig.target, &mut peer, &stop);
    assert!(matches!(ended, Err(SessionError::Stopped)), "{ended:?}");
    assert!(matches!(peer.said.as_slice(), [Message::Welcome { .. }]), "{:?}", peer.said);
}
