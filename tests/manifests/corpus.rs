//! The manifests that editors are asked about.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Codes of mistakes that a JSON Schema can express. The others are about YAML itself, or about how fields and objects
/// fit together.
const OF_THE_SCHEMA: [&str; 8] = ["DR0007", "DR0101", "DR0102", "DR0103", "DR0104", "DR0105", "DR0106", "DR0107"];

pub const TEMPLATES: [&str; 4] = ["mail", "web", "files", "database"];

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub fn schema() -> PathBuf {
    repository().join("schemas/v1alpha1/manifest.json")
}

/// Every example that is right, and everything that `init` writes below `directory`. Mended examples are left out: they
/// have no modelines, since they differ from broken ones in nothing but what is mended.
pub fn good(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(repository().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = entry_name(&path);
        let left_out = name == "ci" || ["broken", "mended"].iter().any(|start| name.starts_with(start));
        if path.is_dir() && !left_out {
            yaml_below(&path, &mut files);
        }
    }
    assert!(files.len() >= 4, "{files:?}");
    for template in TEMPLATES {
        let project = directory.join(template);
        let output = Command::new(testkit::standin().unwrap())
            .args(["init", "--template", template])
            .arg(&project)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        yaml_below(&project, &mut files);
    }
    files.sort();
    files
}

/// Every broken example that a schema can find out.
pub fn broken() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(repository().join("examples/broken")).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).unwrap_or_default();
        let code = expected.split(' ').next().unwrap_or_default();
        if path.is_file() && OF_THE_SCHEMA.contains(&code) {
            files.push(path);
        }
    }
    files.sort();
    assert!(files.len() > 10, "{files:?}");
    files
}

/// The documents of a file, each as a text of its own.
pub fn documents(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let documents = text.split("\n---\n").map(|document| format!("{}\n", document.trim_end()));
    documents
        .filter(|document| document.lines().any(|line| !line.starts_with('#') && !line.trim().is_empty()))
        .collect()
}

fn entry_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn yaml_below(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_below(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
}
