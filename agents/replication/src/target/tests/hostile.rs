//! A peer that breaks the rules: refused, nothing placed, no panic, and the next session goes on.

use super::rig::*;
use crate::content::block_hash;
use crate::message::{Base, BatchKind, Content, Message, OrphanPolicy};
use crate::meta::{Meta, ObjectKind, Oid};
use crate::session::SessionError;
use ::model::{Epoch, Mark};

fn before() -> Vec<Message> {
    let mut records = vec![dir(1), dir(2), link(ROOT, "a", 1), link(oid(1), "b", 2)];
    records.extend(file(3, b"content"));
    records.push(link(ROOT, "f", 3));
    records
}

/// Sends `messages` to a target that is synced at mark 1, which ends the session. Nothing of them is placed.
fn ended(why: &str, messages: Vec<Message>) -> (Rig, SessionError) {
    let rig = Rig::new();
    let mut session = rig.synced();
    session.live(1, &before());
    let tree = rig.tree();
    session.send_all(messages);
    let Err(end) = session.end() else { panic!("{why}: taken") };
    assert_eq!(rig.tree(), tree, "{why}");
    (rig, end)
}

/// What speaks of something that was never sent: nothing is placed, and the next session begins with a comparison.
fn missed(messages: Vec<Message>) {
    let (rig, end) = ended("missing", messages);
    assert!(matches!(&end, SessionError::Drifted(text) if text.contains("never received")), "{end:?}");
    let mut session = rig.session();
    assert!(matches!(session.welcome(), Message::Welcome { dirty: true, .. }));
    session.cut();
    let mut session = rig.session();
    let listed = session.mirror(OrphanPolicy::Quarantine, None);
    assert_eq!(listed.len(), 1 + before().iter().filter(|message| matches!(message, Message::Link { .. })).count());
    let mut adopted = Vec::new();
    for (n, path, kind) in
        [(1, "a", ObjectKind::Directory), (2, "a/b", ObjectKind::Directory), (3, "f", ObjectKind::File)]
    {
        adopted.push(Message::Adopt { oid: oid(n), root: 0, path: path.into() });
        adopted.push(node(oid(n), &Meta { size: if n == 3 { 7 } else { 0 }, ..meta(kind) }));
    }
    session.part(2, &adopted);
    session.send(Message::MirrorEnd { mark: mark(2), complete: true });
    session.await_synced(mark(2));
    session.live(3, &[link(ROOT, "g", 3)]);
    assert_eq!(rig.tree(), ["a/", "a/b/", "f = content", "g = content"]);
    assert!(rig.quarantined().is_empty() && rig.staging_is_empty());
}

/// Sends `messages` to a target that is synced at mark 1 and expects a refusal that mentions `why`.
fn refused(why: &str, messages: Vec<Message>) {
    let (rig, end) = ended(why, messages);
    match &end {
        SessionError::Protocol(text) => assert!(text.contains(why), "{text} is not about {why}"),
        other => panic!("{why}: {other:?}"),
    }
    let tree = rig.tree();
    let mut session = rig.goes_on(mark(1));
    let mut good = file(9, b"good");
    good.push(link(ROOT, "good", 9));
    session.live(2, &good);
    assert_eq!(rig.tree().len(), tree.len() + 1, "{why}");
    assert!(rig.staging_is_empty() || why.is_empty());
}

fn live(records: &[Message]) -> Vec<Message> {
    batch(mark(2), BatchKind::Live, records)
}

#[test]
fn names_that_are_none() {
    for name in ["..", ".", "", "a/b", "a\0b", "/etc", &"n".repeat(256)] {
        // Over the wire a longer name does not even decode.
        if name.len() <= 255 {
            refused("no name", live(&[link(ROOT, name, 3)]));
            refused("no name", live(&[unlink(ROOT, name, 3)]));
        }
    }
    refused("reserved", live(&[link(ROOT, ".standin", 3)]));
    refused("reserved", live(&[unlink(ROOT, ".standin", 3)]));
}

#[test]
fn objects_that_are_none() {
    refused("no directory", live(&[link(oid(3), "x", 1)]));
    refused("no root", live(&[link(Oid::root(5), "x", 3)]));
    refused("there is no object", live(&[node(Oid(u64::MAX), &meta(ObjectKind::Directory))]));
    refused("there is no object", live(&[node(Oid(0), &meta(ObjectKind::Directory))]));
    refused("cannot be", live(&[Message::Link { parent: ROOT, name: b"x".to_vec(), oid: Oid(u64::MAX) }]));
    refused("a root", live(&[Message::Link { parent: ROOT, name: b"x".to_vec(), oid: ROOT }]));
    refused("no root", live(&[node(Oid::root(7), &meta(ObjectKind::Directory))]));
    refused("no directory", live(&[node(ROOT, &meta(ObjectKind::Fifo))]));
    refused("another kind", live(&[node(oid(3), &meta(ObjectKind::Directory))]));
    refused("twice", live(&[dir(8), dir(8)]));
    refused("symbolic link", live(&[node(oid(8), &meta(ObjectKind::Symlink))]));
    refused("symbolic link", live(&[node(oid(8), &Meta { link: b"x".to_vec(), ..meta(ObjectKind::Fifo) })]));
}

#[test]
fn objects_that_were_never_sent() {
    missed(live(&[link(ROOT, "x", 77)]));
    missed(live(&[link(oid(77), "x", 3)]));
    missed(live(&[node(oid(8), &meta(ObjectKind::File)), link(ROOT, "x", 8)]));
    let mut staged = file(9, b"new");
    staged.extend([link(ROOT, "new", 9), node(oid(8), &meta(ObjectKind::File))]);
    missed(live(&staged));
}

#[test]
fn trees_that_are_none() {
    refused("below itself", live(&[link(oid(2), "loop", 1), unlink(ROOT, "a", 1)]));
    refused("below itself", live(&[link(oid(1), "self", 1), unlink(ROOT, "a", 1)]));
    refused("2 names", live(&[link(ROOT, "twice", 1)]));
    refused("0 names", live(&[dir(8), link(oid(8), "x", 3)]));
    refused("0 names", live(&[unlink(ROOT, "a", 1), link(oid(1), "x", 3)]));
}

#[test]
fn contents_that_are_none() {
    let good = file(8, b"some content");
    let with = |at: usize, message: Message| {
        let mut records = good.clone();
        records[at] = message;
        live(&records)
    };
    let end = |size, hash| Message::DataEnd { oid: oid(8), size, hash };
    refused("not what its hash says", with(2, end(12, [0; 32])));
    refused("longer than its length", with(2, end(3, [0; 32])));
    refused("out of order", with(1, Message::Data { oid: oid(8), offset: u64::MAX, bytes: b"x".to_vec() }));
    refused("not announced", with(1, Message::Data { oid: oid(9), offset: 0, bytes: b"x".to_vec() }));
    refused("between the pieces", with(1, link(ROOT, "x", 3)));
    refused("within a content", live(&good[..2]));
    refused("not announced", live(&good[1..]));
    refused("not announced", live(&[Message::Void { oid: oid(8) }]));
    refused("not announced", with(2, Message::Void { oid: oid(9) }));
    refused("no file", live(&[Message::Node { oid: oid(8), meta: meta(ObjectKind::Fifo), content: Content::Follows }]));
    let mut twice = good.clone();
    twice.insert(1, twice[1].clone());
    refused("out of order", live(&twice));
}

#[test]
fn batches_that_are_none() {
    let good = [link(ROOT, "g", 3)];
    refused("missing", batch(mark(3), BatchKind::Live, &good));
    refused("missing", batch(Mark { epoch: Epoch(2), batch: 3 }, BatchKind::Live, &good));
    refused("not after", batch(mark(1), BatchKind::Live, &good));
    refused("not after", batch(Mark { epoch: Epoch(0), batch: 9 }, BatchKind::Resync, &good));
    refused("cannot be", batch(mark(u64::MAX), BatchKind::Resync, &good));
    let mut damaged = live(&good);
    damaged[2] = Message::BatchEnd { mark: mark(2), records: 1, digest: [0; 32] };
    refused("does not fit", damaged);
    let mut short = live(&good);
    short.remove(1);
    refused("does not fit", short);
    let mut nested = live(&good);
    nested.insert(1, nested[0].clone());
    refused("within a batch", nested);
    refused("outside of a batch", good.to_vec());
    refused("end of no batch", live(&good)[2..].to_vec());
    refused("not begun", vec![Message::MirrorEnd { mark: mark(9), complete: true }]);
    refused("outside of such", vec![Message::SetAside { root: 0, path: b"f".to_vec(), why: String::new() }]);
    refused("does not belong", live(&[Message::Adopt { oid: oid(8), root: 0, path: b"f".to_vec() }]));
    refused("does not belong", live(&[Message::Compare { root: None }]));
    refused(
        "taken over twice",
        batch(mark(2), BatchKind::Part, &[Message::Adopt { oid: oid(8), root: 0, path: b"f".to_vec() }]),
    );
}

#[test]
fn first_messages_that_are_none() {
    let rig = Rig::new();
    rig.synced().live(1, &before());
    for first in [
        Message::MirrorEnd { mark: mark(1), complete: true },
        Message::Continue { lineage: b"other".to_vec(), from: mark(1) },
        Message::Continue { lineage: LINEAGE.to_vec(), from: mark(7) },
    ] {
        let mut session = rig.session();
        session.welcome();
        session.send(first);
        assert!(matches!(session.end(), Err(SessionError::Protocol(_))));
    }
    assert_eq!(rig.target.report().synced, Some(mark(1)));
}

#[test]
fn a_fresh_target_takes_no_batches() {
    let rig = Rig::new();
    let mut session = rig.session();
    session.welcome();
    session.send(Message::Continue { lineage: LINEAGE.to_vec(), from: mark(0) });
    assert!(matches!(session.end(), Err(SessionError::Protocol(_))));
    assert_eq!(rig.target.report().state, ::model::agent_status::TargetState::NeverSynced);
}

fn announced() -> Message {
    Message::Node { oid: oid(3), meta: meta(ObjectKind::File), content: Content::Patch }
}

fn block(number: u64, new: &[u8]) -> Message {
    let pieces = vec![(0, new.to_vec())];
    Message::Block { oid: oid(3), number, base: Base::Zeros, new: block_hash(new), pieces }
}

#[test]
fn changes_in_place_that_do_not_fit_are_refused() {
    let begin = Message::BatchBegin { mark: mark(2), kind: BatchKind::Live };
    let refuse = |why: &str, records: Vec<Message>| {
        refused(why, [vec![begin.clone()], records].concat());
    };
    let end = |size| Message::PatchEnd { oid: oid(3), size };
    refuse("were not announced", vec![block(0, b"x")]);
    refuse("were not announced", vec![end(1)]);
    refuse("out of order", vec![announced(), block(1, b"x"), block(1, b"y")]);
    refuse("out of order", vec![announced(), block(u64::MAX, b"x")]);
    refuse("out of order", vec![announced(), Message::Zeros { oid: oid(3), from: 2, until: 2 }]);
    refuse("out of order", vec![announced(), Message::Zeros { oid: oid(3), from: 0, until: u64::MAX }]);
    refuse("longer than a file can be", vec![announced(), end(u64::MAX)]);
    refuse("between the changes", vec![announced(), link(ROOT, "x", 3)]);
    let Message::Block { pieces, base, .. } = block(0, b"x") else { panic!() };
    let other = Message::Block { oid: oid(3), number: 0, base, new: block_hash(b"y"), pieces };
    refuse("not what its hash says", vec![announced(), other]);
    let of_directory = Message::Node { oid: oid(1), meta: meta(ObjectKind::Directory), content: Content::Patch };
    refuse("content for what is no file", vec![of_directory]);
    let unended = Message::BatchEnd { mark: mark(2), records: 1, digest: [0; 32] };
    refuse("ends within a content", vec![announced(), unended]);
    let unknown = Message::Node { oid: oid(77), meta: meta(ObjectKind::File), content: Content::Patch };
    missed(vec![begin.clone(), unknown]);
}

#[test]
fn a_block_that_is_not_what_was_sent_before_is_left_alone_and_asked_for() {
    let rig = Rig::new();
    let mut session = rig.synced();
    session.live(1, &before());
    let mut changed = patch(3, b"another content", b"another CONTENT", &meta(ObjectKind::File));
    let size = b"content".len() as u64;
    changed[0] = Message::Node { oid: oid(3), meta: Meta { size, ..meta(ObjectKind::File) }, content: Content::Patch };
    changed[2] = Message::PatchEnd { oid: oid(3), size };
    session.send_all(batch(mark(2), BatchKind::Live, &changed));
    let asked = Message::Diverged { oid: oid(3), blocks: vec![0] };
    assert_eq!(session.next().unwrap(), asked);
    session.await_synced(mark(2));
    assert!(rig.tree().contains(&"f = content".to_owned()));
    session.cut();
    let mut session = rig.goes_on(mark(2));
    assert_eq!(session.next().unwrap(), asked, "in every session");
    let mut good = patch(3, b"longer than the new one", b"what it is", &meta(ObjectKind::File));
    assert!(matches!(good[1], Message::Block { base: Base::Zeros, .. }));
    session.live(3, &std::mem::take(&mut good));
    assert!(rig.tree().contains(&"f = what it is".to_owned()));
    session.cut();
    let mut session = rig.goes_on(mark(3));
    session.live(4, &[]);
}
