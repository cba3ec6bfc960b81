//! The examples: the good ones read clean, each broken one gives its code.

#![allow(clippy::unwrap_used)]

use manifest::{Set, Severity, codes, read, render, text};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Codes about several files at once, which a single one cannot show.
const OF_PROJECTS: &str = "DR07";

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
    for (story, objects) in [("files", 3), ("web", 3)] {
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
    let all = codes::ALL.iter().map(|(code, ..)| *code).filter(|code| !code.starts_with(OF_PROJECTS));
    assert_eq!(met, all.map(str::to_owned).collect(), "every code has a broken example");
}

/// Each is a directory of its own, whose project file names the overlay as well: `# expect: DR0702 with --overlay x`.
#[test]
fn each_broken_project_gives_its_code() {
    let mut met = BTreeSet::new();
    let mut directories: Vec<PathBuf> =
        fs::read_dir(examples().join("broken")).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.retain(|path| path.is_dir());
    directories.sort();
    for directory in directories {
        let text = fs::read_to_string(directory.join("standin.yaml")).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("# expect: ").unwrap();
        let (code, overlay) = match expected.split_once(" with --overlay ") {
            Some((code, overlay)) => (code, Some(overlay)),
            None => (expected, None),
        };
        let loaded = manifest::load(&directory, overlay).unwrap();
        let set = manifest::read_loaded(&loaded, &manifest::Surroundings::default());
        let found: Vec<&str> = set.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(found, [code], "{}", shown(&set, &loaded.files));
        met.insert(code.to_owned());
    }
    let all = codes::ALL.iter().map(|(code, ..)| *code).filter(|code| code.starts_with(OF_PROJECTS));
    assert_eq!(met, all.map(str::to_owned).collect(), "every code of projects has a broken example");
}

#[test]
fn all_broken_examples_at_once_still_give_every_code() {
    let files = load(&examples().join("broken"));
    let set = read(&files);
    let found: BTreeSet<&str> = set.findings.iter().map(|finding| finding.code).collect();
    let all = codes::ALL.iter().map(|(code, ..)| *code).filter(|code| !code.starts_with(OF_PROJECTS));
    assert_eq!(found, all.collect());
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
