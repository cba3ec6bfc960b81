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
    let (mut fixed, mut end) = (String::with_capacity(text.len()), 0);
    // Of two that overlap, the later one waits.
    for edit in edits {
        let Some(between) = text.get(end..edit.span.start).filter(|_| text.get(edit.span.clone()).is_some()) else {
            continue;
        };
        fixed.push_str(between);
        fixed.push_str(&edit.text);
        end = edit.span.end;
    }
    fixed.push_str(text.get(end..).unwrap_or_default());
    (fixed != text).then_some(fixed)
}
