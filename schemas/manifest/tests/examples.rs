//! The examples: the good ones read clean, each broken one gives its code.

#![allow(clippy::unwrap_used)]

use manifest::{Set, Severity, codes, read, render, text};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn load(directory: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let yaml = paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    yaml.map(|path| {
        let name = path.strip_prefix(examples().parent().unwrap()).unwrap().to_str().unwrap().to_owned();
        (name, text(&fs::read(&path).unwrap()))
    })
    .collect()
}

fn shown(set: &Set, files: &[(String, String)]) -> String {
    render::render_full(&set.findings, files, false, false) + &render::summary(set)
}

#[test]
fn the_stories_read_clean() {
    for (story, objects) in [("files", 3), ("web", 4)] {
        let files = load(&examples().join(story));
        let set = read(&files);
        assert!(set.findings.is_empty(), "{}", shown(&set, &files));
        assert_eq!(set.objects.len(), objects);
        for (path, text) in &files {
            let documents = text.split("\n---\n").count();
            let modelines =
                text.matches("# yaml-language-server: $schema=../../schemas/v1alpha1/manifest.json").count();
            assert_eq!(documents, modelines, "{path}: an editor checks only documents with their own modeline");
        }
    }
}

#[test]
fn every_object_of_the_stories_written_out_is_no_change() {
    for story in ["files", "web"] {
        let files = load(&examples().join(story));
        for object in read(&files).objects.into_iter().map(|located| located.object) {
            let mut written = files.clone();
            written.retain(|(_, text)| !text.contains(&format!("kind: {}\n", object.kind())));
            written.insert(0, ("written.yaml".to_owned(), manifest::to_yaml(&object)));
            let back = read(&written).objects.into_iter().map(|located| located.object).next().unwrap();
            assert_eq!(manifest::diff(Some(&object), &back), [], "{}", object.name());
            assert_eq!(object, back);
        }
    }
}

#[test]
fn each_broken_example_gives_its_code() {
    let mut met = BTreeSet::new();
    for file in load(&examples().join("broken")) {
        let first = file.1.lines().next().unwrap_or_default();
        let expected = first.strip_prefix("# expect: ").unwrap_or_else(|| panic!("{}: {first}", file.0)).to_owned();
        let files = [file];
        let set = read(&files);
        let found: BTreeSet<&str> = set.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, BTreeSet::from([expected.as_str()]), "{}\n{}", files[0].0, shown(&set, &files));
        assert!(set.findings.iter().all(|f| f.object.is_some() || f.code < "DR0100" || f.code == "DR0102"), "{set:?}");
        met.insert(expected);
    }
    let all: BTreeSet<String> = codes::ALL.iter().map(|(code, ..)| (*code).to_owned()).collect();
    assert_eq!(met, all, "every code has a broken example");
}

#[test]
fn all_broken_examples_at_once_still_give_every_code() {
    let files = load(&examples().join("broken"));
    let set = read(&files);
    let found: BTreeSet<&str> = set.findings.iter().map(|finding| finding.code).collect();
    assert_eq!(found, codes::ALL.iter().map(|(code, ..)| *code).collect());
    let order: Vec<_> = set.findings.iter().map(|f| (f.file, f.span.start)).collect();
    assert!(order.is_sorted());
}

#[test]
fn a_safe_fix_does_away_with_its_finding() {
    for (path, text) in load(&examples().join("broken")) {
        let set = read(&[(&path, &text)]);
        let safe = set.findings.iter().filter(|f| f.fix.as_ref().is_some_and(|fix| fix.safe)).count();
        let fixed = render::fixed(&set.findings, 0, &text);
        assert_eq!(fixed.is_some(), safe > 0, "{path}");
        if let Some(fixed) = fixed {
            let after = read(&[(&path, &fixed)]);
            assert_eq!(after.count(Severity::Error), set.count(Severity::Error) - safe, "{path}\n{fixed}");
        }
    }
}
