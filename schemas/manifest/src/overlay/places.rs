//! Places in a tree that was merged from several files.
//!
//! Spans are offsets within one file. While a merged object is looked at, its spans are offsets within all files
//! laid end to end, as if they were one: no rule has to know that there are overlays. Afterwards they are turned back.

use crate::{
    finding::{Finding, Span},
    read::{Located, Set},
    tree::{Node, Shape, child},
};
use model::Object;
use std::collections::BTreeMap;

/// Where each file begins when all are laid end to end.
pub struct Places {
    starts: Vec<usize>,
}

impl Places {
    /// One file more than its bytes apart, so that the end of a file is not the start of the next one.
    pub fn new(lengths: impl Iterator<Item = usize>) -> Self {
        let mut next = 0;
        let starts = lengths.map(|length| {
            let start = next;
            next += length + 1;
            start
        });
        Self { starts: starts.collect() }
    }

    /// Index that stands for all files together.
    pub fn together(&self) -> usize {
        self.starts.len()
    }

    /// Turns the spans of one file's tree into those of all files together.
    pub fn globalise(&self, file: usize, node: &mut Node) {
        let start = self.starts.get(file).copied().unwrap_or_default();
        shift(node, &|span: &mut Span| *span = span.start + start..span.end + start);
    }

    /// File and place of a span of all files together.
    pub fn of(&self, span: &Span) -> (usize, Span) {
        let file = self.starts.partition_point(|start| *start <= span.start).saturating_sub(1);
        let start = self.starts.get(file).copied().unwrap_or_default();
        (file, span.start - start..span.end.saturating_sub(start).max(span.start - start))
    }

    /// Gives everything that was said about merged objects the file it points at.
    pub fn resolve(&self, set: &mut Set) {
        let accepted = set.accepted.iter_mut().map(|accepted| &mut accepted.finding);
        set.findings.iter_mut().chain(accepted).for_each(|finding| self.place(finding));
    }

    fn place(&self, finding: &mut Finding) {
        for context in finding.context.iter_mut().filter(|context| context.file == self.together()) {
            (context.file, context.span) = self.of(&context.span);
        }
        if finding.file != self.together() {
            return;
        }
        (finding.file, finding.span) = self.of(&finding.span);
        let mut elsewhere = false;
        for edit in finding.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
            let (file, span) = self.of(&edit.span);
            elsewhere |= file != finding.file;
            edit.span = span;
        }
        if elsewhere {
            finding.fix = None;
        }
    }

    /// The file in which an object begins.
    pub fn home(&self, file: usize, tree: &Node) -> usize {
        if file == self.together() { self.of(&tree.span).0 } else { file }
    }

    /// An object with its tree; for a merged one, with the files that its parts came from.
    pub fn located(&self, object: Object, file: usize, mut tree: Node) -> Located {
        let mut overlaid = BTreeMap::new();
        if file != self.together() {
            return Located { object, file, tree, overlaid };
        }
        let own = self.home(file, &tree);
        self.files("", own, &tree, &mut overlaid);
        shift(&mut tree, &|span: &mut Span| *span = self.of(span).1);
        Located { object, file: own, tree, overlaid }
    }

    /// Notes the file of every value that comes from another one than the value around it.
    fn files(&self, pointer: &str, around: usize, node: &Node, found: &mut BTreeMap<String, usize>) {
        let own = self.of(&node.span).0;
        if own != around {
            found.insert(pointer.to_owned(), own);
        }
        for entry in node.map() {
            self.files(&child(pointer, &entry.key), own, &entry.node, found);
        }
        for (index, item) in node.list().iter().enumerate() {
            self.files(&child(pointer, index), own, item, found);
        }
    }
}

fn shift(node: &mut Node, by: &impl Fn(&mut Span)) {
    by(&mut node.span);
    match &mut node.shape {
        Shape::Scalar { .. } => {}
        Shape::List(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Shape::Map(entries) => {
            for entry in entries {
                by(&mut entry.key_span);
                shift(&mut entry.node, by);
            }
        }
    }
}
