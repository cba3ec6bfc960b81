//! The files as they lie: how long they are, and words that must not stay in them.

use crate::workspace::root;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Ceiling of a source file without its tests.
const LINES_MAX: usize = 500;
/// Ceiling of a file of tests.
const TEST_LINES_MAX: usize = 1000;

/// Directories that hold nothing people wrote.
const LEFT_OUT: &[&str] = &["target", ".git"];

/// Every file, relative to the root, in order.
pub fn files() -> Vec<PathBuf> {
    let (mut files, mut directories) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            let left_out = LEFT_OUT.iter().any(|name| path == Path::new(name));
            match (kind.is_dir(), left_out) {
                (_, true) => {}
                (true, _) => directories.push(path),
                (false, _) => files.push(path),
            }
        }
    }
    files.sort();
    files
}

fn texts() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter_map(|path| {
        let bytes = fs::read(root().join(&path)).ok()?;
        Some((path, String::from_utf8(bytes).ok()?))
    })
}

#[test]
fn no_file_is_too_long() {
    let sources = texts().filter(|(path, _)| path.extension().is_some_and(|e| e == "rs"));
    let long: Vec<_> = sources
        .filter_map(|(path, text)| {
            let (lines, limit) = if is_test(&path) {
                (text.lines().count(), TEST_LINES_MAX)
            } else {
                (lines_without_tests(&text), LINES_MAX)
            };
            (lines > limit).then(|| format!("{} has {lines} lines, {limit} are the limit", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem == "tests" || stem.ends_with("_tests") || path.iter().any(|part| part == "tests")
}

/// Tests stand at the end of a file.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    tests.unwrap_or(lines.len())
}

/// Written in two halves, so that this file does not hold them.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("to", "do!(", "unfinished code"),
    ("unimpl", "emented!(", "unfinished code"),
    ("FIX", "ME", "unfinished code"),
    ("XX", "X:", "unfinished code"),
    ("/wo", "rk/main", "a path of one machine"),
    ("/wo", "rk/shared", "a path of one machine"),
    ("/tmp/b", "rief", "a path of one machine"),
    ("/root/.c", "argo", "a path of one machine"),
    ("index.crates", ".io:", "a package registry of one machine"),
    ("artif", "actory", "a package registry of one machine"),
    ("BEGIN PRIVATE", " KEY", "a secret"),
];

#[test]
fn no_forbidden_word_stays() {
    let mut found = Vec::new();
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            for (head, tail, why) in FORBIDDEN {
                if line.contains(&format!("{head}{tail}")) {
                    found.push(format!("{}:{}: `{head}{tail}` is {why}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn test_code_at_the_end_is_not_counted() {
    assert_eq!(lines_without_tests("a\n#[cfg(test)]\nmod tests {\nb\n}\n"), 1);
    assert_eq!(lines_without_tests("a\n#[cfg(test)]\nmod tests;\n"), 3);
    assert!(is_test(Path::new("a/src/b/tests.rs")) && !is_test(Path::new("a/src/b.rs")));
}
