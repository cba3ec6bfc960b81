//! Foreign crates: where they come from and which are not wanted, without a tool to install.

use crate::workspace::{packages, root};
use std::fs;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn dependencies_come_from_the_public_registry_only() {
    for package in packages().values().filter(|package| !package.ours) {
        assert_eq!(package.source.as_deref(), Some(REGISTRY), "{}", package.name);
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for line in lock.lines().filter(|line| line.starts_with("source = ")) {
        assert_eq!(line, format!("source = \"{REGISTRY}\""));
    }
}

#[test]
fn dependencies_have_none_that_is_banned() {
    let rules = fs::read_to_string(root().join("deny.toml")).unwrap();
    let banned: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next()).collect();
    assert!(banned.contains(&"openssl-sys"), "the list in deny.toml was found");
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in banned {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is banned by deny.toml");
    }
}
