//! Makes the changes that findings propose.

use crate::finding::{Edit, Finding};

/// The text of a file with every safe fix made; `None` when there is none.
pub fn fixed(findings: &[Finding], file: usize, text: &str) -> Option<String> {
    let here = || findings.iter().filter(|finding| finding.file == file);
    // Its bytes were replaced when it was read: what is written back would not be the same file.
    if here().any(|finding| finding.code == "DR0004") {
        return None;
    }
    let safe = here().filter_map(|finding| finding.fix.as_ref()).filter(|fix| fix.safe);
    let mut edits: Vec<&Edit> = safe.flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    edits.dedup();
    let mut fixed = text.to_owned();
    let mut not_after = text.len();
    // From the end, so that earlier places stay where they are; of two that overlap, the later one waits.
    for edit in edits.iter().rev().filter(|edit| text.get(edit.span.clone()).is_some()) {
        if edit.span.end <= not_after {
            fixed.replace_range(edit.span.clone(), &edit.text);
            not_after = edit.span.start;
        }
    }
    (fixed != text).then_some(fixed)
}
