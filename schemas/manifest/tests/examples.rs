//! The examples: the good ones read clean, each broken one gives its code.

#![allow(clippy::unwrap_used)]

use manifest::{Finding, Set, codes, read, render, text};
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

/// Codes and places, as the first line of a broken example names them: `# expect: DR0101 13:7, DR0105 19:34`.
fn expected(path: &str, text: &str) -> Vec<String> {
    let first = text.lines().next().unwrap_or_default();
    let list = first.strip_prefix("# expect: ").unwrap_or_else(|| panic!("{path}: {first}"));
    list.split(", ").map(str::to_owned).collect()
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
fn each_broken_example_gives_its_code_and_its_place() {
    let mut met = BTreeSet::new();
    for file in load(&examples().join("broken")) {
        let expected = expected(&file.0, &file.1);
        let files = [file];
        let set = read(&files);
        let place = |finding: &Finding| {
            let at = render::position(&files[0].1, finding.span.start);
            format!("{} {}:{}", finding.code, at.line, at.column)
        };
        let found: Vec<String> = set.findings.iter().map(place).collect();
        assert_eq!(found, expected, "{}\n{}", files[0].0, shown(&set, &files));
        let codes: BTreeSet<&str> = set.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.len(), 1, "{} is about one code", files[0].0);
        assert!(set.findings.iter().all(|f| f.object.is_some() || f.code < "DR0100" || f.code == "DR0102"), "{set:?}");
        met.extend(codes.into_iter().map(str::to_owned));
    }
    let all = codes::ALL.iter().map(|(code, ..)| *code).filter(|code| !code.starts_with(OF_PROJECTS));
    assert_eq!(met, all.map(str::to_owned).collect(), "every code has a broken example");
}

/// Each is a directory of its own, whose project file says what is found in which file, and with which overlay:
/// `# expect: DR0702 production/mx01.yaml:3:18 with --overlay production`.
#[test]
fn each_broken_project_gives_its_code() {
    let mut met = BTreeSet::new();
    let mut directories: Vec<PathBuf> =
        fs::read_dir(examples().join("broken-projects")).unwrap().map(|entry| entry.unwrap().path()).collect();
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
        let found = set.findings.iter().map(|finding| {
            let (path, text) = &loaded.files[finding.file];
            let file = Path::new(path).strip_prefix(&directory).unwrap().display().to_string();
            let at = render::position(text, finding.span.start);
            format!("{} {file}:{}:{}", finding.code, at.line, at.column)
        });
        assert_eq!(found.collect::<Vec<_>>(), [code], "{}", shown(&set, &loaded.files));
        met.insert(code.split(' ').next().unwrap().to_owned());
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

/// What is found after fixes have been made until there are none.
fn fixed(path: &str, text: &str) -> (String, Set) {
    let mut text = text.to_owned();
    for _ in 0..5 {
        let set = read(&[(path, &text)]);
        let Some(next) = render::fixed(&set.findings, 0, &text) else { return (text, set) };
        text = next;
    }
    panic!("{path}: fixes have no end\n{text}");
}

#[test]
fn a_safe_fix_does_away_with_its_finding() {
    let mut made = 0;
    for (path, text) in load(&examples().join("broken")) {
        let set = read(&[(&path, &text)]);
        let safe = set.findings.iter().filter(|f| f.fix.as_ref().is_some_and(|fix| fix.safe)).count();
        let (after, found) = fixed(&path, &text);
        assert_eq!(after != text, safe > 0, "{path}");
        assert_eq!(found.findings.len(), set.findings.len() - safe, "{path}\n{after}");
        let comments = |text: &str| text.matches(" # ").count();
        assert_eq!((after.lines().count(), comments(&after)), (text.lines().count(), comments(&text)), "{path}");
        made += safe;
    }
    assert!(made >= 12, "{made} fixes");
}
