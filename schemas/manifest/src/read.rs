//! From the text of files to typed objects and findings. Nothing stops at the first mistake.

use crate::{
    credential,
    finding::{Finding, Severity, Span, sort},
    lint_settings::{self, AcceptedFinding},
    lints::{self, Item, World},
    object::{Envelope, decode, envelope},
    overlay::{Layer, Places, layered},
    project, schema,
    tree::{Document, Node, Parsed, documents_of_all, readable},
};
use model::{HostName, Kind, Object, PlanName, ScenarioName};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An object with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    pub object: Object,
    /// Index of the file among those that were read.
    pub file: usize,
    /// Every key and value with its place.
    pub tree: Node,
    /// Pointers of what an overlay says, each with the index of its file; what lies below comes from there too.
    pub overlaid: BTreeMap<String, usize>,
}

impl Located {
    /// File and place of the value at a pointer, in the base or in the overlay that says it.
    pub fn at(&self, pointer: &str) -> Option<(usize, Span)> {
        let span = self.tree.spot(pointer)?;
        let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
        let said = above.chain([pointer]).rev().find_map(|pointer| self.overlaid.get(pointer));
        Some((said.copied().unwrap_or(self.file), span))
    }
}

/// What was read: the objects that are whole, and everything there is to say about the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// Objects whose own document is right. Apply them only when no finding is an error.
    pub objects: Vec<Located>,
    /// In the order of files, lines and columns.
    pub findings: Vec<Finding>,
    /// How many objects were looked at, right or wrong; a Project and parts of objects are not counted.
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
    /// Scenarios that the controller stores already.
    pub known_scenarios: Vec<ScenarioName>,
    /// RecoveryPlans that the controller stores already.
    pub known_plans: Vec<PlanName>,
}

/// Reads a whole set of `(path, text)`; references are looked up within the set.
pub fn read<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Set {
    read_with(files, &Surroundings::default())
}

/// Reads a whole set that will be joined with what is stored already.
pub fn read_with<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], surroundings: &Surroundings) -> Set {
    read_layers(files, files.len(), surroundings)
}

/// Reads a whole set of which the files from `overlay_from` on hold partial objects, merged into those before them.
///
/// **Guarantees**: a finding about a merged object points at the file and place where its value was written.
pub fn read_layers<P, T>(files: &[(P, T)], overlay_from: usize, surroundings: &Surroundings) -> Set
where
    P: AsRef<str>,
    T: AsRef<str>,
{
    let mut set = Set { files: files.len(), ..Set::default() };
    let places = Places::new(files.iter().map(|(_, text)| text.as_ref().len()));
    let (mut base, mut overlay) = (Vec::new(), Vec::new());
    let mut secrets = Vec::with_capacity(files.len());
    let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_ref()).collect();
    for (file, mut parsed) in documents_of_all(&texts).into_iter().enumerate() {
        secrets
            .push(parsed.0.iter_mut().flat_map(|document| std::mem::take(&mut document.secrets)).collect::<Vec<_>>());
        let envelopes = envelopes(file, texts[file], parsed, &mut set);
        let (layer, counted) = if file < overlay_from { (&mut base, 1) } else { (&mut overlay, 0) };
        set.documents += counted * envelopes.0;
        layer.extend(envelopes.1.into_iter().map(|envelope| Layer { file, envelope }));
    }
    let merged = layered(base, overlay, &places, &mut set.findings);
    let items = merged.into_iter().filter_map(|layer| item(layer, &mut set.findings)).collect();
    let world = World { items, surroundings };
    set.findings.extend(lints::run(&world));
    settle(&world.items, &places, &mut set);
    places.resolve(&mut set);
    let accepted = set.accepted.iter_mut().map(|accepted| &mut accepted.finding);
    for finding in set.findings.iter_mut().chain(accepted).filter(|finding| finding.code != "DR0501") {
        credential::mask(finding, secrets.get(finding.file).map_or(&[], Vec::as_slice));
    }
    let whole = world.items.into_iter().filter(|item| item.bad.is_empty());
    set.objects = whole.map(|item| places.located(item.object, item.file, item.tree)).collect();
    sort(&mut set.findings);
    set
}

/// How many objects a file holds, and those of them whose kind is known. A Project is looked at and is none of them.
fn envelopes(file: usize, text: &str, (mut found, findings): Parsed, set: &mut Set) -> (usize, Vec<Envelope>) {
    if found.is_empty() && findings.is_empty() {
        set.findings.push(nothing_in(file, text));
    }
    set.findings.extend(findings);
    found.retain(|document| {
        let is_project = project::is_project(&document.root);
        if is_project {
            set.findings.extend(project::check(file, &document.root).findings);
        }
        !is_project
    });
    let known = |document: Document| envelope(file, document.root, &mut set.findings);
    (found.len(), found.into_iter().filter_map(known).collect())
}

/// What can be said only when everything is found: which findings are accepted, and how people call their places.
fn settle(items: &[Item], places: &Places, set: &mut Set) {
    lint_settings::annotations(items, &mut set.findings, &mut set.accepted);
    let subject =
        |item: &Item| Subject { file: places.home(item.file, &item.tree), kind: item.kind, name: item.name.clone() };
    set.subjects = items.iter().map(subject).collect();
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
fn item(layer: Layer, findings: &mut Vec<Finding>) -> Option<Item> {
    let Layer { file, envelope: Envelope { kind, name, tree } } = layer;
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
pub fn spoilt(node: &Node, pointer: &str, bad: &mut BTreeSet<String>) {
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
