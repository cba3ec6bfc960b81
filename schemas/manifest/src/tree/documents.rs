//! A file as a sequence of documents, each read on its own so that a broken one hides nothing of the others.

use super::{
    Node, Shape,
    build::{Builder, DEPTH_MAX, Limits},
};
use crate::{
    credential::{Secret, secrets},
    escape,
    finding::{Edit, Finding, Fix},
};
use serde_yaml::granit_parser::{ErrorKind, Parser, ScanError};

/// Largest file that is read. A manifest of this size is a mistake or an attack.
pub const FILE_SIZE_MAX: usize = 1 << 20;

/// One document that could be parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub root: Node,
    /// What in it looks like a secret and is not shown.
    pub secrets: Vec<Secret>,
}

/// Parses the text of one file. Documents without content are left out.
pub fn documents(file: usize, text: &str, findings: &mut Vec<Finding>) -> Vec<Document> {
    if text.len() > FILE_SIZE_MAX {
        findings.push(
            Finding::error("DR0009", file, 0..0, format!("the file has {} bytes", text.len()))
                .help(format!("at most {FILE_SIZE_MAX} bytes are read; split it into several files")),
        );
        return Vec::new();
    }
    characters(file, text, findings);
    let mut limits = Limits::default();
    starts(text).windows(2).flat_map(|ends| part(file, text, ends[0]..ends[1], &mut limits, findings)).collect()
}

/// Where documents begin, and the end of the text. `---` at the start of a line always begins one, unless only
/// directives stand before it; `...` always ends one.
fn starts(text: &str) -> Vec<usize> {
    let (mut offset, mut found) = (0, vec![0]);
    let mut head = Head::default();
    for line in lines(text) {
        if is_marker(line, "---") && offset > 0 && !head.directives {
            found.push(offset);
        }
        head.take(line);
        offset += line.len();
        if is_marker(line, "...") {
            found.push(offset);
            head = Head::default();
        }
    }
    found.push(text.len());
    found
}

/// Lines with their ends, which YAML lets be `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end =
            rest.find(['\n', '\r']).map_or(rest.len(), |at| at + if rest[at..].starts_with("\r\n") { 2 } else { 1 });
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// What stands above a document.
#[derive(Default)]
struct Head {
    ended: bool,
    /// Whether directives wait for the `---` that belongs to them.
    directives: bool,
}

impl Head {
    fn take(&mut self, line: &str) {
        let line = line.trim_start_matches('\u{FEFF}');
        if line.starts_with('%') && !self.ended {
            self.directives = true;
        } else if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            *self = Self { ended: true, directives: false };
        }
    }
}

/// The documents of a part of the text: one, unless its ends were seen otherwise here than by the parser.
fn part(
    file: usize,
    text: &str,
    range: std::ops::Range<usize>,
    limits: &mut Limits,
    findings: &mut Vec<Finding>,
) -> Vec<Document> {
    let Some(part) = text.get(range.clone()) else { return Vec::new() };
    let bom = if range.start == 0 && part.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
    let (part, base) = (&part[bom..], range.start + bom);
    let mut builder = Builder::new(file, text, base, limits, findings);
    let mut roots = Vec::new();
    for event in Parser::new_from_str(part) {
        match event {
            Ok((event, span)) => match builder.take(event, span) {
                Ok(root) => roots.extend(root),
                Err(()) => break,
            },
            Err(error) => {
                let finding = syntax(file, text, base, part, &error);
                findings.push(finding);
                break;
            }
        }
    }
    roots.into_iter().filter(|node| !is_empty(node)).map(|root| Document { secrets: secrets(&root), root }).collect()
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.shape, Shape::Scalar { value, .. } if value.is_null())
}

fn syntax(file: usize, text: &str, base: usize, part: &str, error: &ScanError) -> Finding {
    let in_part = error.marker().byte_offset().unwrap_or(0).min(part.len());
    let mut start = base + in_part;
    // The parser often stops at the end of the text or of a line: point at what was last read instead of at nothing.
    let before = text[..start].trim_end();
    if text[start..].chars().next().is_none_or(|c| c == '\n' || c == '\r') && before.len() > base {
        start = before.len() - before.chars().next_back().map_or(0, char::len_utf8);
    }
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        let message = format!("more than {DEPTH_MAX} levels of lists and objects");
        return Finding::error("DR0009", file, start..end, message).label("far too many levels");
    }
    let reason = error.info();
    let finding = |span, label| Finding::error("DR0001", file, span, "this is not YAML").label(label);
    match tab(&text[..base + part.len()], base + in_part).filter(|_| reason.contains("tab")) {
        Some(tab) => finding(tab..tab + 1, "a tab".into()).help("indent with spaces; YAML does not allow tabs there"),
        None => finding(start..end, escape::escape(&reason)),
    }
}

/// The first tab in an indentation, from the line of a place on: the parser names where the value before it began.
fn tab(text: &str, from: usize) -> Option<usize> {
    let mut offset = text[..from].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    lines(&text[offset..]).find_map(|line| {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let found = line[..indent].find('\t').filter(|_| !line.trim().is_empty()).map(|at| offset + at);
        offset += line.len();
        found
    })
}

/// Refuses characters that cannot be seen, wherever they stand: also a comment can deceive its reader.
fn characters(file: usize, text: &str, findings: &mut Vec<Finding>) {
    /// More of them in one file say nothing new: the last finding takes the others out too.
    const SHOWN: usize = 5;
    /// So many are no slip of a keyboard.
    const TAKEN_OUT_MAX: usize = 1_000;
    let hidden = |&(at, c): &(usize, char)| escape::is_deceptive(c) && !(at == 0 && c == '\u{FEFF}');
    let bad: Vec<(usize, char)> = text.char_indices().filter(hidden).take(TAKEN_OUT_MAX + 1).collect();
    let span = |at: usize, c: char| at..at + c.len_utf8();
    // A control character may stand for something that was lost; the others show nothing at all.
    let goes = |&&(_, c): &&(usize, char)| !c.is_control() && bad.len() <= TAKEN_OUT_MAX;
    for (n, &(at, c)) in bad.iter().take(SHOWN).enumerate() {
        let message = format!("the character U+{:04X} is not allowed", u32::from(c));
        let mut finding = Finding::error("DR0006", file, span(at, c), message)
            .label("not visible, or changes how the text is shown")
            .help("remove it");
        let own = if n + 1 == SHOWN { &bad[n..] } else { &bad[n..=n] };
        if own.len() > 1 {
            finding = finding.note(format!("and {} more in this file", own.len() - 1));
        }
        let edits: Vec<Edit> =
            own.iter().filter(goes).map(|&(at, c)| Edit { span: span(at, c), text: String::new() }).collect();
        finding.fix = (!edits.is_empty()).then_some(Fix { safe: true, edits });
        findings.push(finding);
    }
    if let Some(at) = text.find('\u{FFFD}') {
        findings.push(
            Finding::error("DR0004", file, at..at + '\u{FFFD}'.len_utf8(), "the file is not UTF-8")
                .label("the first byte that is not")
                .help("save the file as UTF-8"),
        );
    }
}
