use super::*;
use std::os::unix::fs::{PermissionsExt, symlink as std_symlink};

fn root(dir: &tempfile::TempDir) -> OwnedFd {
    fs::open(dir.path(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

#[test]
fn names_and_paths_are_checked() {
    for good in [b"a".as_slice(), b"...", b"-rf", b"\n", b"\xff", &[b'x'; 255]] {
        assert!(valid_name(good), "{good:?}");
    }
    for bad in [b"".as_slice(), b".", b"..", b"a/b", b"a\0", &[b'x'; 256]] {
        assert!(!valid_name(bad), "{bad:?}");
    }
    for bad in [b"/a".as_slice(), b"a/", b"a//b", b"a/../b", b"./a"] {
        assert!(!valid_path(bad), "{bad:?}");
    }
}

#[test]
fn nothing_outside_is_reached() {
    let outside = tempfile::tempdir().unwrap();
    let inside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    std_symlink(outside.path(), inside.path().join("way")).unwrap();
    let root = root(&inside);
    assert!(open_dir(root.as_fd(), b"way").is_err());
    assert!(open_path(root.as_fd(), b"way/secret").is_err());
    assert!(open_file(root.as_fd(), b"way").is_err());
    assert!(open_entry(root.as_fd(), b"way").is_ok());
    assert!(open_path(root.as_fd(), b"..").is_err());
    assert!(rename((root.as_fd(), b"way"), (root.as_fd(), b"../way")).is_err());
}

#[test]
fn deeper_than_the_path_limit() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    let name = [b'd'; 200];
    let mut at = open_dir(root.as_fd(), b"").unwrap();
    let mut path = Vec::new();
    for _ in 0..60 {
        mkdir(at.as_fd(), &name).unwrap();
        at = open_subdir(at.as_fd(), &name).unwrap();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
    }
    assert!(path.len() > 12_000);
    let deep = open_dir(root.as_fd(), &path).unwrap();
    assert_eq!(stat(deep.as_fd()).unwrap().st_ino, stat(at.as_fd()).unwrap().st_ino);
    remove_all(root.as_fd(), &name).unwrap();
    assert_eq!(names(root.as_fd()).unwrap(), Vec::<Vec<u8>>::new());
}

#[test]
fn removal_follows_no_link_and_opens_closed_directories() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("t/closed/below")).unwrap();
    std::fs::create_dir(dir.path().join("kept")).unwrap();
    std::fs::write(dir.path().join("kept/file"), "x").unwrap();
    std_symlink("../kept", dir.path().join("t/link")).unwrap();
    std::fs::set_permissions(dir.path().join("t/closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
    remove_all(root(&dir).as_fd(), b"t").unwrap();
    assert!(!dir.path().join("t").exists());
    assert!(dir.path().join("kept/file").exists());
}

#[test]
fn a_handle_tells_a_reused_inode() {
    let dir = tempfile::tempdir().unwrap();
    let root = root(&dir);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let file = create_file(root.as_fd(), b"f").unwrap();
        let Some(handle) = file_handle(file.as_fd()) else {
            return; // This file system gives no handles; the inode number alone is used then.
        };
        assert!(seen.insert(handle));
        unlink(root.as_fd(), b"f").unwrap();
    }
}
