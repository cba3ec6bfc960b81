//! Files of Rust that nothing compiles are forgotten ones: their tests never run.

use crate::{
    tree,
    workspace::{ours, root},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_source_file_is_compiled() {
    let mut reached = BTreeSet::new();
    for entry in ours().flat_map(|package| &package.entries) {
        follow(entry, &mut reached);
    }
    let forgotten: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs") && !reached.contains(&root().join(path)))
        .collect();
    assert!(reached.len() > 20, "modules are followed");
    assert!(forgotten.is_empty(), "no target and no `mod` reaches {forgotten:#?}");
}

/// Notes a file and everything it declares as a module.
fn follow(file: &Path, reached: &mut BTreeSet<PathBuf>) {
    let file = fs::canonicalize(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    if !reached.insert(file.clone()) {
        return;
    }
    let text = fs::read_to_string(&file).unwrap();
    for path in declared(&text, &file) {
        follow(&path, reached);
    }
}

/// The files a source file names by `mod x;`, by `#[path = ".."]`, by `include!`, or in the list of a macro that
/// declares modules.
fn declared(text: &str, file: &Path) -> Vec<PathBuf> {
    let parent = file.parent().unwrap();
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let is_entry = ours().flat_map(|package| &package.entries).any(|entry| entry == file);
    let home = if is_entry || stem == "mod" { parent.to_owned() } else { parent.join(stem) };
    let (mut files, mut named) = (Vec::new(), None);
    let has_list = text.contains("mod $");
    for line in text.lines().map(str::trim) {
        if has_list && let Some(listed) = line.strip_suffix(',').map(|name| place(&home, name)).filter(|p| p.exists()) {
            files.push(listed);
        } else if let Some(path) = between(line, "#[path = \"", "\"") {
            named = Some(parent.join(path));
        } else if let Some(path) = between(line, "include!(\"", "\"") {
            files.push(parent.join(path));
        } else if let Some(name) = module(line) {
            files.push(named.take().unwrap_or_else(|| place(&home, name)));
        }
    }
    files
}

fn place(home: &Path, name: &str) -> PathBuf {
    let flat = home.join(format!("{name}.rs"));
    if flat.exists() { flat } else { home.join(name).join("mod.rs") }
}

/// The name in `mod x;`, whatever its visibility.
fn module(line: &str) -> Option<&str> {
    let declaration = line.strip_suffix(';')?;
    let (visibility, name) = declaration.rsplit_once("mod ")?;
    let visible = visibility.is_empty() || visibility.trim() == "pub" || visibility.starts_with("pub(");
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (visible && is_name).then_some(name)
}

fn between<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    line.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

#[test]
fn modules_are_recognised() {
    assert_eq!(module("mod a;"), Some("a"));
    assert_eq!(module("pub(crate) mod tests;"), Some("tests"));
    assert_eq!(module("pub mod a_1;"), Some("a_1"));
    for other in ["mod a {", "use mod_a;", "// mod a;", "let mod_ = 1;", "mod $name;"] {
        assert_eq!(module(other), None, "{other}");
    }
}
