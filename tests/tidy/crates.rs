//! The crates, their edges and their manifests.

use crate::workspace::{closure, ours, packages, root};
use std::{collections::BTreeSet, fs};

/// Which of our crates each of them may use. A crate that is not named here is refused.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("manifest", &["model"]),
    ("wire", &["model"]),
    ("engine", &["model"]),
    ("controller", &["model", "manifest", "wire", "engine"]),
    ("replication", &["model"]),
    ("agent", &["model", "wire", "replication"]),
    ("standin", &["model", "manifest", "wire", "engine", "controller", "replication", "agent"]),
    ("acceptance", &["model", "manifest", "wire", "engine", "replication", "testkit"]),
    ("testkit", &["model", "wire"]),
    ("xtask", &[]),
];

/// Crates of tests, which any crate may use in its own tests.
const FOR_TESTS: &[&str] = &["testkit"];

/// Crates that decide or read and never wait for anything.
const WITHOUT_A_RUNTIME: &[&str] = &["model", "manifest", "engine"];

#[test]
fn crates_use_only_what_they_may() {
    let mut wrong = Vec::new();
    for package in ours() {
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            wrong.push(format!("{} is not in the table of edges", package.name));
            continue;
        };
        let names = |ids: &BTreeSet<String>| -> Vec<&str> {
            ids.iter().map(|id| &packages()[id]).filter(|p| p.ours).map(|p| p.name.as_str()).collect()
        };
        let normal = names(&package.normal).into_iter().filter(|used| !allowed.contains(used));
        let other =
            names(&package.other).into_iter().filter(|used| !allowed.contains(used) && !FOR_TESTS.contains(used));
        wrong.extend(normal.chain(other).map(|used| format!("{} may not use {used}", package.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_brain_has_no_runtime() {
    for name in WITHOUT_A_RUNTIME {
        let used: Vec<_> = closure(name).into_iter().map(|id| packages()[id].name.as_str()).collect();
        assert!(used.contains(name), "the closure is empty");
        for runtime in ["tokio", "mio", "hyper", "rustls"] {
            assert!(!used.contains(&runtime), "{name} needs {runtime}");
        }
    }
    assert!(!closure("replication").iter().any(|id| packages()[*id].name == "tokio"), "replication needs tokio");
    assert!(closure("wire").iter().any(|id| packages()[*id].name == "tokio"), "closures are computed");
}

#[test]
fn every_crate_keeps_the_lints_and_stays_private() {
    for package in ours() {
        let text = fs::read_to_string(&package.manifest).unwrap();
        let lints = text.split("[lints]").nth(1).unwrap_or_default().trim_start();
        assert!(lints.starts_with("workspace = true"), "{} lacks [lints] workspace = true", package.name);
        assert!(text.contains("publish.workspace = true"), "{} could be published", package.name);
    }
}

/// clippy takes the nearest file and does not merge it with the root's, so the rules of the root have to be repeated.
#[test]
fn the_strict_crates_repeat_the_rules_of_the_root() {
    let paths = |file: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(root().join(file)).unwrap();
        text.lines().filter_map(|line| Some(line.split("path = \"").nth(1)?.split('"').next()?.to_owned())).collect()
    };
    let common = paths("clippy.toml");
    assert!(!common.is_empty());
    for file in ["schemas/model/clippy.toml", "controller/engine/clippy.toml"] {
        let missing: Vec<_> = common.difference(&paths(file)).cloned().collect();
        assert!(missing.is_empty(), "{file} lacks {}", missing.join(", "));
    }
}
