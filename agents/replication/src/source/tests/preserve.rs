//! What is to be kept is kept, and the rest is neither sent nor compared nor touched.

use super::{
    lab::{Lab, barrier, eventually},
    stream::Pair,
};
use crate::{preserve::Preserve, source::FollowOptions};
use model::{
    agent_status::Capture,
    elements::{preserve::Loss, synchronization::Synchronization},
};
use rustix::fs::{XattrFlags, getxattr, listxattr, removexattr, setxattr};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
};

/// `cap_net_bind_service=ep`, version 2: linux/capability.h.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const CAPABILITY_NAME: &str = "security.capability";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An access list in its stored form: version 2, then (tag, permissions, id) for owner, `user`, group, mask and others.
fn acl(user: u32) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1_u16, 6_u16, u32::MAX), (2, 4, user), (4, 4, u32::MAX), (0x10, 6, u32::MAX), (0x20, 0, u32::MAX)]
    {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

/// Gives a file something of everything that can be kept, different for each `n`.
fn dress(path: &Path, n: u32) {
    if is_root() {
        chown(path, Some(1000 + n), Some(2000 + n)).unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o4750 + n)).unwrap();
    setxattr(path, "user.dress", &[n as u8], XattrFlags::empty()).unwrap();
    setxattr(path, "system.posix_acl_access", &acl(n), XattrFlags::empty()).unwrap();
    if is_root() {
        setxattr(path, CAPABILITY_NAME, &CAPABILITY, XattrFlags::empty()).unwrap();
    }
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000 + u64::from(n), 7);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

fn value(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 4096];
    let length = getxattr(path, name, &mut buffer).ok()?;
    Some(buffer[..length].to_vec())
}

/// What of a file belongs to `what`, as text.
fn worn(path: &Path, what: Loss) -> String {
    let meta = fs::metadata(path).unwrap();
    match what {
        Loss::Ownership => format!("{}:{}", meta.uid(), meta.gid()),
        Loss::Permissions => format!("{:o}", meta.mode() & 0o777),
        Loss::Acls => format!("{:?}", value(path, "system.posix_acl_access")),
        Loss::Xattrs => format!("{:?}", value(path, "user.dress")),
        Loss::Security => format!("{:?}", value(path, CAPABILITY_NAME)),
        Loss::Timestamps => format!("{}.{}", meta.mtime(), meta.mtime_nsec()),
        other => panic!("{other:?} is nothing a file has"),
    }
}

const WORN: [Loss; 6] =
    [Loss::Ownership, Loss::Permissions, Loss::Acls, Loss::Xattrs, Loss::Security, Loss::Timestamps];

/// Replicates a dressed file and changes of it without `what`, and looks at each step.
fn without(pair: &Pair, what: Loss) {
    let (file, copy) = (pair.lab.root().join("f"), pair.replica().join("f"));
    fs::write(&file, "content").unwrap();
    dress(&file, 1);
    let kept = |other: &Loss| *other != what && (*other != Loss::Acls || what != Loss::Permissions);
    let source = pair.lab.open();
    let equal = |when: &str| {
        pair.caught_up(&source);
        for other in WORN.iter().filter(|other| kept(other)) {
            assert_eq!(worn(&copy, *other), worn(&file, *other), "{other:?} without {what:?}, {when}");
        }
        let found = pair.compared(&source);
        assert_eq!((found.differences, found.unreadable), (0, 0), "without {what:?}, {when}: {:?}", found.listed);
    };
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        equal("copied");
        // Times are set as well as it goes, and here that is exact.
        let is_set = what == Loss::Timestamps && pair.lossy[0].contains(&what);
        if !is_set && (is_root() || !matches!(what, Loss::Ownership | Loss::Security)) {
            assert_ne!(worn(&copy, what), worn(&file, what), "{what:?} was sent");
        }
        // What is there and not kept is the replica's own, and stays through changes of the rest.
        match what {
            Loss::Ownership if is_root() => chown(&copy, Some(77), Some(78)).unwrap(),
            Loss::Permissions => fs::set_permissions(&copy, fs::Permissions::from_mode(0o604)).unwrap(),
            Loss::Xattrs => setxattr(&copy, "user.dress", b"own", XattrFlags::empty()).unwrap(),
            _ => {}
        }
        let own = worn(&copy, what);
        dress(&file, 2);
        equal("changed");
        if what != Loss::Timestamps {
            assert_eq!(worn(&copy, what), own, "{what:?} was touched");
        }
        removexattr(&file, "user.dress").unwrap();
        equal("taken away");
    });
    let options = FollowOptions { force_mirror: true, lossy: pair.lossy.clone(), ..FollowOptions::default() };
    let _ = pair.session(&source, &options, None, || equal("synchronized"));
    assert_eq!(pair.target().report().problem, None);
}

#[test]
fn what_is_not_preserved_is_neither_sent_nor_compared_nor_touched() {
    for what in WORN {
        without(&Pair::new(Lab::preserving(Capture::Fanotify, Preserve::ALL.without(what))), what);
    }
}

#[test]
fn what_a_replica_may_be_without_is_neither_set_there_nor_compared() {
    for what in WORN {
        without(&Pair::without(Lab::new(Capture::Fanotify), [what].into()), what);
    }
}

/// A change of owner takes all of them away, at either end.
#[test]
fn set_id_bits_and_capabilities_survive_changes_of_owner() {
    if !is_root() {
        return;
    }
    let pair = Pair::new(Lab::new(Capture::Fanotify));
    let (root, replica) = (pair.lab.root(), pair.replica());
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let capable = |path: &Path| setxattr(path, CAPABILITY_NAME, &CAPABILITY, XattrFlags::empty()).unwrap();
    fs::write(root.join("f"), "x").unwrap();
    fs::create_dir(root.join("d")).unwrap();
    let worn = |path: &Path| {
        let meta = fs::metadata(path).unwrap();
        (meta.uid(), meta.gid(), meta.mode() & 0o7777, value(path, CAPABILITY_NAME))
    };
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        for (owner, bits) in [(1000, 0o6755), (2000, 0o4711), (0, 0o2755), (3000, 0o6777)] {
            chown(root.join("f"), Some(owner), Some(owner)).unwrap();
            mode(&root.join("f"), bits);
            capable(&root.join("f"));
            chown(root.join("d"), Some(owner), Some(owner)).unwrap();
            mode(&root.join("d"), 0o3770);
            pair.caught_up(&source);
            assert_eq!(worn(&replica.join("f")), (owner, owner, bits, Some(CAPABILITY.to_vec())));
            assert_eq!(worn(&replica.join("d")), (owner, owner, 0o3770, None));
            // New content beside them, which takes them away at the source as well.
            fs::write(root.join("f"), format!("by {owner}")).unwrap();
            pair.caught_up(&source);
            assert_eq!(worn(&replica.join("f")), worn(&root.join("f")));
        }
        chown(root.join("f"), Some(5), Some(5)).unwrap();
        pair.caught_up(&source);
        assert_eq!((worn(&replica.join("f")).2 & 0o6000, worn(&replica.join("f")).3), (0, None), "gone at the source");
        pair.assert_equal(&source);
    });
    assert_eq!(pair.target().report().problem, None);
}

#[test]
fn with_nothing_preserved_content_and_names_are() {
    let nothing = WORN.into_iter().fold(Preserve::ALL, Preserve::without);
    let pair = Pair::new(Lab::preserving(Capture::Fanotify, nothing));
    let root = pair.lab.root();
    fs::create_dir(root.join("dir")).unwrap();
    fs::write(root.join("dir/f"), "content").unwrap();
    dress(&root.join("dir/f"), 3);
    fs::hard_link(root.join("dir/f"), root.join("g")).unwrap();
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        let copy = pair.replica().join("g");
        let meta = fs::metadata(&copy).unwrap();
        let us = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        assert_eq!(((meta.uid(), meta.gid()), meta.mode() & 0o7777, meta.nlink()), (us, 0o600, 2));
        assert_eq!(listxattr(&copy, &mut [0_u8; 256]).unwrap(), 0);
        assert!(meta.modified().unwrap().elapsed().unwrap().as_secs() < 3600);
        assert_eq!(fs::read_to_string(pair.replica().join("dir/f")).unwrap(), "content");
        assert_eq!(pair.compared(&source).differences, 0);
    });
}

/// Equal times are no sign of equal content where nobody keeps times.
#[test]
fn times_that_are_not_kept_are_not_trusted() {
    let pair = Pair::new(Lab::preserving(Capture::Fanotify, Preserve::ALL.without(Loss::Timestamps)));
    fs::write(pair.lab.root().join("f"), "ours").unwrap();
    let source = pair.lab.open();
    let synchronization = Synchronization { skip_unchanged: true, ..Synchronization::default() };
    let options = FollowOptions { synchronization, ..FollowOptions::default() };
    fs::create_dir_all(pair.replica()).unwrap();
    fs::write(pair.replica().join("f"), "own!").unwrap();
    let _ = pair.session(&source, &options, None, || {
        pair.caught_up(&source);
        assert_eq!(fs::read_to_string(pair.replica().join("f")).unwrap(), "ours");
    });
}

#[test]
fn preserving_something_else_begins_a_new_lineage_and_synchronizes() {
    let mut lab = Lab::preserving(Capture::Fanotify, Preserve::ALL.without(Loss::Xattrs));
    fs::write(lab.root().join("f"), "x").unwrap();
    setxattr(lab.root().join("f"), "user.a", b"1", XattrFlags::empty()).unwrap();
    let lineage = |lab: &Lab| {
        let source = lab.open();
        barrier(&source);
        source.report().lineage
    };
    let first = lineage(&lab);
    assert_eq!(lineage(&lab), first, "the same again");
    let pair = Pair::new(lab);
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || pair.caught_up(&source));
    assert_eq!(value(&pair.replica().join("f"), "user.a"), None);
    drop(source);
    lab = pair.into_lab();
    lab.preserve(Preserve::ALL);
    let pair = Pair::new(lab);
    let source = pair.lab.open();
    barrier(&source);
    assert_ne!(source.report().lineage, first);
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        assert_eq!(value(&pair.replica().join("f"), "user.a").as_deref(), Some(b"1".as_slice()));
        pair.assert_equal(&source);
    });
}

#[test]
fn specials_are_left_out_and_counted_unless_they_are_wanted() {
    let mut lab = Lab::preserving(Capture::Fanotify, Preserve::ALL.without(Loss::Specials));
    let root = lab.root();
    let fifo = |name: &str| {
        rustix::fs::mknodat(rustix::fs::CWD, root.join(name), rustix::fs::FileType::Fifo, 0o640.into(), 0).unwrap();
    };
    ["a", "b"].iter().for_each(|name| fifo(name));
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    fs::write(root.join("file"), "x").unwrap();
    let pair = Pair::new(lab);
    let source = pair.lab.open();
    let skipped = || source.report().roots[0].skipped;
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        eventually("counted", || skipped() == 3);
        assert!(!pair.replica().join("a").exists());
        assert_eq!(pair.compared(&source).differences, 0);
        fs::remove_file(root.join("a")).unwrap();
        fs::write(root.join("file"), "y").unwrap();
        fifo("c");
        fs::rename(root.join("c"), root.join("d")).unwrap();
        // A fifo takes the place of a file.
        fs::write(root.join("turns"), "x").unwrap();
        pair.caught_up(&source);
        fs::remove_file(root.join("turns")).unwrap();
        fifo("turns");
        pair.caught_up(&source);
        eventually("counted again", || skipped() == 4);
        assert!(!pair.replica().join("turns").exists());
        assert_eq!(pair.compared(&source).differences, 0);
    });
    drop(source);
    lab = pair.into_lab();
    lab.preserve(Preserve::ALL);
    let pair = Pair::new(lab);
    let source = pair.lab.open();
    let _ = pair.session(&source, &FollowOptions::default(), None, || {
        pair.caught_up(&source);
        pair.assert_equal(&source);
        eventually("only the socket", || source.report().roots[0].skipped == 1);
    });
}
