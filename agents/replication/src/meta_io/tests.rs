use super::*;
use crate::beneath;
use rustix::fs::{FileType, OFlags};
use std::os::fd::{AsFd, OwnedFd};

fn root(dir: &tempfile::TempDir) -> OwnedFd {
    fs::open(dir.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

fn meta_of(root: &OwnedFd, name: &[u8]) -> Meta {
    let entry = beneath::open_entry(root.as_fd(), name).unwrap();
    read_meta(entry.as_fd(), &beneath::stat(entry.as_fd()).unwrap(), Preserve::ALL).unwrap()
}

/// Applies `meta` to `name`, reads it back and returns the problems told.
fn round(root: &OwnedFd, name: &[u8], meta: &Meta) -> Vec<String> {
    let entry = beneath::open_entry(root.as_fd(), name).unwrap();
    let mut problems = Vec::new();
    apply_meta(entry.as_fd(), meta, Preserve::ALL, &mut |problem| problems.push(problem)).unwrap();
    if problems.is_empty() {
        assert_eq!(&meta_of(root, name), meta);
    }
    problems
}

#[test]
fn every_kind_is_read_and_set_without_blocking() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    let long = vec![b'l'; 4095];
    beneath::create_file(root.as_fd(), b"file").unwrap();
    beneath::mkdir(root.as_fd(), b"dir").unwrap();
    beneath::symlink(b"nowhere", root.as_fd(), b"dangling").unwrap();
    beneath::symlink(&long, root.as_fd(), b"long").unwrap();
    beneath::mknod(root.as_fd(), b"fifo", FileType::Fifo, 0).unwrap();
    assert_eq!(meta_of(&root, b"long").link, long);
    for name in [b"file".as_slice(), b"dir", b"dangling", b"long", b"fifo"] {
        let mut meta = meta_of(&root, name);
        for mtime in [(-1, 999_999_999), (-2_000_000_000, 1), (1_700_000_000, 123_456_789)] {
            meta.mtime = mtime;
            if meta.kind != ObjectKind::Symlink {
                meta.mode = 0o6751;
            }
            assert_eq!(round(&root, name, &meta), Vec::<String>::new());
            meta.mode &= 0o777;
            if meta.kind != ObjectKind::Symlink {
                meta.mode = 0;
            }
            assert_eq!(round(&root, name, &meta), Vec::<String>::new());
        }
    }
}

/// ext4 has room for 4 KiB of them in an object and says that the disk is full.
#[test]
fn more_attributes_than_the_file_system_holds_are_told_and_stop_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    beneath::create_file(root.as_fd(), b"f").unwrap();
    let mut meta = meta_of(&root, b"f");
    meta.xattrs = vec![(b"user.long".to_vec(), vec![b'x'; 5000]), (b"user.short".to_vec(), b"y".to_vec())];
    for problem in round(&root, b"f", &meta) {
        assert!(problem.starts_with("attribute user.long could not be set"), "{problem}");
    }
    assert!(meta_of(&root, b"f").xattrs.contains(&meta.xattrs[1]));
}

#[test]
fn attributes_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    beneath::create_file(root.as_fd(), b"f").unwrap();
    let mut meta = meta_of(&root, b"f");
    meta.mode = 0o440;
    meta.xattrs = vec![(b"user.a".to_vec(), vec![0, 1, 2]), (b"user.empty".to_vec(), Vec::new())];
    let problems = round(&root, b"f", &meta);
    assert_eq!(problems, Vec::<String>::new());
    meta.xattrs = vec![(b"user.b".to_vec(), vec![7; 2000])];
    assert_eq!(round(&root, b"f", &meta), Vec::<String>::new());
    meta.xattrs.clear();
    assert_eq!(round(&root, b"f", &meta), Vec::<String>::new());
}

/// An ACL in its stored form: version 2, then (tag, permissions, id) for owner, user 1234, group, mask and others.
fn acl() -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1_u16, 6_u16, u32::MAX), (2, 4, 1234), (4, 4, u32::MAX), (0x10, 6, u32::MAX), (0x20, 0, u32::MAX)]
    {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

#[test]
fn access_lists_are_exact_with_their_mask() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    beneath::create_file(root.as_fd(), b"f").unwrap();
    let mut meta = meta_of(&root, b"f");
    meta.mode = 0o660;
    meta.xattrs = vec![(ACL_ACCESS.to_vec(), acl())];
    let problems = round(&root, b"f", &meta);
    assert!(problems.is_empty() || problems[0].contains("not supported"), "{problems:?}");
    meta.xattrs.clear();
    meta.mode = 0o600;
    round(&root, b"f", &meta);
}

#[test]
fn owners_are_set_by_root_and_told_by_others() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    beneath::create_file(root.as_fd(), b"f").unwrap();
    let mut meta = meta_of(&root, b"f");
    (meta.uid, meta.gid, meta.mode) = (12_345, 3_000_000_000, 0o6755);
    let problems = round(&root, b"f", &meta);
    if !rustix::process::geteuid().is_root() {
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(meta_of(&root, b"f").mode, 0o755);
    }
}
