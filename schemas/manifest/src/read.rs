//! From the text of files to typed objects and findings. Nothing stops at the first mistake.

use crate::{
    finding::{Finding, Severity, Span, sort},
    lint_settings::{self, AcceptedFinding},
    lints::{self, Item, World},
    object::{Envelope, decode, envelope},
    schema,
    tree::{Document, Node, documents_of_all, readable},
};
use model::{HostName, Kind, Object};
use std::collections::{BTreeSet, HashMap};

/// An object with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    pub object: Object,
    /// Index of the file among those that were read.
    pub file: usize,
    /// Every key and value with its place.
    pub tree: Node,
}

/// What was read: the objects that are whole, and everything there is to say about the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// Objects whose own document is right. Apply them only when no finding is an error.
    pub objects: Vec<Located>,
    /// In the order of files, lines and columns.
    pub findings: Vec<Finding>,
    /// How many documents were looked at, right or wrong.
    pub documents: usize,
    pub files: usize,
    /// Findings that are accepted, each with the reason.
    pub accepted: Vec<AcceptedFinding>,
    /// Every object whose kind is known, right or wrong, in the order of the files.
    pub subjects: Vec<Subject>,
}

/// An object that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub file: usize,
    pub kind: Kind,
    pub name: String,
}

impl Set {
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether nothing of it may be applied.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}

/// What the reader cannot see in the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Hosts that the controller stores already.
    pub known_hosts: Vec<HostName>,
}

/// Reads a whole set of `(path, text)`; references are looked up within the set.
pub fn read<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Set {
    read_with(files, &Surroundings::default())
}

/// Reads a whole set that will be joined with what is stored already.
pub fn read_with<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], surroundings: &Surroundings) -> Set {
    let mut set = Set { files: files.len(), ..Set::default() };
    let mut items = Vec::new();
    let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_ref()).collect();
    for (file, (found, findings)) in documents_of_all(&texts).into_iter().enumerate() {
        if found.is_empty() && findings.is_empty() {
            set.findings.push(nothing_in(file, texts[file]));
        }
        set.findings.extend(findings);
        set.documents += found.len();
        items.extend(found.into_iter().filter_map(|document| item(file, document, &mut set.findings)));
    }
    let world = World { items, known_hosts: &surroundings.known_hosts };
    set.findings.extend(lints::run(&world));
    settle(&world.items, &mut set);
    let whole = world.items.into_iter().filter(|item| item.bad.is_empty());
    set.objects = whole.map(|item| Located { object: item.object, file: item.file, tree: item.tree }).collect();
    sort(&mut set.findings);
    set
}

/// What can be said only when everything is found: which findings are accepted, and how people call their places.
fn settle(items: &[Item], set: &mut Set) {
    lint_settings::annotations(items, &mut set.findings, &mut set.accepted);
    set.subjects = items.iter().map(|i| Subject { file: i.file, kind: i.kind, name: i.name.clone() }).collect();
    if set.findings.is_empty() {
        return;
    }
    let mut trees = HashMap::new();
    for item in items {
        trees.entry((item.file, item.kind.as_str(), item.name.as_str())).or_insert(&item.tree);
    }
    for finding in &mut set.findings {
        let Some((kind, name)) = &finding.object else { continue };
        if let Some(tree) = trees.get(&(finding.file, kind.as_str(), name.as_str())) {
            finding.readable = readable(tree, &finding.path);
            let fixed = finding.fix.as_mut().filter(|fix| fix.safe);
            if let Some((fix, (node, _))) = fixed.zip(tree.find(&finding.path)) {
                fix.safe = node.is_replaceable();
            }
        }
    }
}

/// The text of a file; what is not UTF-8 becomes U+FFFD, which `read` refuses where it stands.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn nothing_in(file: usize, text: &str) -> Finding {
    let span: Span = 0..text.chars().next().map_or(0, char::len_utf8);
    Finding::error("DR0010", file, span, "the file holds no object")
        .severity(Severity::Warning)
        .help("an object begins with `apiVersion` and `kind`")
}

/// One document, as far as it can be understood.
fn item(file: usize, document: Document, findings: &mut Vec<Finding>) -> Option<Item> {
    let Envelope { kind, name, tree } = envelope(file, document.root, findings)?;
    let checked = schema::check(file, kind, &tree);
    let label = |finding: Finding| finding.of(kind, &name);
    findings.extend(checked.findings.into_iter().map(label));
    let mut bad = checked.bad;
    if any_spoilt(&tree) {
        spoilt(&tree, "", &mut bad);
    }
    let Some(object) = decode(kind, &tree, &bad) else {
        if bad.is_empty() {
            let span = tree.spot("/kind").unwrap_or_else(|| tree.span.clone());
            let finding = Finding::error("DR0105", file, span, format!("this {kind} cannot be read"));
            findings.push(finding.label("a value fits the schema and not its field").of(kind, &name));
        }
        return None;
    };
    Some(Item { file, tree, kind, name, object, bad })
}

fn any_spoilt(node: &Node) -> bool {
    node.spoilt || node.map().iter().any(|e| any_spoilt(&e.node)) || node.list().iter().any(any_spoilt)
}

/// Pointers of values about which a finding was made while parsing.
fn spoilt(node: &Node, pointer: &str, bad: &mut BTreeSet<String>) {
    use crate::tree::child;
    if node.spoilt {
        bad.insert(pointer.to_owned());
    }
    for entry in node.map() {
        spoilt(&entry.node, &child(pointer, &entry.key), bad);
    }
    for (index, item) in node.list().iter().enumerate() {
        spoilt(item, &child(pointer, index), bad);
    }
}
