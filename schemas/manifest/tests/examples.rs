//! The examples: the good ones read clean, each broken one gives its code, each mended one gives none.

#![allow(clippy::unwrap_used)]

use manifest::{Finding, Loaded, Set, codes, read, render, text};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Codes about several files at once, which a single one cannot show.
const OF_PROJECTS: &str = "DR07";
/// Codes about accepting findings: their mended examples have one that is accepted.
const OF_ACCEPTANCES: [&str; 2] = ["DR0111", "DR0112"];
/// Most lines that a mended example has and the broken one has not, or the other way round.
const MENDED_LINES_MAX: usize = 6;

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

/// The directories in one of those of the examples, in order.
fn projects(name: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(examples().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read_project(directory: &Path, overlay: Option<&str>) -> (Loaded, Set) {
    let loaded = manifest::load(directory, overlay).unwrap();
    let set = manifest::read_loaded(&loaded, &manifest::Surroundings::default());
    (loaded, set)
}

/// Every code about several files, or every other one.
fn codes_of(projects: bool) -> BTreeSet<String> {
    let all = codes::ALL.iter().map(|(code, ..)| *code);
    all.filter(|code| code.starts_with(OF_PROJECTS) == projects).map(str::to_owned).collect()
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

/// What the first line of an example says behind `# word: `.
fn header<'a>(path: &str, text: &'a str, word: &str) -> &'a str {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix(&format!("# {word}: ")).unwrap_or_else(|| panic!("{path}: {first}"))
}

/// Codes and places, as the first line of a broken example names them: `# expect: DR0101 13:7, DR0105 19:34`.
fn expected(path: &str, text: &str) -> Vec<String> {
    header(path, text, "expect").split(", ").map(str::to_owned).collect()
}

/// What the first line of a project says behind `# word: `, and the overlay that it is read with.
fn header_of_project(directory: &Path, word: &str) -> (String, Option<String>) {
    let text = fs::read_to_string(directory.join("standin.yaml")).unwrap();
    let said = header(&directory.display().to_string(), &text, word);
    match said.split_once(" with --overlay ") {
        Some((said, overlay)) => (said.to_owned(), Some(overlay.to_owned())),
        None => (said.to_owned(), None),
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
    assert_eq!(met, codes_of(false), "every code has a broken example");
}

/// Each is a directory of its own, whose project file says what is found in which file, and with which overlay:
/// `# expect: DR0702 production/mx01.yaml:3:18 with --overlay production`.
#[test]
fn each_broken_project_gives_its_code() {
    let mut met = BTreeSet::new();
    for directory in projects("broken-projects") {
        let (code, overlay) = header_of_project(&directory, "expect");
        let (loaded, set) = read_project(&directory, overlay.as_deref());
        let found = set.findings.iter().map(|finding| {
            let (path, text) = &loaded.files[finding.file];
            let file = Path::new(path).strip_prefix(&directory).unwrap().display().to_string();
            let at = render::position(text, finding.span.start);
            format!("{} {file}:{}:{}", finding.code, at.line, at.column)
        });
        assert_eq!(found.collect::<Vec<_>>(), [code.as_str()], "{}", shown(&set, &loaded.files));
        met.insert(code.split(' ').next().unwrap().to_owned());
    }
    assert_eq!(met, codes_of(true), "every code of projects has a broken example");
}

/// How many lines below the first a text has and the other has not.
fn lines_more(text: &str, other: &str) -> usize {
    let mut left: Vec<&str> = other.lines().skip(1).collect();
    let is_new = |line: &&str| match left.iter().position(|other| other == line) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    text.lines().skip(1).filter(is_new).count()
}

/// Each has the name of a broken example, and says on its first line which mistake is no longer in it:
/// `# mended: DR0214`.
#[test]
fn each_mended_example_reads_clean() {
    let mut met = BTreeSet::new();
    for file in load(&examples().join("mended")) {
        let code = header(&file.0, &file.1, "mended").to_owned();
        let files = [file];
        let set = read(&files);
        assert!(set.findings.is_empty(), "{}\n{}", files[0].0, shown(&set, &files));
        assert!(!set.objects.is_empty() && set.objects.len() == set.documents, "{} is read whole", files[0].0);
        assert_eq!(!set.accepted.is_empty(), OF_ACCEPTANCES.contains(&code.as_str()), "{} is mended", files[0].0);
        met.insert(code);
    }
    assert_eq!(met, codes_of(false), "every code has a mended example");
}

#[test]
fn each_mended_example_is_a_broken_one_with_few_lines_changed() {
    let broken = load(&examples().join("broken"));
    for (path, text) in load(&examples().join("mended")) {
        let same = path.replace("/mended/", "/broken/");
        let (_, other) = broken.iter().find(|(path, _)| *path == same).unwrap_or_else(|| panic!("{path}: no {same}"));
        let code = header(&path, &text, "mended");
        let codes = expected(&same, other);
        assert!(codes.iter().any(|expected| expected.split(' ').next() == Some(code)), "{path}: {codes:?}");
        let (new, gone) = (lines_more(&text, other), lines_more(other, &text));
        assert!(new.max(gone) <= MENDED_LINES_MAX, "{path}: {new} lines are new, {gone} are gone");
    }
}

/// As with files: `# mended: DR0702 with --overlay production` in the project file, and a broken project of that name.
#[test]
fn each_mended_project_reads_clean() {
    let mut met = BTreeSet::new();
    for directory in projects("mended-projects") {
        let (code, overlay) = header_of_project(&directory, "mended");
        let (loaded, set) = read_project(&directory, overlay.as_deref());
        assert!(set.findings.is_empty(), "{}\n{}", directory.display(), shown(&set, &loaded.files));
        assert!(!set.objects.is_empty() && set.accepted.is_empty(), "{} is mended", directory.display());
        let broken = examples().join("broken-projects").join(directory.file_name().unwrap());
        let (expected, with) = header_of_project(&broken, "expect");
        assert_eq!((expected.split(' ').next(), with), (Some(code.as_str()), overlay), "{}", directory.display());
        met.insert(code);
    }
    assert_eq!(met, codes_of(true), "every code of projects has a mended example");
}

#[test]
fn all_broken_examples_at_once_still_give_every_code() {
    let files = load(&examples().join("broken"));
    let set = read(&files);
    let found: BTreeSet<String> = set.findings.iter().map(|finding| finding.code.to_owned()).collect();
    assert_eq!(found, codes_of(false));
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
