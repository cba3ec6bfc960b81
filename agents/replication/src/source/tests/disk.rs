//! File systems of their own, for the time of a test.

use super::skip::{has, is_root, skip};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// Large enough for xfs, which makes none below 300 MiB.
const BYTES: u64 = 512 << 20;

/// A mounted file system, which goes when this is dropped.
pub struct Disk {
    directory: TempDir,
}

impl Disk {
    /// A file system of the kind that `mount -t` calls so: `tmpfs`, or one that has a `mkfs`.
    pub fn new(kind: &str) -> Option<Self> {
        if !is_root() || (kind != "tmpfs" && !has(&format!("mkfs.{kind}"))) {
            skip(&format!("needs root and mkfs.{kind}"));
            return None;
        }
        let disk = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(disk.path()).unwrap();
        let path = disk.path().display().to_string();
        if kind == "tmpfs" {
            run("mount", &["-t", "tmpfs", "-o", "size=256m", "none", &path]);
        } else {
            let image = disk.image();
            make(kind, &image, BYTES);
            run("mount", &["-t", kind, "-o", "loop", &image.display().to_string(), &path]);
        }
        Some(disk)
    }

    pub fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.path());
    }
}

/// Makes an image of `bytes` with a file system in it.
pub fn make(kind: &str, image: &Path, bytes: u64) {
    fs::File::create(image).unwrap().set_len(bytes).unwrap();
    let force = if kind == "ext4" { "-F" } else { "-f" };
    run(&format!("mkfs.{kind}"), &["-q", force, &image.display().to_string()]);
}

pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Unmounts what is mounted at `path`, also when it is in use.
pub fn unmount(path: &Path) {
    // It may not be mounted, or not any more.
    let _ = Command::new("umount").arg("-l").arg(path).output();
}
