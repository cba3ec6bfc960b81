//! Something a person should know about what they wrote, with its place.

use model::Kind;
use std::ops::Range;

/// Bytes of one file.
pub type Span = Range<usize>;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing of the set is applied.
    Error,
    Warning,
    Note,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A change of the text that does away with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// Whether the meaning is certainly the one intended, so that it may be made without asking.
    pub safe: bool,
    pub edits: Vec<Edit>,
}

/// Replaces `span` by `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

/// The other half of a contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Index of the file, which may be another one than the finding's.
    pub file: usize,
    pub span: Span,
    pub label: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Such as `DR0103`; `codes::explain` has a page for it.
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    /// Index of the file among those that were read.
    pub file: usize,
    pub span: Span,
    /// Said at the span.
    pub label: String,
    pub context: Vec<Context>,
    /// Kind as written and name of the object it is about.
    pub object: Option<(String, String)>,
    /// JSON pointer within the object.
    pub path: String,
    /// The same as people read it, with the names of list items: it stays when items are added before it.
    pub readable: String,
    pub notes: Vec<String>,
    pub helps: Vec<String>,
    pub fix: Option<Fix>,
}

impl Finding {
    pub fn error(code: &'static str, file: usize, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file,
            span,
            label: String::new(),
            context: Vec::new(),
            object: None,
            path: String::new(),
            readable: String::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            fix: None,
        }
    }

    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    pub fn context(mut self, file: usize, span: Span, label: impl Into<String>) -> Self {
        self.context.push(Context { file, span, label: label.into() });
        self
    }

    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    pub fn of(mut self, kind: Kind, name: &str) -> Self {
        self.object = Some((kind.as_str().to_owned(), name.to_owned()));
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    pub fn fix(mut self, safe: bool, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { safe, edits: vec![Edit { span, text: text.into() }] });
        self
    }
}

/// Most findings that are made about one file. Nobody reads more, and a hostile file is full of them.
pub const FINDINGS_MAX: usize = 1_000;

/// Puts findings in the order in which a reader meets them, drops the second of two equal ones, and keeps at most
/// `FINDINGS_MAX` of each file, errors before the rest.
pub fn sort(findings: &mut Vec<Finding>) {
    let place = |f: &Finding| (f.file, f.span.start, f.span.end, f.code);
    findings.sort_by(|a, b| {
        (a.file, a.severity)
            .cmp(&(b.file, b.severity))
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.message.cmp(&b.message))
    });
    findings.dedup();
    let (mut file, mut kept) = (0, 0);
    findings.retain(|finding| {
        kept = if finding.file == file { kept + 1 } else { 1 };
        file = finding.file;
        kept <= FINDINGS_MAX
    });
    findings.sort_by(|a, b| place(a).cmp(&place(b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_when_there_are_too_many() {
        let warning = |n| Finding::error("DR0010", 1, n..n, "w").severity(Severity::Warning);
        let mut findings: Vec<Finding> = (0..2 * FINDINGS_MAX).map(warning).collect();
        findings.push(Finding::error("DR0001", 1, 5000..5000, "last"));
        findings.push(Finding::error("DR0001", 0, 1..1, "another file"));
        sort(&mut findings);
        assert_eq!(findings.len(), FINDINGS_MAX + 1);
        assert_eq!((findings[0].file, findings[1].file), (0, 1));
        assert!(findings.iter().any(|finding| finding.message == "last"));
    }
}
