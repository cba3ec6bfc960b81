use super::*;
use crate::root::{RootConfig, Side};
use std::os::unix::fs::symlink;

fn held(dir: &tempfile::TempDir, exclude: &[&str]) -> HeldRoot {
    let exclude = exclude.iter().map(|glob| (*glob).to_owned()).collect();
    let config = RootConfig { name: "data".into(), path: dir.path().join("root"), exclude };
    HeldRoot::open("shop", 0, &config, &dir.path().join("state"), Side::Target).unwrap()
}

fn paths(listing: &mut Listing<'_>) -> Vec<String> {
    listing.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).collect()
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
    let mut listing = Listing::new(&root, Wanted::default());
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
    let mut listing = Listing::new(&root, Wanted { digests: true });
    let entries: Vec<_> = listing.by_ref().collect();
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
    let mut listing = Listing::new(&root, Wanted::default());
    assert_eq!(listing.by_ref().count(), 401);
    assert_eq!(listing.unreadable(), 0);
}
