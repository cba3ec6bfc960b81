//! One host has two parts in a scenario: it cannot stand in for itself.

use super::{Lint, World, world::members};
use crate::{escape::quoted, finding::Finding, tree::child};

pub const LINT: Lint = Lint { code: "DR0206", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.scenarios() {
        let members = members(spec);
        for (index, (_, host, at)) in members.iter().enumerate() {
            let first = members[..index].iter().find(|(_, other, _)| other == host && !host.is_empty());
            let Some((member, _, first)) = first else { continue };
            let message = format!("host {} has two parts in this scenario", quoted(host));
            let finding = item.place(child(at, "host")).error(LINT.code, message).map(|f| f.label("again here"));
            let first = item.place(child(first, "host"));
            let finding = finding.map(|f| first.value_as_context(f, format!("`{member}` is here")));
            findings.extend(finding.map(|f| f.help("a stand-in needs a host of its own")));
        }
    }
}
