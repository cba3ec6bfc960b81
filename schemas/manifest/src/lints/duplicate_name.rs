//! Two items of a list share a name: lists are compared and reported by it.

use super::{Item, Lint, World};
use crate::{
    escape::quoted,
    finding::Finding,
    tree::{Node, child},
};
use std::collections::HashMap;

pub const LINT: Lint = Lint { code: "DR0204", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for item in &world.items {
        walk(item, &item.tree, "", findings);
    }
}

fn walk(item: &Item, node: &Node, pointer: &str, findings: &mut Vec<Finding>) {
    for entry in node.map() {
        walk(item, &entry.node, &child(pointer, &entry.key), findings);
    }
    let mut seen = HashMap::new();
    for (index, below) in node.list().iter().enumerate() {
        let at = child(pointer, index);
        walk(item, below, &at, findings);
        let Some(name) = below.get("name").and_then(Node::string) else { continue };
        let first = *seen.entry(name).or_insert(index);
        if first == index {
            continue;
        }
        let message = format!("the name {} is used twice in this list", quoted(name));
        let finding = item.place(child(&at, "name")).error(LINT.code, message);
        let first = item.place(child(&child(pointer, first), "name"));
        findings.extend(finding.map(|f| first.value_as_context(f.label("again here"), "first here")));
    }
}
