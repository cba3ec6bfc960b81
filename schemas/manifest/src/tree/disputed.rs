//! Texts without quotes that readers of YAML take for different things.

use super::scalar;
use crate::{
    escape,
    finding::{Finding, Severity, Span},
};

/// Says that a text without quotes is something else to other readers, and quotes it.
pub fn disputed_finding(file: usize, span: &Span, text: &str, other: &str) -> Finding {
    let message = format!("{} is text here and {other} to other readers of YAML", escape::quoted(text));
    let quoted = scalar::quoted(text);
    Finding::error("DR0011", file, span.clone(), message)
        .severity(Severity::Warning)
        .label("not in quotes")
        .help(format!("write {quoted}"))
        .fix(true, span.clone(), quoted)
}
