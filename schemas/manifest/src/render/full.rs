//! Findings with the lines they are about, as rustc shows its own.

use super::place::file;
use crate::{
    escape::{escape, is_deceptive},
    finding::{Finding, Severity, Span},
};
use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};

/// Most findings that are shown in full; the rest is counted.
pub const SHOWN_MAX: usize = 50;

/// Width of the terminal that is written for, as everywhere in the text output.
const WIDTH: usize = 140;

/// All findings with their source lines. With `ascii`, only ASCII is added to what the files hold.
pub fn full<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)], color: bool, ascii: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let mut text = String::new();
    for finding in findings.iter().take(SHOWN_MAX) {
        text.push_str(&one(finding, files, &renderer, ascii));
        text.push_str("\n\n");
    }
    if let Some(more @ 1..) = findings.len().checked_sub(SHOWN_MAX) {
        text.push_str(&format!("... and {more} more\n\n"));
    }
    text
}

fn one<P: AsRef<str>, T: AsRef<str>>(finding: &Finding, files: &[(P, T)], renderer: &Renderer, ascii: bool) -> String {
    let said = |text: &str| {
        let text = escape(text);
        if ascii { text.replace('…', "...") } else { text.into_owned() }
    };
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let primary = |source: &Source| annotation(AnnotationKind::Primary, source, &finding.span, said(&finding.label));
    let own = Source::new(files, finding.file);
    let mut annotations = vec![primary(&own)];
    for context in finding.context.iter().filter(|context| context.file == finding.file) {
        annotations.push(annotation(AnnotationKind::Context, &own, &context.span, said(&context.label)));
    }
    let mut group = level.primary_title(said(&finding.message)).id(finding.code).element(own.snippet(annotations));
    for context in finding.context.iter().filter(|context| context.file != finding.file) {
        let source = Source::new(files, context.file);
        let there = annotation(AnnotationKind::Context, &source, &context.span, said(&context.label));
        group = group.element(source.snippet(vec![there]));
    }
    let notes = finding.notes.iter().map(|note| Level::NOTE.message(said(note)));
    let helps = finding.helps.iter().map(|help| Level::HELP.message(said(help)));
    group = group.elements(notes.chain(helps));
    renderer.render(&[group])
}

/// A file as it may be shown.
struct Source {
    path: String,
    text: String,
    /// Bytes that were cut off at its start.
    cut: usize,
}

impl Source {
    fn new<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], index: usize) -> Self {
        let (path, text) = file(files, index);
        let shown = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        Self { path: escape(path).into_owned(), text: harmless(shown), cut: text.len() - shown.len() }
    }

    fn snippet(&self, annotations: Vec<Annotation<'static>>) -> Snippet<'static, Annotation<'static>> {
        Snippet::source(self.text.clone()).path(self.path.clone()).annotations(annotations)
    }
}

fn annotation(kind: AnnotationKind, source: &Source, span: &Span, label: String) -> Annotation<'static> {
    let clamp = |at: usize| {
        let mut at = at.saturating_sub(source.cut).min(source.text.len());
        while !source.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (clamp(span.start), clamp(span.end));
    let annotation = kind.span(start..end.max(start));
    if label.is_empty() { annotation } else { annotation.label(label) }
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
