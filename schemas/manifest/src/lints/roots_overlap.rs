//! Two roots on one host share files.

use super::{
    Lint, Root, World,
    world::{RootIndex, lies_in},
};
use crate::{escape::quoted, finding::Finding};

pub const LINT: Lint = Lint { code: "DR0212", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let roots = world.roots();
    let mut seen = RootIndex::default();
    // Others have findings of their own.
    let usable = |r: &&Root<'_>| r.path.starts_with('/') && (2..4096).contains(&r.path.len()) && !r.host.is_empty();
    for root in roots.iter().filter(usable) {
        // Two parts on one host in one scenario are a finding of their own.
        let other = seen
            .meets(root.host, root.path)
            .filter(|other| other.member == root.member || !std::ptr::eq(other.item, root.item));
        findings.extend(other.and_then(|other| overlap(root, other)));
        seen.add(root);
    }
}

fn overlap(root: &Root<'_>, other: &Root<'_>) -> Option<Finding> {
    let whose = if std::ptr::eq(root.item, other.item) {
        format!("root {}", quoted(other.name))
    } else {
        format!("root {} of scenario {}", quoted(other.name), quoted(&other.item.name))
    };
    let message = format!("two roots on {} share files", quoted(root.host));
    let finding = root.item.place(root.pointer.clone()).error(LINT.code, message)?;
    let finding = finding.label(match lies_in(root.path, other.path) {
        true if lies_in(other.path, root.path) => format!("the same directory as {whose}"),
        true => format!("lies in {whose}"),
        false => format!("holds {whose}"),
    });
    let finding = other.item.place(other.pointer.clone()).value_as_context(finding, whose);
    Some(finding.help("a directory belongs to one root; take the outer one alone, or split it"))
}
