//! The last lines: how much was checked, and what to do next.

use crate::{finding::Severity, read::Set};

/// `Checked 13 objects in 5 files: 5 errors, 1 warning.`
pub fn headline(set: &Set) -> String {
    let (errors, warnings) = (set.count(Severity::Error), set.count(Severity::Warning));
    let found = match (errors, warnings) {
        (0, 0) => "no errors, no warnings".to_owned(),
        (0, w) => format!("no errors, {}", counted(w, "warning")),
        (e, 0) => format!("{}, no warnings", counted(e, "error")),
        (e, w) => format!("{}, {}", counted(e, "error"), counted(w, "warning")),
    };
    let accepted = match set.accepted.len() {
        0 => String::new(),
        n => format!(", {n} accepted"),
    };
    let what = counted(set.documents, "object");
    format!("Checked {what} in {}: {found}{accepted}.", counted(set.files, "file"))
}

/// `Checked 13 objects in 5 files: 5 errors, 1 warning.` and hints, each on a line of its own.
pub fn summary(set: &Set) -> String {
    let mut text = headline(set);
    match set.findings.iter().filter(|finding| finding.fix.as_ref().is_some_and(|fix| fix.safe)).count() {
        0 => {}
        1 => text.push_str(" 1 has a safe fix: standin validate --fix"),
        n => text.push_str(&format!(" {n} have a safe fix: standin validate --fix")),
    }
    text.push('\n');
    if let Some(last) = set.findings.last() {
        text.push_str(&format!("More about a code: standin explain {}\n", last.code));
    }
    text
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
