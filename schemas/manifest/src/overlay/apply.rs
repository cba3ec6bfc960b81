//! Finds the object that each partial one is about.

use super::{Places, merge};
use crate::{
    escape::quoted,
    finding::{Finding, Span},
    object::Envelope,
    suggest,
};
use model::Kind;
use std::collections::HashMap;

/// One document of one file.
pub struct Layer {
    /// Index of the file; that of all files together for a merged document.
    pub file: usize,
    pub envelope: Envelope,
}

/// The objects of the base with what the overlay says, in the order of the base.
pub fn layered(mut base: Vec<Layer>, overlay: Vec<Layer>, places: &Places, findings: &mut Vec<Finding>) -> Vec<Layer> {
    let mut known: HashMap<(Kind, String), usize> = HashMap::new();
    for (index, layer) in base.iter().enumerate() {
        known.entry((layer.envelope.kind, layer.envelope.name.clone())).or_insert(index);
    }
    let mut seen: HashMap<(Kind, String), (usize, Span)> = HashMap::new();
    for Layer { file, envelope } in overlay {
        let (key, span) = ((envelope.kind, envelope.name.clone()), title(&envelope));
        if let Some(first) = seen.get(&key) {
            findings.push(second(file, &envelope, span, first.clone()));
            continue;
        }
        seen.insert(key.clone(), (file, span.clone()));
        match known.get(&key).and_then(|index| base.get_mut(*index)) {
            Some(target) => onto(target, file, envelope, places, findings),
            None => findings.push(unmatched(file, &envelope, span, &base)),
        }
    }
    base
}

fn onto(target: &mut Layer, file: usize, envelope: Envelope, places: &Places, findings: &mut Vec<Finding>) {
    if target.file != places.together() {
        places.globalise(target.file, &mut target.envelope.tree);
        target.file = places.together();
    }
    let mut tree = envelope.tree;
    places.globalise(file, &mut tree);
    let of = |finding: Finding| finding.of(envelope.kind, &envelope.name);
    let said = merge(places.together(), &mut target.envelope.tree, tree);
    findings.extend(said.into_iter().map(of));
}

/// Where a document says what it is called.
fn title(envelope: &Envelope) -> Span {
    let tree = &envelope.tree;
    tree.spot("/metadata/name").or_else(|| tree.spot("/metadata")).or_else(|| tree.spot("/kind")).unwrap_or(0..0)
}

fn unmatched(file: usize, envelope: &Envelope, span: Span, base: &[Layer]) -> Finding {
    let Envelope { kind, name, .. } = envelope;
    if name.is_empty() {
        let finding = Finding::error("DR0102", file, span, "`name` is missing in `metadata`");
        return finding.label(format!("which {kind} does this change?")).at("/metadata/name").of(*kind, name);
    }
    let names: Vec<&str> = base.iter().filter(|b| b.envelope.kind == *kind).map(|b| b.envelope.name.as_str()).collect();
    let message = format!("no {kind} named {} to change", quoted(name));
    let finding = Finding::error("DR0702", file, span.clone(), message).at("/metadata/name").of(*kind, name);
    let finding = match suggest::closest(name, names.iter().copied()) {
        Some(meant) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
        None => finding.label("an overlay only changes objects of the base"),
    };
    finding.help("correct the name, or write the whole object into a file that `include` names")
}

fn second(file: usize, envelope: &Envelope, span: Span, first: (usize, Span)) -> Finding {
    let Envelope { kind, name, .. } = envelope;
    let message = format!("the overlay changes {kind} {} twice", quoted(name));
    Finding::error("DR0203", file, span, message)
        .label("again here")
        .context(first.0, first.1, "first here")
        .at("/metadata/name")
        .of(*kind, name)
        .help("put both changes into one object")
}
