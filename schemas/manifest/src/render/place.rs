//! Lines and columns.

use crate::finding::Span;
use std::cell::OnceCell;

/// A place in a text: both numbers start at 1, the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// Finds lines and columns in one text again and again, for which it reads the text once.
struct Lines<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        // What stands before the first character is not counted.
        let first = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(first).chain(ends).collect() }
    }

    /// The line alone: the column is counted from its start, which may be far.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset.min(self.text.len())).max(1)
    }

    fn position(&self, offset: usize) -> Position {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let line = self.line(end);
        let before = self.text.get(self.starts[line - 1]..end).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }
}

/// Paths, lines and columns of a set of files.
pub struct Places<'a> {
    files: Vec<(&'a str, &'a str, OnceCell<Lines<'a>>)>,
}

impl<'a> Places<'a> {
    pub fn new<P: AsRef<str>, T: AsRef<str>>(files: &'a [(P, T)]) -> Self {
        Self { files: files.iter().map(|(path, text)| (path.as_ref(), text.as_ref(), OnceCell::new())).collect() }
    }

    pub fn path(&self, file: usize) -> &'a str {
        self.files.get(file).map_or("", |(path, ..)| path)
    }

    pub fn position(&self, file: usize, offset: usize) -> Position {
        let Some((_, text, lines)) = self.files.get(file) else { return Position { line: 1, column: 1 } };
        lines.get_or_init(|| Lines::new(text)).position(offset)
    }

    /// The line alone, in a time that does not grow with its length.
    pub fn line(&self, file: usize, offset: usize) -> usize {
        let Some((_, text, lines)) = self.files.get(file) else { return 1 };
        lines.get_or_init(|| Lines::new(text)).line(offset)
    }

    /// Where it begins, and where it has ended.
    pub fn range(&self, file: usize, span: &Span) -> (Position, Position) {
        (self.position(file, span.start), self.position(file, span.end))
    }
}

/// The line and column of a byte.
pub fn position(text: &str, offset: usize) -> Position {
    Lines::new(text).position(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_those_people_count() {
        let text = "\u{FEFF}aé→b\r\n\ncd";
        let at = |offset| {
            let Position { line, column } = position(text, offset);
            (line, column)
        };
        assert_eq!((at(0), at(3), at(4), at(6)), ((1, 1), (1, 1), (1, 2), (1, 3)));
        assert_eq!(at(text.find("cd").unwrap() + 1), (3, 2));
        assert_eq!(at(text.len()), (3, 3));
        assert_eq!(at(9999), (3, 3));
        assert_eq!(at(5), (1, 2), "within a character");
        assert_eq!(position("", 0), Position { line: 1, column: 1 });
    }
}
