//! Findings with the lines they are about, as rustc shows its own.

use super::report::{Format, Report};
use crate::{
    credential,
    escape::{escape, is_deceptive},
    finding::{Context, Finding, Severity, Span},
};
use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};
use std::cell::OnceCell;

pub const FORMAT: Format = Format { name: "full", about: "with the lines they are about", for_people: true, write };

fn write(report: &Report<'_>) -> String {
    full(&report.set.findings, report.files, report.color, report.ascii)
}

/// Most findings that are shown in full; the rest is counted.
pub const SHOWN_MAX: usize = 50;

/// Width of the terminal that is written for, as everywhere in the text output.
const WIDTH: usize = 140;

/// All findings with their source lines. With `ascii`, only ASCII is added to what the files hold.
pub fn full<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)], color: bool, ascii: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let sources = Sources::new(files);
    let mut text = String::new();
    for finding in findings.iter().take(SHOWN_MAX) {
        text.push_str(&one(finding, &sources, &renderer, ascii));
        text.push_str("\n\n");
    }
    if let Some(more @ 1..) = findings.len().checked_sub(SHOWN_MAX) {
        text.push_str(&format!("... and {more} more\n\n"));
    }
    text
}

fn one(finding: &Finding, sources: &Sources<'_>, renderer: &Renderer, ascii: bool) -> String {
    let said = |text: &str| {
        let text = escape(text);
        if ascii { text.replace('…', "...") } else { text.into_owned() }
    };
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut marks = vec![(AnnotationKind::Primary, &finding.span, said(&finding.label))];
    let context = |context: &'_ Context| said(&context.label);
    let here = finding.context.iter().filter(|context| context.file == finding.file);
    marks.extend(here.map(|c| (AnnotationKind::Context, &c.span, context(c))));
    let title = level.primary_title(said(&finding.message)).id(finding.code);
    let mut group = title.element(sources.snippet(finding.file, &marks));
    for there in finding.context.iter().filter(|context| context.file != finding.file) {
        group = group.element(sources.snippet(there.file, &[(AnnotationKind::Context, &there.span, context(there))]));
    }
    let notes = finding.notes.iter().map(|note| Level::NOTE.message(said(note)));
    let helps = finding.helps.iter().map(|help| Level::HELP.message(said(help)));
    group = group.elements(notes.chain(helps));
    renderer.render(&[group])
}

/// A place in a file, with what is said there.
type Mark<'a> = (AnnotationKind, &'a Span, String);

/// The files as they may be shown, each made ready when it is first needed.
struct Sources<'a> {
    files: Vec<(&'a str, &'a str, OnceCell<Source>)>,
}

/// A file as it may be shown: as long as the file itself, byte for byte.
struct Source {
    text: String,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Sources<'a> {
    fn new<P: AsRef<str>, T: AsRef<str>>(files: &'a [(P, T)]) -> Self {
        Self { files: files.iter().map(|(path, text)| (path.as_ref(), text.as_ref(), OnceCell::new())).collect() }
    }

    fn source(&self, index: usize) -> Option<(&'a str, &Source)> {
        let (path, text, source) = self.files.get(index)?;
        Some((path, source.get_or_init(|| Source::new(text))))
    }

    /// The lines from the first mark to the last: the renderer reads all it is given.
    fn snippet(&self, file: usize, marks: &[Mark<'_>]) -> Snippet<'static, Annotation<'static>> {
        let Some((path, source)) = self.source(file) else { return Snippet::source(String::new()) };
        let start = marks.iter().map(|(_, span, _)| span.start).min().unwrap_or(0);
        let end = marks.iter().map(|(_, span, _)| span.end).max().unwrap_or(0);
        let line = source.starts.partition_point(|at| *at <= start).max(1);
        let from = source.starts[line - 1];
        let behind = source.starts.partition_point(|at| *at <= end.max(start));
        let to = source.starts.get(behind).copied().unwrap_or(source.text.len()).max(from);
        let excerpt = &source.text[from..to];
        let annotations = marks.iter().map(|(kind, span, label)| {
            let span = clamp(excerpt, span.start.saturating_sub(from))..clamp(excerpt, span.end.saturating_sub(from));
            let annotation = kind.span(span.start..span.end.max(span.start));
            if label.is_empty() { annotation } else { annotation.label(label.clone()) }
        });
        let annotations: Vec<Annotation<'static>> = annotations.collect();
        Snippet::source(excerpt.to_owned()).path(escape(path).into_owned()).line_start(line).annotations(annotations)
    }
}

impl Source {
    /// Whatever is found or accepted, a secret in the file is not shown.
    fn new(text: &str) -> Self {
        // What stands before the first character is no part of the first line.
        let first = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        let mut shown = harmless(text);
        for span in credential::spans(text) {
            let Some(secret) = shown.get(span.clone()) else { continue };
            let stars = |c: char| if c.is_whitespace() { c.to_string() } else { "*".repeat(c.len_utf8()) };
            let stars: String = secret.chars().map(stars).collect();
            shown.replace_range(span.clone(), &stars);
        }
        let ends = shown.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(first).chain(ends).collect(), text: shown }
    }
}

fn clamp(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The text with characters that deceive or steer a terminal replaced by as many bytes.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let lone_return = c == '\r' && characters.peek() != Some(&'\n');
        match c.len_utf8() {
            _ if !is_deceptive(c) && !lone_return => shown.push(c),
            3 => shown.push('\u{FFFD}'),
            bytes => shown.extend(std::iter::repeat_n('?', bytes)),
        }
    }
    shown
}
