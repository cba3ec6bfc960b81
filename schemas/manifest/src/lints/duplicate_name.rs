//! Two items of a list share a name: lists are compared and reported by it.

use super::{Item, Lint, World};
use crate::{
    escape::quoted,
    finding::Finding,
    tree::{Node, child, walk},
};
use std::collections::HashMap;

pub const LINT: Lint = Lint { code: "DR0204", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for item in &world.items {
        walk(&item.tree, &mut |pointer, node| twice(item, node.list(), pointer, findings));
    }
}

fn twice(item: &Item, list: &[Node], pointer: &str, findings: &mut Vec<Finding>) {
    let mut seen = HashMap::new();
    for (index, below) in list.iter().enumerate() {
        let Some(name) = below.get("name").and_then(Node::string) else { continue };
        let first = *seen.entry(name).or_insert(index);
        if first == index {
            continue;
        }
        let message = format!("the name {} is used twice in this list", quoted(name));
        let place = |index: usize| item.place(child(&child(pointer, index), "name"));
        let finding = place(index).error(LINT.code, message);
        findings.extend(finding.map(|f| place(first).value_as_context(f.label("again here"), "first here")));
    }
}
