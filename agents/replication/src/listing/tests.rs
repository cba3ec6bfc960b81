use super::*;
use crate::root::{RootConfig, Side};
use std::os::unix::fs::symlink;

fn held(dir: &tempfile::TempDir, exclude: &[&str]) -> HeldRoot {
    let exclude = exclude.iter().map(|glob| (*glob).to_owned()).collect();
    let config = RootConfig {
        name: "data".into(),
        path: dir.path().join("root"),
        exclude,
        preserve: crate::preserve::Preserve::ALL,
    };
    HeldRoot::open("shop", 0, &config, &dir.path().join("state"), Side::Target).unwrap()
}

fn paths(listing: &mut Listing<'_>) -> Vec<String> {
    listing.map(|entry| String::from_utf8_lossy(&entry.unwrap().path).into_owned()).collect()
}

#[test]
fn the_order_is_that_of_whole_paths() {
    let dir = tempfile::tempdir().unwrap();
    let root = [held(&dir, &[])];
    let top = dir.path().join("root");
    for path in ["a/x/y", "a-b", "a0/z", "a/x-1", "b"] {
        std::fs::create_dir_all(top.join(path)).unwrap();
    }
    symlink("/etc", top.join("link")).unwrap();
    let mut listing = Listing::new(&root, Wanted::default(), &|| false);
    let got = paths(&mut listing);
    let mut sorted = got.clone();
    sorted.sort();
    assert_eq!(got, sorted);
    assert_eq!(got, ["", "a", "a-b", "a/x", "a/x-1", "a/x/y", "a0", "a0/z", "b", "link"]);
    assert_eq!((listing.unreadable(), listing.not_replicated()), (0, 0));
}

#[test]
fn excluded_and_foreign_kinds_are_left_out_and_links_share_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let root = [held(&dir, &["*.log", "cache/"])];
    let top = dir.path().join("root");
    std::fs::create_dir_all(top.join("cache/deep")).unwrap();
    std::fs::write(top.join("x.log"), "").unwrap();
    std::fs::write(top.join("one"), "content").unwrap();
    std::fs::hard_link(top.join("one"), top.join("two")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(top.join("socket")).unwrap();
    let mut listing = Listing::new(&root, Wanted { digests: true }, &|| false);
    let entries: Vec<_> = listing.by_ref().map(Result::unwrap).collect();
    assert_eq!(entries.iter().map(|e| e.path.as_slice()).collect::<Vec<_>>(), [b"".as_slice(), b"one", b"two"]);
    assert_eq!(entries[1].object, entries[2].object);
    assert_eq!(entries[1].hash, Some(content::hash_bytes(b"content")));
    assert_eq!(listing.not_replicated(), 1);
}

#[test]
fn a_tree_deeper_than_the_open_directories_is_walked() {
    let dir = tempfile::tempdir().unwrap();
    let root = [held(&dir, &[])];
    let mut at = beneath::open_dir(root[0].fd(), b"").unwrap();
    for depth in 0..200 {
        std::fs::write(format!("/proc/self/fd/{}/z{depth}", std::os::fd::AsRawFd::as_raw_fd(&at)), "").unwrap();
        beneath::mkdir(at.as_fd(), &[b'd'; 100]).unwrap();
        at = beneath::open_subdir(at.as_fd(), &[b'd'; 100]).unwrap();
    }
    let mut listing = Listing::new(&root, Wanted::default(), &|| false);
    assert_eq!(listing.by_ref().count(), 401);
    assert_eq!(listing.unreadable(), 0);
}

/// A root with five files of a megabyte, each of which is read in four blocks.
fn large() -> (tempfile::TempDir, [HeldRoot; 1]) {
    let dir = tempfile::tempdir().unwrap();
    let root = [held(&dir, &[])];
    for at in 0..5 {
        std::fs::write(dir.path().join("root").join(at.to_string()), vec![at; 1 << 20]).unwrap();
    }
    (dir, root)
}

#[test]
fn a_walk_that_is_stopped_ends_with_that_wherever_it_is_and_never_as_a_whole_one() {
    let (_dir, root) = large();
    let asked = std::cell::Cell::new(0u32);
    let mut listed = Vec::new();
    for limit in 0.. {
        asked.set(0);
        let stopped = || {
            asked.set(asked.get() + 1);
            asked.get() > limit
        };
        let mut listing = Listing::new(&root, Wanted { digests: true }, &stopped);
        let found: Result<Vec<_>, _> = listing.by_ref().collect();
        match found {
            Ok(found) => {
                assert_eq!((found.len(), listing.unreadable()), (6, 0));
                break;
            }
            Err(error) => {
                assert!(matches!(error, SessionError::Stopped) && listing.next().is_none(), "{error}");
                // The question is asked again on the way out, and no further block is read.
                assert!(asked.get() <= limit + 2, "{} questions of {limit}", asked.get());
                listed.push(limit);
            }
        }
    }
    assert!(listed.len() >= 5 * 5, "asked for each block and each entry: {}", listed.len());
}
