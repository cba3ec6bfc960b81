//! Makes a tree of the parser's events and refuses what manifests do without: tags, merge keys, duplicate keys,
//! keys that are not text, nulls.

use super::{
    node::{Entry, Node, Shape, Style},
    scalar,
};
use crate::{
    escape::{is_deceptive, quoted},
    finding::{FINDINGS_MAX, Finding, Severity, Span},
};
use serde_json::Value;
use serde_yaml::granit_parser::{self, Event, ScalarStyle};
use std::collections::HashMap;

/// Most values in one file, aliases counted at every use.
pub const NODES_MAX: usize = 200_000;
/// Most levels of lists and maps.
pub const DEPTH_MAX: usize = 64;
/// Most bytes of text that anchors and aliases repeat in one file.
pub const REPEATED_MAX: usize = 4 << 20;
/// Most fields of one object; what people write has a dozen, labels a few more.
pub const FIELDS_MAX: usize = 1_000;

/// What one file has used up.
#[derive(Default)]
pub struct Limits {
    nodes: usize,
    /// Bytes of text in copies.
    repeated: usize,
    errors: usize,
    warnings: usize,
}

/// A list or map whose end has not been seen.
struct Open {
    start: usize,
    end: usize,
    anchor: usize,
    node: Partial,
}

enum Partial {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<Key> },
}

/// A key whose value has not been seen.
struct Key {
    /// `None` where it is not text.
    name: Option<String>,
    span: Span,
    /// Another reading of a key without quotes.
    disputed: Option<&'static str>,
    plain: bool,
    /// The same key as text, where it is a number or a truth value.
    quoted: Option<String>,
}

impl Key {
    fn new(node: Node) -> Self {
        let quoted = match &node.shape {
            Shape::Scalar { value: Value::Bool(_) | Value::Number(_), text, style: Style::Plain } => {
                Some(scalar::quoted(text))
            }
            _ => None,
        };
        Self {
            name: node.string().map(str::to_owned),
            disputed: node.disputed(),
            plain: matches!(node.shape, Shape::Scalar { style: Style::Plain, .. }),
            quoted,
            span: node.span,
        }
    }
}

/// Takes events, gives the root of each document.
pub struct Builder<'a> {
    file: usize,
    text: &'a str,
    base: usize,
    limits: &'a mut Limits,
    findings: &'a mut Vec<Finding>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
}

impl<'a> Builder<'a> {
    pub fn new(
        file: usize,
        text: &'a str,
        base: usize,
        limits: &'a mut Limits,
        findings: &'a mut Vec<Finding>,
    ) -> Self {
        Self { file, text, base, limits, findings, open: Vec::new(), anchors: HashMap::new() }
    }

    /// Takes one event; `Err` gives the document up, with a finding made.
    pub fn take(&mut self, event: Event<'_>, span: granit_parser::Span) -> Result<Option<Node>, ()> {
        let place = self.place(&span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                let node = self.scalar(&text, style, place);
                self.count(1, &node.span)?;
                self.keep_anchor(anchor, &node)?;
                Ok(self.add(node))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(place, anchor, Partial::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(place, anchor, Partial::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(id) => self.alias(id, place),
            _ => Ok(None),
        }
    }

    fn place(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let clamp = |at: usize| {
            let mut at = (self.base + at).min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (clamp(range.start), clamp(range.end));
        start..end.max(start)
    }

    /// Keeps a finding unless there are too many like it. Warnings keep no error out: it would be taken for right.
    fn report(&mut self, finding: Finding) {
        let reported = match finding.severity {
            Severity::Error => &mut self.limits.errors,
            _ => &mut self.limits.warnings,
        };
        if *reported < FINDINGS_MAX {
            *reported += 1;
            self.findings.push(finding);
        }
    }

    fn refuse_tag(&mut self, tagged: bool, span: &granit_parser::Span) {
        if !tagged {
            return;
        }
        let place = span.tag_span().map_or_else(|| self.place(span), |tag| self.place(&tag));
        self.report(
            Finding::error("DR0005", self.file, place, "tags are not allowed")
                .label("a tag")
                .help("remove it; quote the value if it must be text"),
        );
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Node {
        let value = match style {
            ScalarStyle::Plain => scalar::plain(text),
            _ => Value::String(text.to_owned()),
        };
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        // The parser's end of a block is where the next thing begins.
        let end = span.start + self.text.get(span.clone()).map_or(0, |raw| raw.trim_end().len());
        let span = if style == Style::Block { span.start..end } else { span };
        let hidden = text.chars().find(|&c| is_deceptive(c));
        let raw_has_it = |c: char| self.text.get(span.clone()).is_some_and(|raw| raw.contains(c));
        let escaped = hidden.filter(|&c| !raw_has_it(c));
        if let Some(c) = escaped {
            let message = format!("the character U+{:04X} is not allowed", u32::from(c));
            self.report(Finding::error("DR0006", self.file, span.clone(), message).label("written as an escape here"));
        }
        Node { span, shape: Shape::Scalar { value, text: text.to_owned(), style }, spoilt: hidden.is_some() }
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), ()> {
        self.limits.nodes = self.limits.nodes.saturating_add(nodes);
        if self.limits.nodes <= NODES_MAX {
            return Ok(());
        }
        self.too_much(span, format!("more than {NODES_MAX} values in one file"))
    }

    /// Counts what is there once more: all values in it, and their text.
    fn count_copy(&mut self, node: &Node, span: &Span) -> Result<(), ()> {
        self.count(node.size(), span)?;
        self.limits.repeated = self.limits.repeated.saturating_add(node.bytes());
        if self.limits.repeated <= REPEATED_MAX {
            return Ok(());
        }
        self.too_much(span, format!("more than {REPEATED_MAX} bytes of text are repeated in one file"))
    }

    fn too_much(&mut self, span: &Span, message: String) -> Result<(), ()> {
        self.report(
            Finding::error("DR0009", self.file, span.clone(), message)
                .label("the file is read up to here")
                .help("split it into several files; what has an anchor counts twice, and again at every alias"),
        );
        Err(())
    }

    fn begin(&mut self, span: Span, anchor: usize, node: Partial) -> Result<Option<Node>, ()> {
        self.count(1, &span)?;
        if self.open.len() >= DEPTH_MAX {
            self.too_deep(span.clone())?;
        }
        self.open.push(Open { start: span.start, end: span.end, anchor, node });
        Ok(None)
    }

    fn too_deep(&mut self, span: Span) -> Result<(), ()> {
        let message = format!("more than {DEPTH_MAX} levels of lists and objects");
        self.report(Finding::error("DR0009", self.file, span, message).label("one level too many"));
        Err(())
    }

    fn end(&mut self, span: Span) -> Result<Option<Node>, ()> {
        let Some(open) = self.open.pop() else { return Ok(None) };
        let shape = match open.node {
            Partial::List(items) => Shape::List(items),
            Partial::Map { entries, .. } => Shape::Map(entries),
        };
        let end = if span.end > span.start { span.end } else { open.end };
        let node = Node { span: open.start..end.max(open.start), shape, spoilt: false };
        self.keep_anchor(open.anchor, &node)?;
        Ok(self.add(node))
    }

    /// Keeps a copy, which is counted: anchors within anchors would multiply.
    fn keep_anchor(&mut self, anchor: usize, node: &Node) -> Result<(), ()> {
        if anchor != 0 {
            self.count_copy(node, &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Option<Node>, ()> {
        let Some(mut node) = self.anchors.remove(&id) else {
            // Not counted, like all that is not YAML: there is at most one in a document.
            self.findings.push(
                Finding::error("DR0001", self.file, span, "an alias within what it stands for").label("has no end"),
            );
            return Err(());
        };
        self.count_copy(&node, &span)?;
        if self.open.len() + node.depth() > DEPTH_MAX {
            self.too_deep(span.clone())?;
        }
        self.anchors.insert(id, node.clone());
        node.span = span;
        Ok(self.add(node))
    }

    /// Puts a finished value where it belongs; gives it back when it is the root.
    fn add(&mut self, node: Node) -> Option<Node> {
        let Some(open) = self.open.last_mut() else {
            return Some(node);
        };
        open.end = open.end.max(node.span.end);
        match &mut open.node {
            Partial::List(items) => items.push(node),
            Partial::Map { key: key @ None, .. } => {
                *key = Some(Key::new(node));
                return None;
            }
            Partial::Map { entries, key } => {
                let key = key.take()?;
                let first = key.name.as_ref().and_then(|name| entries.iter().find(|e| e.key == *name));
                let first = first.map(|e| e.key_span.clone());
                let full = entries.len() >= FIELDS_MAX;
                self.pair(key, node, first, full);
                return None;
            }
        }
        self.check_null_item();
        None
    }

    /// Takes a key with its value into the open map, or says why not.
    fn pair(&mut self, key: Key, node: Node, first: Option<Span>, full: bool) {
        let Key { name, span, disputed, plain, quoted } = key;
        match (name, first) {
            (None, _) => self.bad_key(span, quoted),
            (Some(name), _) if name == "<<" && plain => self.merge_key(span),
            (Some(name), Some(first)) => self.duplicate(&name, span, first),
            (Some(_), None) if full => self.too_many_fields(span),
            (Some(key), None) => {
                if let Some(other) = disputed.filter(|_| self.text.get(span.clone()) == Some(&key)) {
                    self.report(super::disputed_finding(self.file, &span, &key, other));
                }
                self.insert(Entry { key, key_span: span, node });
            }
        }
    }

    fn insert(&mut self, mut entry: Entry) {
        if matches!(entry.node.shape, Shape::Scalar { value: Value::Null, .. }) {
            self.null(&entry.key, entry.key_span.clone());
            entry.node.spoilt = true;
        }
        if let Some(Open { node: Partial::Map { entries, .. }, .. }) = self.open.last_mut() {
            entries.push(entry);
        }
    }

    fn check_null_item(&mut self) {
        let Some(Open { node: Partial::List(items), .. }) = self.open.last_mut() else { return };
        let Some(item) = items.last_mut() else { return };
        if matches!(item.shape, Shape::Scalar { value: Value::Null, .. }) && !item.spoilt {
            item.spoilt = true;
            let finding = Finding::error("DR0007", self.file, item.span.clone(), "an item of the list has no value");
            self.report(finding.label("null is not a value here").help("give it a value, or leave the item out"));
        }
    }

    fn null(&mut self, key: &str, span: Span) {
        self.report(
            Finding::error("DR0007", self.file, span, format!("{} has no value", quoted(key)))
                .label("null is not a value here")
                .help("give it a value, or leave the field out for its default"),
        );
    }

    fn too_many_fields(&mut self, span: Span) {
        let message = format!("more than {FIELDS_MAX} fields in one object");
        self.report(Finding::error("DR0009", self.file, span, message).label("one too many"));
    }

    fn bad_key(&mut self, span: Span, quoted: Option<String>) {
        let as_written = self.text.get(span.clone());
        let quoted = quoted.filter(|quoted| as_written.is_some_and(|raw| *quoted == scalar::quoted(raw)));
        let finding = Finding::error("DR0008", self.file, span.clone(), "this key is not text")
            .label("keys are words")
            .help("write the key in quotes");
        self.report(match quoted {
            Some(quoted) => finding.fix(true, span, quoted),
            None => finding,
        });
    }

    fn merge_key(&mut self, span: Span) {
        self.report(
            Finding::error("DR0003", self.file, span, "merge keys are not supported")
                .label("readers of YAML disagree on what this means")
                .help("write the fields out; an alias of a whole value is fine"),
        );
    }

    fn duplicate(&mut self, key: &str, span: Span, first: Span) {
        self.report(
            Finding::error("DR0002", self.file, span, format!("{} is written twice", quoted(key)))
                .label("again here")
                .context(self.file, first, "first here")
                .help("keep one of them"),
        );
    }
}
