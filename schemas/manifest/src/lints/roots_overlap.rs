//! Two roots on one host share files.

use super::{Lint, Root, World, world::lies_in};
use crate::{escape::quoted, finding::Finding};

pub const LINT: Lint = Lint { code: "DR0212", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let roots = world.roots();
    for (index, root) in roots.iter().enumerate() {
        let overlaps = |other: &&Root<'_>| {
            // Two parts on one host in one scenario are a finding of their own.
            let comparable = other.member == root.member || !std::ptr::eq(other.item, root.item);
            let shared = lies_in(root.path, other.path) || lies_in(other.path, root.path);
            comparable && other.host == root.host && shared
        };
        let usable = |r: &Root<'_>| r.path.starts_with('/') && r.path != "/" && !r.host.is_empty();
        let Some(other) = roots[..index].iter().filter(|r| usable(r) && usable(root)).find(overlaps) else { continue };
        let whose = if std::ptr::eq(root.item, other.item) {
            format!("root {}", quoted(other.name))
        } else {
            format!("root {} of scenario {}", quoted(other.name), quoted(&other.item.name))
        };
        let message = format!("two roots on {} share files", quoted(root.host));
        let finding = root.item.place(root.pointer.clone()).error(LINT.code, message);
        let label = match (lies_in(root.path, other.path), root.path == other.path) {
            (_, true) => format!("the same directory as {whose}"),
            (true, _) => format!("lies in {whose}"),
            (false, _) => format!("holds {whose}"),
        };
        let finding = finding.map(|f| f.label(label));
        let finding = finding.map(|f| other.item.place(other.pointer.clone()).value_as_context(f, whose.clone()));
        findings.extend(finding.map(|f| f.help("a directory belongs to one root; take the outer one alone, or split it")));
    }
}
