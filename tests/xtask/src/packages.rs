//! Programs of the system that tests use, and the Debian packages they come from.

use crate::process::{command, succeeds};
use std::path::Path;

/// Program and package. Tests that miss one say so and are skipped.
const PACKAGES: &[(&str, &str)] = &[
    ("rsync", "rsync"),
    ("nginx", "nginx-light"),
    ("setfacl", "acl"),
    ("setfattr", "attr"),
    ("mount", "mount"),
    ("losetup", "mount"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("git", "git"),
    ("tar", "tar"),
];

/// What `cargo xtask bench` measures ours beside. A side whose program is missing is left out.
const PEERS: &[(&str, &str)] =
    &[("rsync", "rsync"), ("lsyncd", "lsyncd"), ("syncthing", "syncthing"), ("findmnt", "util-linux")];

/// Installs what is missing when we may; otherwise says what tests will miss.
pub fn ensure() {
    ensure_all(PACKAGES, "some tests will be skipped");
}

pub fn ensure_peers() {
    ensure_all(PEERS, "some sides will not be measured");
}

fn ensure_all(programs: &[(&str, &str)], or_else: &str) {
    let missing: Vec<_> = programs.iter().filter(|(program, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return;
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    let names = packages.join(" ");
    if !may_install() {
        println!("{or_else}: as root on Debian, `apt-get install {names}` brings what they use");
        return;
    }
    println!("installing {names}");
    let mut install = command("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "--no-install-recommends"]);
    let installed = succeeds(command("apt-get").arg("update")) && succeeds(install.args(&packages));
    if !installed {
        println!("they could not be installed; {or_else}");
    }
}

fn may_install() -> bool {
    let root = command("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    root && is_there("apt-get")
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into);
    std::env::split_paths(&path)
        .chain(administrators)
        .any(|dir: std::path::PathBuf| Path::new(&dir).join(program).is_file())
}
