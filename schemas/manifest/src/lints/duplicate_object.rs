//! Two objects of one kind share a name.

use super::{Lint, World};
use crate::{escape::quoted, finding::Finding};
use std::collections::HashMap;

pub const LINT: Lint = Lint { code: "DR0203", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut seen = HashMap::new();
    for item in &world.items {
        let first = *seen.entry((item.kind, item.name.as_str())).or_insert(item);
        if std::ptr::eq(first, item) {
            continue;
        }
        let place = item.place("/metadata/name");
        let message = format!("a second {} named {}", item.kind, quoted(&item.name));
        let finding = place.error(LINT.code, message).map(|finding| finding.label("again here"));
        let finding = finding.map(|finding| first.place("/metadata/name").value_as_context(finding, "first here"));
        findings.extend(finding.map(|finding| finding.help("rename or remove one of them")));
    }
}
