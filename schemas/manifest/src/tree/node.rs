//! The span tree.

use super::pointer::tokens;
use crate::finding::Span;
use serde_json::{Map, Value};

/// One value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The whole value as written; for an alias, the alias.
    pub span: Span,
    pub shape: Shape,
    /// Set where a finding about this very value has been made already: nothing more is said about it.
    pub spoilt: bool,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Scalar {
        value: Value,
        /// The text as the reader sees it, before it was taken for a number or a truth value.
        text: String,
        style: Style,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes, so that other readers may take it for something else.
    Plain,
    Quoted,
    /// Behind `|` or `>`: its span is what stands below, which nothing in quotes can replace.
    Block,
}

/// One key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

impl Node {
    pub fn map(&self) -> &[Entry] {
        match &self.shape {
            Shape::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn list(&self) -> &[Node] {
        match &self.shape {
            Shape::List(items) => items,
            _ => &[],
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.map().iter().find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar that is a string.
    pub fn string(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar { value: Value::String(text), .. } => Some(text),
            _ => None,
        }
    }

    /// What other readers of YAML may take an unquoted text for: a truth value, a number, a date.
    pub fn disputed(&self) -> Option<&'static str> {
        match &self.shape {
            Shape::Scalar { value: Value::String(_), text, style: Style::Plain } => super::scalar::disputed(text),
            _ => None,
        }
    }

    /// Whether another scalar can be written in its place.
    pub fn is_replaceable(&self) -> bool {
        !matches!(self.shape, Shape::Scalar { style: Style::Block, .. })
    }

    pub fn is_scalar(&self) -> bool {
        matches!(self.shape, Shape::Scalar { .. })
    }

    /// How the value is called in a message.
    pub fn what(&self) -> &'static str {
        match &self.shape {
            Shape::List(_) => "a list",
            Shape::Map(_) => "an object",
            Shape::Scalar { value: Value::Bool(_), .. } => "a truth value",
            Shape::Scalar { value: Value::Number(_), .. } => "a number",
            Shape::Scalar { value: Value::Null, .. } => "nothing",
            Shape::Scalar { .. } => "text",
        }
    }

    /// The plain value, for the schema and for decoding.
    pub fn value(&self) -> Value {
        match &self.shape {
            Shape::Scalar { value, .. } => value.clone(),
            Shape::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Shape::Map(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.clone(), e.node.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// How many values there are in it, itself included.
    pub fn size(&self) -> usize {
        1 + match &self.shape {
            Shape::Scalar { .. } => 0,
            Shape::List(items) => items.iter().map(Node::size).sum(),
            Shape::Map(entries) => entries.iter().map(|e| e.node.size()).sum(),
        }
    }

    /// How many bytes of text there are in it, keys included.
    pub fn bytes(&self) -> usize {
        match &self.shape {
            Shape::Scalar { text, .. } => text.len(),
            Shape::List(items) => items.iter().map(Node::bytes).sum(),
            Shape::Map(entries) => entries.iter().map(|e| e.key.len() + e.node.bytes()).sum(),
        }
    }

    /// How many levels of lists and maps there are in it.
    pub fn depth(&self) -> usize {
        match &self.shape {
            Shape::Scalar { .. } => 0,
            Shape::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Shape::Map(entries) => 1 + entries.iter().map(|e| e.node.depth()).max().unwrap_or(0),
        }
    }

    /// The value at a JSON pointer, with the entry that holds it where it has a key.
    pub fn find(&self, pointer: &str) -> Option<(&Node, Option<&Entry>)> {
        let mut found = (self, None);
        for token in tokens(pointer) {
            found = match &found.0.shape {
                Shape::Map(_) => found.0.entry(&token).map(|entry| (&entry.node, Some(entry)))?,
                Shape::List(items) => (items.get(token.parse::<usize>().ok()?)?, None),
                Shape::Scalar { .. } => return None,
            };
        }
        Some(found)
    }

    /// The best place to point at for a value: a scalar itself; the key of a list or map; the `name` of a list's item.
    pub fn spot(&self, pointer: &str) -> Option<Span> {
        let (node, entry) = self.find(pointer)?;
        Some(match (entry, node.is_scalar()) {
            (_, true) => node.span.clone(),
            (Some(entry), false) => entry.key_span.clone(),
            (None, false) => node.title_span(),
        })
    }

    /// The key and, for a scalar, its value: `name: config`.
    pub fn whole(&self, pointer: &str) -> Option<Span> {
        let (node, entry) = self.find(pointer)?;
        Some(match entry {
            Some(entry) if node.is_scalar() && node.span.start >= entry.key_span.start => {
                entry.key_span.start..node.span.end
            }
            Some(entry) => entry.key_span.clone(),
            None if node.is_scalar() => node.span.clone(),
            None => node.title_span(),
        })
    }

    /// Where a map without a key of its own is pointed at: its name, or else its first key.
    fn title_span(&self) -> Span {
        let titled = self.entry("name").filter(|entry| entry.node.is_scalar());
        match (titled, self.map().first()) {
            (Some(entry), _) if entry.node.span.start >= entry.key_span.start => {
                entry.key_span.start..entry.node.span.end
            }
            (_, Some(first)) => first.key_span.clone(),
            _ => self.span.clone(),
        }
    }
}
