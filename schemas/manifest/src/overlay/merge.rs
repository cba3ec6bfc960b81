//! The one rule by which two trees become one.

use crate::{
    escape::quoted,
    finding::{Finding, Span},
    suggest,
    tree::{Entry, Node, Shape, child},
};
use serde_json::Value;
use std::collections::HashMap;

/// The field that takes an item of a list out.
pub const REMOVE: &str = "$remove";

/// What says which object a document is; an overlay repeats it and does not change it.
const IDENTITY: [&str; 3] = ["/apiVersion", "/kind", "/metadata/name"];

/// Merges `over` into `base`; both have spans of the file `file`. Answers what cannot be carried out.
pub fn merge(file: usize, base: &mut Node, over: Node) -> Vec<Finding> {
    let mut merging = Merging { file, findings: Vec::new(), suggested: 0 };
    merging.tree("", base, over);
    merging.findings
}

struct Merging {
    file: usize,
    findings: Vec<Finding>,
    /// How many names another one was looked for.
    suggested: usize,
}

impl Merging {
    fn tree(&mut self, pointer: &str, base: &mut Node, over: Node) {
        match (&mut base.shape, over.shape) {
            (Shape::Map(fields), Shape::Map(said)) => self.fields(pointer, fields, said),
            (_, shape) => *base = Node { shape, ..over },
        }
    }

    fn fields(&mut self, pointer: &str, fields: &mut Vec<Entry>, said: Vec<Entry>) {
        for entry in said {
            let below = child(pointer, &entry.key);
            if entry.key == REMOVE {
                self.misplaced(&entry);
            } else if IDENTITY.contains(&below.as_str()) {
                continue;
            } else if let Some(known) = fields.iter_mut().find(|known| known.key == entry.key) {
                self.field(&below, known, entry);
            } else {
                let node = self.fresh(&below, entry.node);
                fields.push(Entry { node, ..entry });
            }
        }
    }

    /// A field that both have: merged where it has parts with names, replaced with its key otherwise.
    fn field(&mut self, pointer: &str, known: &mut Entry, said: Entry) {
        match (&mut known.node.shape, said.node.shape) {
            (Shape::Map(fields), Shape::Map(more)) => self.fields(pointer, fields, more),
            (Shape::List(items), Shape::List(more)) if has_names(items) || has_names(&more) => {
                if more.is_empty() {
                    self.empty(pointer, said.key_span);
                }
                self.items(pointer, items, more);
            }
            (_, shape) => {
                let node = self.fresh(pointer, Node { shape, ..said.node });
                *known = Entry { node, ..said };
            }
        }
    }

    /// Items are matched by name; new ones come last. One without a name is added as well: the schema says why not.
    fn items(&mut self, pointer: &str, items: &mut Vec<Node>, said: Vec<Node>) {
        for item in self.once(pointer, said) {
            let known = name(&item).and_then(|name| items.iter().position(|other| self::name(other) == Some(name)));
            let below = child(pointer, known.unwrap_or(items.len()));
            match (removal(&item), known) {
                (Some(mark), known) => {
                    if self.removes(&item, mark, items, known, pointer)
                        && let Some(index) = known
                    {
                        items.remove(index);
                    }
                }
                (None, Some(index)) => self.tree(&below, &mut items[index], without_name(item)),
                (None, None) => {
                    let item = self.fresh(&below, item);
                    items.push(item);
                }
            }
        }
    }

    /// The items without those whose name is there already. One that is removed may be written anew.
    fn once(&mut self, pointer: &str, said: Vec<Node>) -> Vec<Node> {
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut first = |item: &Node| {
            let entry = item.entry("name").filter(|_| removal(item).is_none_or(|mark| !is_true(&mark.node)))?;
            let (name, span) = (entry.node.string()?, entry.node.span.clone());
            let known = seen.get(name).cloned();
            seen.entry(name.to_owned()).or_insert_with(|| span.clone());
            Some((name.to_owned(), span, known?))
        };
        let mut once = Vec::with_capacity(said.len());
        for item in said {
            match first(&item) {
                Some((name, span, first)) => self.again(pointer, &name, span, first),
                None => once.push(item),
            }
        }
        once
    }

    fn again(&mut self, pointer: &str, name: &str, span: Span, first: Span) {
        let message = format!("the name {} is used twice in this list", quoted(name));
        self.findings.push(
            Finding::error("DR0204", self.file, span, message)
                .label("again here")
                .context(self.file, first, "first here")
                .at(pointer),
        );
    }

    /// A value that the base does not have: there is nothing in it to be removed.
    fn fresh(&mut self, pointer: &str, mut node: Node) -> Node {
        match &mut node.shape {
            Shape::Scalar { .. } => {}
            Shape::Map(entries) => {
                let said = std::mem::take(entries);
                self.fields(pointer, entries, said);
            }
            Shape::List(items) if has_objects(items) => {
                let said = std::mem::take(items);
                self.items(pointer, items, said);
            }
            Shape::List(_) => {}
        }
        node
    }

    /// Whether a removal can be carried out.
    fn removes(&mut self, item: &Node, mark: &Entry, known: &[Node], at: Option<usize>, pointer: &str) -> bool {
        let finding = |span: &Span, text: String| Finding::error("DR0703", self.file, span.clone(), text);
        let list = quoted(pointer.rsplit('/').next().unwrap_or_default());
        let more = item.map().iter().find(|entry| entry.key != REMOVE && entry.key != "name");
        let finding = if !is_true(&mark.node) {
            finding(&mark.node.span, format!("`{REMOVE}` must be `true`")).label("leave the field out to keep the item")
        } else if let Some(more) = more {
            finding(&more.key_span, format!("an item that is removed has {} too", quoted(&more.key)))
                .label("this has no effect")
                .context(self.file, mark.key_span.clone(), "removed here")
                .help(format!("write only `name` and `{REMOVE}`"))
        } else if let (None, Some(name)) = (at, name(item)) {
            let names: Vec<&str> = known.iter().filter_map(self::name).collect();
            let span = item.entry("name").map_or(item.span.clone(), |entry| entry.node.span.clone());
            let finding = finding(&span, format!("{list} has no item {} that could be removed", quoted(name)));
            self.suggested += 1;
            let few = self.suggested <= suggest::SUGGESTED_MAX;
            match few.then(|| suggest::closest(name, names.iter().copied())).flatten() {
                Some(meant) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
                None if names.is_empty() => finding.label("the list has no items"),
                None => finding.label("no such item").note(format!("items: {}", suggest::names(&names))),
            }
        } else if at.is_none() {
            finding(&mark.key_span, format!("`{REMOVE}` without a `name`")).label("which item?")
        } else {
            return true;
        };
        self.findings.push(finding.at(child(pointer, at.unwrap_or(known.len()))));
        false
    }

    fn misplaced(&mut self, mark: &Entry) {
        let message = format!("`{REMOVE}` stands where nothing can be removed");
        self.findings.push(
            Finding::error("DR0703", self.file, mark.key_span.clone(), message)
                .label("only items of a list of objects can be removed")
                .help("a field of the base can be given another value, but not be taken away"),
        );
    }

    fn empty(&mut self, pointer: &str, span: Span) {
        let list = quoted(pointer.rsplit('/').next().unwrap_or_default());
        self.findings.push(
            Finding::error("DR0703", self.file, span, format!("an empty {list} changes nothing"))
                .label("lists of objects are merged by name")
                .at(pointer)
                .help(format!("remove items one by one: `{{name: NAME, {REMOVE}: true}}`")),
        );
    }
}

/// Whether the parts of a list are told apart by their names; other lists are replaced as a whole.
fn has_names(items: &[Node]) -> bool {
    items.iter().any(|item| name(item).is_some() || item.entry(REMOVE).is_some())
}

/// Whether a list has parts with fields. A value that comes from a parameter is written as an object and is none.
fn has_objects(items: &[Node]) -> bool {
    let given = |item: &Node| item.map().len() == 1 && item.entry("fromParameter").is_some();
    items.iter().any(|item| matches!(item.shape, Shape::Map(_)) && !given(item))
}

fn name(item: &Node) -> Option<&str> {
    item.get("name").and_then(Node::string)
}

/// The name only says which item is meant; the base says it too.
fn without_name(mut item: Node) -> Node {
    if let Shape::Map(entries) = &mut item.shape {
        entries.retain(|entry| entry.key != "name");
    }
    item
}

fn removal(item: &Node) -> Option<&Entry> {
    item.entry(REMOVE)
}

fn is_true(node: &Node) -> bool {
    matches!(node.shape, Shape::Scalar { value: Value::Bool(true), .. })
}
