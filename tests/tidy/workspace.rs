//! What cargo knows of the workspace.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// One package, ours or foreign, with the packages it needs on this machine.
pub struct Package {
    pub name: String,
    pub ours: bool,
    pub source: Option<String>,
    pub manifest: PathBuf,
    /// The first file of each library, binary, test, bench and example.
    pub entries: Vec<PathBuf>,
    pub normal: BTreeSet<String>,
    /// Needed by tests or build scripts.
    pub other: BTreeSet<String>,
}

/// Packages by their id, which no two share as names may.
pub fn packages() -> &'static BTreeMap<String, Package> {
    static PACKAGES: OnceLock<BTreeMap<String, Package>> = OnceLock::new();
    PACKAGES.get_or_init(read)
}

pub fn ours() -> impl Iterator<Item = &'static Package> {
    packages().values().filter(|package| package.ours)
}

/// The ids of everything a package needs to be built and run, itself included.
pub fn closure(name: &str) -> BTreeSet<&'static str> {
    let (first, _) = packages().iter().find(|(_, package)| package.ours && package.name == name).unwrap();
    let (mut seen, mut next) = (BTreeSet::new(), vec![first.as_str()]);
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(packages()[id].normal.iter().map(String::as_str));
        }
    }
    seen
}

fn read() -> BTreeMap<String, Package> {
    let metadata = metadata();
    let members: BTreeSet<&str> = texts(&metadata["workspace_members"]).collect();
    let described: BTreeMap<&str, &Value> = list(&metadata["packages"]).map(|p| (text(&p["id"]), p)).collect();
    list(&metadata["resolve"]["nodes"])
        .map(|node| {
            let id = text(&node["id"]);
            (id.to_owned(), package(described[id], node, members.contains(id)))
        })
        .collect()
}

/// Only what this platform needs: everything else need not be on this machine.
fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let platform = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", platform])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn package(described: &Value, node: &Value, ours: bool) -> Package {
    let needs = |normal: bool| {
        let of_kind = move |dep: &&Value| list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null() == normal);
        list(&node["deps"]).filter(of_kind).map(|dep| text(&dep["pkg"]).to_owned()).collect()
    };
    Package {
        name: text(&described["name"]).to_owned(),
        ours,
        source: described["source"].as_str().map(str::to_owned),
        manifest: text(&described["manifest_path"]).into(),
        entries: list(&described["targets"]).map(|target| text(&target["src_path"]).into()).collect(),
        normal: needs(true),
        other: needs(false),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value).map(text)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
