//! What a format is made of.

use super::place::{Places, Position};
use crate::{
    finding::{Finding, Severity},
    read::Set,
};

/// A set that was read, with all a format needs to tell about it.
pub struct Report<'a> {
    pub set: &'a Set,
    pub files: &'a [(&'a str, &'a str)],
    pub places: Places<'a>,
    /// Whether warnings count as failures.
    pub strict: bool,
    pub color: bool,
    /// Only ASCII is added to what the files hold.
    pub ascii: bool,
}

/// One way of writing findings.
pub struct Format {
    pub name: &'static str,
    pub about: &'static str,
    /// Read by people: it is followed by the summary. The others hold nothing but their own syntax.
    pub for_people: bool,
    pub write: fn(&Report<'_>) -> String,
}

impl<'a> Report<'a> {
    pub fn new(set: &'a Set, files: &'a [(&'a str, &'a str)]) -> Self {
        Self { set, files, places: Places::new(files), strict: false, color: false, ascii: false }
    }

    pub(super) fn start(&self, finding: &Finding) -> Position {
        self.places.position(finding.file, finding.span.start)
    }

    pub(super) fn path(&self, finding: &Finding) -> &'a str {
        self.places.path(finding.file)
    }

    /// Whether a finding makes the answer a no.
    pub(super) fn fails(&self, finding: &Finding) -> bool {
        finding.severity == Severity::Error || (self.strict && finding.severity == Severity::Warning)
    }
}

/// Message and label in one line, as in the concise format.
pub(super) fn sentence(finding: &Finding) -> String {
    let label = if finding.label.is_empty() { String::new() } else { format!(": {}", finding.label) };
    format!("{}{label}", finding.message)
}

/// A finding in words: message and label, then a line for each note and help.
pub(super) fn words(finding: &Finding) -> String {
    let notes = finding.notes.iter().map(|note| format!("\nnote: {note}"));
    let helps = finding.helps.iter().map(|help| format!("\nhelp: {help}"));
    sentence(finding) + &notes.chain(helps).collect::<String>()
}
