//! Lines and columns.

/// A place in a text: both numbers start at 1, the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// The line and column of a byte.
pub fn position(text: &str, offset: usize) -> Position {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text[..end].strip_prefix('\u{FEFF}').unwrap_or(&text[..end]);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.bytes().filter(|b| *b == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// Path and text of a finding's file.
pub fn file<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], index: usize) -> (&str, &str) {
    files.get(index).map_or(("", ""), |(path, text)| (path.as_ref(), text.as_ref()))
}
