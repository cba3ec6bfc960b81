//! Every kind of object and of meta arrives as it is.

use super::rig::*;
use crate::beneath;
use crate::content::hash_bytes;
use crate::listing::{Listing, Wanted};
use crate::message::{Content, Message};
use crate::meta::{Meta, ObjectKind};
use crate::root::{HeldRoot, RootConfig, Side};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// What the target has under `name`, as its own listing says.
fn listed(rig: &Rig, name: &[u8]) -> (Meta, Option<[u8; 32]>, u64) {
    let config = RootConfig {
        name: "data".into(),
        path: rig.root(),
        exclude: Vec::new(),
        preserve: crate::preserve::Preserve::ALL,
    };
    let roots = [HeldRoot::open("shop", 0, &config, &rig.dir.path().join("state"), Side::Target).unwrap()];
    let found = Listing::new(&roots, Wanted { digests: true }, &|| false).map(Result::unwrap).find(|e| e.path == name);
    let entry = found.unwrap_or_else(|| panic!("{} is not there", name.escape_ascii()));
    (entry.meta, entry.hash, entry.object)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn meta_of_every_kind_is_exact() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let long = vec![b'x'; 4095];
    let kinds = [
        ("file", meta(ObjectKind::File)),
        ("dir", meta(ObjectKind::Directory)),
        ("fifo", meta(ObjectKind::Fifo)),
        ("dangling", Meta { link: b"../nowhere".to_vec(), ..meta(ObjectKind::Symlink) }),
        ("long", Meta { link: long, ..meta(ObjectKind::Symlink) }),
    ];
    let mut records = Vec::new();
    let mut expected = Vec::new();
    let mut number = 0;
    for (name, base) in kinds {
        for mode in [0o6751, 0o1777, 0, 0o644] {
            for mtime in [(-1, 999_999_999), (-5_000_000_000 / 4, 1), (1_700_000_000, 7)] {
                number += 1;
                let mut meta = Meta { mtime, ..base.clone() };
                if meta.kind != ObjectKind::Symlink {
                    meta.mode = mode;
                    meta.xattrs = vec![(b"user.a".to_vec(), vec![0, 255]), (b"user.empty".to_vec(), Vec::new())];
                }
                if meta.kind == ObjectKind::Fifo {
                    meta.xattrs.clear();
                }
                if is_root() {
                    (meta.uid, meta.gid) = (12_345, 3_000_000_000);
                }
                let name = format!("{name}{number}");
                records.extend(if meta.kind == ObjectKind::File {
                    file_with(number, b"content", &meta)
                } else {
                    vec![node(oid(number), &meta)]
                });
                records.push(link(ROOT, &name, number));
                meta.size = if meta.kind == ObjectKind::File { 7 } else { 0 };
                expected.push((name, meta));
            }
        }
    }
    session.live(1, &records);
    for (name, meta) in &expected {
        assert_eq!(&listed(&rig, name.as_bytes()).0, meta, "{name}");
    }
    assert_eq!(rig.target.report().problem, None);
    // Meta alone, in place.
    let mut records = Vec::new();
    for (at, (_, meta)) in expected.iter_mut().enumerate() {
        meta.mtime = (1, 1);
        if meta.kind != ObjectKind::Symlink {
            meta.mode ^= 0o4111;
            meta.xattrs.clear();
        }
        records.push(node(oid(at as u64 + 1), meta));
    }
    session.live(2, &records);
    for (name, meta) in &expected {
        assert_eq!(&listed(&rig, name.as_bytes()).0, meta, "{name}");
    }
    assert!(rig.staging_is_empty());
}

#[test]
fn names_are_bytes() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let names: Vec<Vec<u8>> = vec![
        b"new\nline".to_vec(),
        b"\xff\xfe".to_vec(),
        vec![b'n'; 255],
        "é".as_bytes().to_vec(),
        "e\u{301}".as_bytes().to_vec(),
        b"-rf *".to_vec(),
        b"s1030.staged".to_vec(),
        b"list.jsonl".to_vec(),
    ];
    let mut records = Vec::new();
    for (at, name) in names.iter().enumerate() {
        records.extend(file(at as u64, name));
        records.push(Message::Link { parent: ROOT, name: name.clone(), oid: oid(at as u64) });
    }
    session.live(1, &records);
    for name in &names {
        assert_eq!(&std::fs::read(rig.root().join(OsStr::from_bytes(name))).unwrap(), name);
    }
}

#[test]
fn sparse_files_stay_sparse() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let size = 1_u64 << 36;
    let mut hash = crate::content::ContentHash::default();
    assert!(hash.update(size - 4, b"tail"));
    session.live(
        1,
        &[
            Message::Node { oid: oid(1), meta: meta(ObjectKind::File), content: Content::Follows },
            Message::Data { oid: oid(1), offset: size - 4, bytes: b"tail".to_vec() },
            Message::DataEnd { oid: oid(1), size, hash: hash.finish(size) },
            link(ROOT, "sparse", 1),
        ],
    );
    let found = std::fs::metadata(rig.path("sparse")).unwrap();
    assert_eq!(found.len(), size);
    assert!(found.blocks() < 1000, "{} blocks", found.blocks());
}

#[test]
fn hard_links_stay_groups_across_directories_and_roots_and_new_contents() {
    let rig = Rig::with_roots(&["data", "more"]);
    let mut session = rig.synced();
    let second = crate::meta::Oid::root(1);
    let mut records = vec![dir(1), link(ROOT, "d", 1)];
    records.extend(file(2, b"one"));
    records.extend([link(ROOT, "a", 2), link(oid(1), "b", 2), link(second, "c", 2)]);
    session.live(1, &records);
    let inodes = || {
        [rig.path("a"), rig.path("d/b"), rig.dir.path().join("more/c")]
            .map(|path| std::fs::metadata(path).unwrap().ino())
    };
    let before = inodes();
    assert_eq!(before, [before[0]; 3]);
    session.live(2, &file(2, b"two"));
    let after = inodes();
    assert_eq!(after, [after[0]; 3]);
    assert_eq!(std::fs::read(rig.dir.path().join("more/c")).unwrap(), b"two");
    session.live(3, &[unlink(ROOT, "a", 2), link(oid(1), "a2", 2)]);
    assert_eq!(rig.tree(), ["d/", "d/a2 = two", "d/b = two"]);
    assert_eq!(rig.target.report().problem, None);
    assert!(rig.quarantined().is_empty());
}

#[test]
fn a_tree_deeper_than_the_path_limit_arrives_and_goes() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let name = "d".repeat(250);
    let mut records = Vec::new();
    for depth in 0..40 {
        records.push(dir(depth));
        records.push(link(if depth == 0 { ROOT } else { oid(depth - 1) }, &name, depth));
    }
    records.extend(file(100, b"deep"));
    records.push(link(oid(39), "f", 100));
    session.live(1, &records);
    let path = vec![name.as_bytes().to_vec(); 40].join(&b'/');
    let held = std::fs::File::open(rig.root()).unwrap();
    let deep = beneath::open_dir(std::os::fd::AsFd::as_fd(&held), &path).unwrap();
    assert_eq!(beneath::names(std::os::fd::AsFd::as_fd(&deep)).unwrap(), [b"f".to_vec()]);
    session.live(2, &[unlink(ROOT, &name, 0)]);
    assert!(rig.tree().is_empty());
    assert!(rig.quarantined().is_empty());
}

#[test]
fn gone_content_leaves_a_placeholder_or_the_old_content() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let mut records = file(1, b"old");
    records.push(link(ROOT, "known", 1));
    session.live(1, &records);
    let gone = |n| Message::Node { oid: oid(n), meta: meta(ObjectKind::File), content: Content::Gone };
    session.live(2, &[gone(1), gone(2), link(ROOT, "new", 2)]);
    assert_eq!(rig.tree(), ["known = old", "new = "]);
    session.live(3, &[unlink(ROOT, "new", 2)]);
    assert_eq!(rig.tree(), ["known = old"]);
}

#[test]
fn devices_are_made_or_told() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let device = Meta { rdev: rustix::fs::makedev(1, 3), ..meta(ObjectKind::CharDevice) };
    session.live(1, &[node(oid(1), &device), link(ROOT, "null", 1)]);
    if rig.path("null").exists() {
        assert_eq!(listed(&rig, b"null").0, device);
    } else {
        assert!(rig.target.report().problem.unwrap().contains("device"));
    }
    session.live(2, &[unlink(ROOT, "null", 1), link(ROOT, "nil", 1)]);
    session.live(3, &[unlink(ROOT, "nil", 1)]);
    assert!(rig.tree().is_empty());
}

#[test]
fn large_contents_are_whole() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut records = file(1, &content);
    records.push(link(ROOT, "big", 1));
    session.live(1, &records);
    assert_eq!(listed(&rig, b"big").1, Some(hash_bytes(&content)));
}

#[test]
fn a_content_that_is_taken_back_leaves_what_was_there() {
    let rig = Rig::new();
    let mut session = rig.synced();
    let mut records = file(1, b"old");
    records.push(link(ROOT, "f", 1));
    session.live(1, &records);
    let mut records = file(1, b"new");
    records.pop();
    records.push(Message::Void { oid: oid(1) });
    records.extend(file(2, &[b'x'; 3000]).into_iter().take(2));
    records.extend([Message::Void { oid: oid(2) }, dir(3), link(ROOT, "d", 3), link(ROOT, "g", 1)]);
    session.live(2, &records);
    assert_eq!(rig.tree(), ["d/", "f = old", "g = old"]);
    assert!(rig.staging_is_empty());
    // Nothing of it counts, so that its names come with it the next time.
    let mut records = file(2, b"whole");
    records.push(link(ROOT, "h", 2));
    session.live(3, &records);
    assert_eq!(rig.tree(), ["d/", "f = old", "g = old", "h = whole"]);
}
