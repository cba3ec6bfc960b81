//! A YAML document as something that can be cut, grafted and written in many ways.

use crate::chance::Chance;
use manifest::tree::{Node, Shape};

#[derive(Clone, Debug)]
pub enum Plant {
    /// As it stands in the text: with quotes, anchors and all.
    Leaf(String),
    List(Vec<Plant>),
    Map(Vec<(String, Plant)>),
    /// `&a1 ` or `!tag ` before another.
    Marked(String, Box<Plant>),
}

impl Plant {
    /// What a document was read as.
    pub fn of(node: &Node, text: &str) -> Self {
        match &node.shape {
            Shape::List(items) => Self::List(items.iter().map(|item| Self::of(item, text)).collect()),
            Shape::Map(entries) => Self::Map(entries.iter().map(|e| (key(&e.key), Self::of(&e.node, text))).collect()),
            Shape::Scalar { text: value, .. } => {
                let raw = text.get(node.span.clone()).filter(|raw| !raw.contains(['\n', '*']) && !raw.is_empty());
                Self::Leaf(raw.map_or_else(|| manifest::tree::quoted(value), str::to_owned))
            }
        }
    }

    pub fn size(&self) -> usize {
        1 + match self {
            Self::Leaf(_) => 0,
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Map(entries) => entries.iter().map(|(_, below)| below.size()).sum(),
            Self::Marked(_, below) => below.size(),
        }
    }

    /// Part number `n`, counted from the root down.
    pub fn part(&mut self, n: usize) -> Option<&mut Self> {
        self.find(&mut { n })
    }

    fn find(&mut self, left: &mut usize) -> Option<&mut Self> {
        if *left == 0 {
            return Some(self);
        }
        *left -= 1;
        match self {
            Self::Leaf(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.find(left)),
            Self::Map(entries) => entries.iter_mut().find_map(|(_, below)| below.find(left)),
            Self::Marked(_, below) => below.find(left),
        }
    }

    pub fn any_part(&mut self, chance: &mut Chance) -> &mut Self {
        let n = chance.below(self.size());
        // The size says that there is such a part.
        self.part(n).unwrap()
    }

    /// Writes it, in blocks or between brackets as chance wants it.
    pub fn write(&self, chance: &mut Chance, out: &mut String) {
        let flow = chance.once_in(4);
        if flow {
            self.flow(out)
        } else {
            self.block(chance, out, 0)
        }
        out.push('\n');
    }

    fn flow(&self, out: &mut String) {
        match self {
            Self::Leaf(text) => out.push_str(text),
            Self::Marked(mark, below) => {
                out.push_str(mark);
                below.flow(out);
            }
            Self::List(items) => {
                out.push('[');
                for item in items {
                    item.flow(out);
                    out.push_str(", ");
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (key, below) in entries {
                    out.push_str(key);
                    out.push_str(": ");
                    below.flow(out);
                    out.push_str(", ");
                }
                out.push('}');
            }
        }
    }

    fn block(&self, chance: &mut Chance, out: &mut String, indent: usize) {
        /// Deeper blocks are lines of nothing but blanks.
        const DEEPEST: usize = 200;
        let inline = chance.once_in(6) || indent > DEEPEST;
        match self {
            Self::List(items) if !inline && !items.is_empty() => {
                for item in items {
                    out.push('\n');
                    out.push_str(&" ".repeat(indent));
                    out.push_str("- ");
                    item.block(chance, out, indent + 2);
                }
            }
            Self::Map(entries) if !inline && !entries.is_empty() => {
                for (key, below) in entries {
                    out.push('\n');
                    out.push_str(&" ".repeat(indent));
                    out.push_str(key);
                    out.push_str(": ");
                    below.block(chance, out, indent + 2);
                    if chance.once_in(30) {
                        out.push_str(" # ü remark");
                    }
                }
            }
            Self::Marked(mark, below) => {
                out.push_str(mark);
                below.block(chance, out, indent);
            }
            other => other.flow(out),
        }
    }
}

/// A key as it can stand in a text.
pub fn key(text: &str) -> String {
    manifest::tree::written(text)
}
