//! Two roots on one host share files.

use super::{Lint, Root, World, world::lies_in};
use crate::{escape::quoted, finding::Finding};
use std::collections::HashMap;

pub const LINT: Lint = Lint { code: "DR0212", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let roots = world.roots();
    let mut seen = Seen::default();
    // Others have findings of their own.
    let usable = |r: &&Root<'_>| r.path.starts_with('/') && (2..4096).contains(&r.path.len()) && !r.host.is_empty();
    for root in roots.iter().filter(usable) {
        // Two parts on one host in one scenario are a finding of their own.
        let other =
            seen.meets(root).filter(|other| other.member == root.member || !std::ptr::eq(other.item, root.item));
        findings.extend(other.and_then(|other| overlap(root, other)));
        seen.add(root);
    }
}

/// The roots met so far, by host and path, so that a large set takes no time.
#[derive(Default)]
struct Seen<'a> {
    at: HashMap<(&'a str, &'a str), &'a Root<'a>>,
    above: HashMap<(&'a str, &'a str), &'a Root<'a>>,
}

impl<'a> Seen<'a> {
    /// An earlier root that is, holds, or lies in this one.
    fn meets(&self, root: &Root<'a>) -> Option<&'a Root<'a>> {
        let outer = parents(root.path).find_map(|path| self.at.get(&(root.host, path)));
        outer.or_else(|| self.above.get(&(root.host, plain(root.path)))).copied()
    }

    fn add(&mut self, root: &'a Root<'a>) {
        self.at.entry((root.host, plain(root.path))).or_insert(root);
        for path in parents(root.path).skip(1) {
            self.above.entry((root.host, path)).or_insert(root);
        }
    }
}

fn plain(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// A path and all that is above it, without `/`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(plain(path)), |path| {
        path.rsplit_once('/').map(|(above, _)| above).filter(|above| !above.is_empty())
    })
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
