//! A replica lacks a root of the primary, or has one more.

use super::{Item, Lint, World};
use crate::{escape::quoted, finding::Finding, suggest};
use model::{ScenarioSpec, scenario::Replica};

pub const LINT: Lint = Lint { code: "DR0210", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.scenarios() {
        for (index, replica) in spec.replicas.iter().enumerate() {
            if !misnamed(item, spec, index) {
                missing(item, spec, index, replica, findings);
            }
            surplus(item, spec, index, replica, findings);
        }
    }
}

/// Whether a name in either list is wrong, so that nobody can tell what is missing.
fn misnamed(item: &Item, spec: &ScenarioSpec, index: usize) -> bool {
    let primary = (0..spec.primary.roots.len()).map(|n| format!("/spec/primary/roots/{n}/name"));
    let count = spec.replicas[index].roots.len();
    let replica = (0..count).map(|n| format!("/spec/replicas/{index}/roots/{n}/name"));
    primary.chain(replica).any(|pointer| item.is_bad(&pointer))
}

fn missing(item: &Item, spec: &ScenarioSpec, index: usize, replica: &Replica, findings: &mut Vec<Finding>) {
    for (n, root) in spec.primary.roots.iter().enumerate() {
        if replica.roots.iter().any(|r| r.name == root.name) {
            continue;
        }
        let name = quoted(root.name.as_str());
        let message = format!("replica {} has no root for {name}", quoted(replica.name.as_str()));
        let place = item.place(format!("/spec/replicas/{index}/roots"));
        let finding = place.error(LINT.code, message).map(|f| f.label(format!("{name} is missing here")));
        let other = item.place(format!("/spec/primary/roots/{n}/name"));
        findings.extend(finding.map(|f| other.as_context(f, "the primary has it")));
    }
}

fn surplus(item: &Item, spec: &ScenarioSpec, index: usize, replica: &Replica, findings: &mut Vec<Finding>) {
    for (n, root) in replica.roots.iter().enumerate() {
        if spec.primary.roots.iter().any(|r| r.name == root.name) {
            continue;
        }
        let name = quoted(root.name.as_str());
        let place = item.place(format!("/spec/replicas/{index}/roots/{n}/name"));
        let Some(finding) = place.error(LINT.code, format!("the primary has no root named {name}")) else { continue };
        let known = spec.primary.roots.iter().map(|r| r.name.as_str());
        let finding = match (suggest::closest(root.name.as_str(), known), place.span()) {
            (Some(meant), Some(span)) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
            _ => finding.label("nothing is replicated into it"),
        };
        findings.push(item.place("/spec/primary/roots").as_context(finding, "the primary's roots"));
    }
}
