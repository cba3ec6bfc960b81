//! A file with one mistake of every sort people make: all of them are found in one reading, where they stand, and
//! with the other half of each contradiction.

#![allow(clippy::unwrap_used)]

use manifest::{read, render};
use std::{fs, path::Path};

const FILES: [&str; 3] = ["hosts.yaml", "scenarios/mail.yaml", "scenarios/web.yaml"];

fn files() -> Vec<(&'static str, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeded");
    FILES.iter().map(|path| (*path, fs::read_to_string(directory.join(path)).unwrap())).collect()
}

#[test]
fn every_mistake_is_shown_in_full() {
    let files = files();
    let set = read(&files);
    let text = render::render_full(&set.findings, &files, false, false) + &render::summary(&set);
    insta::assert_snapshot!("seeded_full", text);
}

#[test]
fn every_mistake_is_shown_in_a_line() {
    let files = files();
    let set = read(&files);
    insta::assert_snapshot!("seeded_concise", render::concise(&set.findings, &files));
}

/// The places of the handbook's page. Two of its mistakes are about fields that do not exist: at 46:9 another field
/// is misspelt, and at 110:14 another two settings contradict each other.
#[test]
fn they_stand_where_the_handbook_says() {
    let files = files();
    let set = read(&files);
    let at = |file: usize, span: &manifest::finding::Span| {
        let at = render::position(&files[file].1, span.start);
        format!("{}:{}", at.line, at.column)
    };
    let found: Vec<_> = set
        .findings
        .iter()
        .map(|f| (f.code, at(f.file, &f.span), f.context.iter().map(|c| at(c.file, &c.span)).collect::<Vec<_>>()))
        .collect();
    let expected = [
        ("DR0201", "16:11", vec![]),
        ("DR0214", "27:18", vec!["19:15"]),
        ("DR0103", "28:16", vec![]),
        ("DR0210", "36:7", vec!["24:9"]),
        ("DR0101", "46:9", vec![]),
        ("DR0218", "110:14", vec!["107:5"]),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(code, at, context)| (code, at.to_owned(), context.into_iter().map(str::to_owned).collect::<Vec<_>>()))
        .collect();
    assert_eq!(found, expected);
}
