//! One line for each finding.

use super::place::{file, position};
use crate::{escape::escape, finding::Finding};

/// `scenarios/mail.yaml:28:16: error[DR0103] ...`, one line for each finding.
pub fn concise<P: AsRef<str>, T: AsRef<str>>(findings: &[Finding], files: &[(P, T)]) -> String {
    let line = |finding: &Finding| {
        let (path, text) = file(files, finding.file);
        let at = position(text, finding.span.start);
        let Finding { code, severity, message, label, .. } = finding;
        let label = if label.is_empty() { String::new() } else { format!(": {}", escape(label)) };
        format!(
            "{}:{}:{}: {}[{code}] {}{label}\n",
            escape(path),
            at.line,
            at.column,
            severity.as_str(),
            escape(message)
        )
    };
    findings.iter().map(line).collect()
}
