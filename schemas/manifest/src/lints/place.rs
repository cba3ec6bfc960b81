//! A value of an object, and findings about it.

use super::Item;
use crate::finding::{Finding, Span};

/// A value in one document.
#[derive(Clone)]
pub struct Place<'a> {
    item: &'a Item,
    pub pointer: String,
}

impl<'a> Place<'a> {
    pub fn new(item: &'a Item, pointer: String) -> Self {
        Self { item, pointer }
    }

    /// The best place to point at; `None` for a value that is not written, or was found wrong already.
    pub fn span(&self) -> Option<Span> {
        (!self.item.is_bad(&self.pointer)).then(|| self.item.tree.spot(&self.pointer)).flatten()
    }

    /// A finding at this place, unless the value is not written or was found wrong already.
    pub fn error(&self, code: &'static str, message: impl Into<String>) -> Option<Finding> {
        let finding = Finding::error(code, self.item.file, self.span()?, message);
        Some(finding.of(self.item.kind, &self.item.name).at(self.pointer.clone()))
    }

    /// Adds this place to a finding, key and value.
    pub fn as_context(&self, finding: Finding, label: impl Into<String>) -> Finding {
        match self.item.tree.whole(&self.pointer) {
            Some(span) => finding.context(self.item.file, span, label),
            None => finding,
        }
    }

    /// Adds this place to a finding, the value alone.
    pub fn value_as_context(&self, finding: Finding, label: impl Into<String>) -> Finding {
        match self.item.tree.spot(&self.pointer) {
            Some(span) => finding.context(self.item.file, span, label),
            None => finding,
        }
    }
}
