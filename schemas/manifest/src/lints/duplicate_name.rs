//! Two items of a list share a name: lists are compared and reported by it.

use super::{Item, Lint, World};
use crate::{
    escape::quoted,
    finding::Finding,
    tree::{Node, child},
};

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
    let name = |node: &Node| node.get("name").and_then(Node::string).map(str::to_owned);
    for (index, below) in node.list().iter().enumerate() {
        let at = child(pointer, index);
        walk(item, below, &at, findings);
        let Some(own) = name(below) else { continue };
        let first = node.list()[..index].iter().position(|other| name(other).as_deref() == Some(own.as_str()));
        let Some(first) = first else { continue };
        let message = format!("the name {} is used twice in this list", quoted(&own));
        let finding = item.place(child(&at, "name")).error(LINT.code, message).map(|finding| finding.label("again here"));
        let first = item.place(child(&child(pointer, first), "name"));
        findings.extend(finding.map(|finding| first.value_as_context(finding, "first here")));
    }
}
