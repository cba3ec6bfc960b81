//! A member is on a host that nobody has described.

use super::{Lint, World, world::members};
use crate::{escape::quoted, finding::Finding, suggest, tree::child};
use model::HostName;
use std::collections::BTreeSet;

pub const LINT: Lint = Lint { code: "DR0201", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let here = world.items.iter().filter(|item| item.kind == model::Kind::Host).map(|item| item.name.as_str());
    let here: Vec<&str> = here.filter(|name| !name.is_empty()).collect();
    let known: BTreeSet<&str> =
        here.iter().copied().chain(world.surroundings.known_hosts.iter().map(HostName::as_str)).collect();
    let mut suggested = 0;
    for (item, spec) in world.scenarios() {
        for (_, host, at) in members(spec) {
            if known.contains(host) {
                continue;
            }
            let place = item.place(child(&at, "host"));
            let Some(finding) = place.error(LINT.code, format!("no Host named {}", quoted(host))) else { continue };
            suggested += 1;
            let near =
                (suggested <= suggest::SUGGESTED_MAX).then(|| suggest::closest(host, known.iter().copied())).flatten();
            let finding = match (near, place.span()) {
                (Some(meant), Some(span)) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
                _ => finding.label("no such Host"),
            };
            findings.push(finding.note(format!("Hosts in these files: {}", suggest::names(&here))));
        }
    }
}
