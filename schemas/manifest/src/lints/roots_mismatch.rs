//! A replica lacks a root of the primary, or has one more.

use super::{Item, Lint, World};
use crate::{
    escape::quoted,
    finding::{FINDINGS_MAX, Finding},
    suggest,
};
use model::{RootName, ScenarioSpec, scenario::Replica};
use std::collections::HashSet;

pub const LINT: Lint = Lint { code: "DR0210", check };

/// Most names a suggestion is looked for among.
const SUGGESTED_FROM: usize = 50;

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut own = Vec::new();
    for (item, spec) in world.scenarios() {
        let unclear = misnamed(item, "/spec/primary/roots", spec.primary.roots.len());
        for (index, replica) in spec.replicas.iter().enumerate() {
            if !unclear && !misnamed(item, &format!("/spec/replicas/{index}/roots"), replica.roots.len()) {
                missing(item, spec, index, replica, &mut own);
            }
            surplus(item, spec, index, replica, &mut own);
        }
    }
    findings.append(&mut own);
}

/// Whether a name in a list is wrong, so that nobody can tell what is missing.
fn misnamed(item: &Item, list: &str, count: usize) -> bool {
    (0..count).any(|n| item.is_bad(&format!("{list}/{n}/name")))
}

fn missing(item: &Item, spec: &ScenarioSpec, index: usize, replica: &Replica, findings: &mut Vec<Finding>) {
    let present: HashSet<&RootName> = replica.roots.iter().map(|root| &root.name).collect();
    for (n, root) in spec.primary.roots.iter().enumerate() {
        // Every pair of a replica and a root can be one: more than are kept need not be made.
        if present.contains(&root.name) || findings.len() > FINDINGS_MAX {
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
    let known: HashSet<&RootName> = spec.primary.roots.iter().map(|root| &root.name).collect();
    for (n, root) in replica.roots.iter().enumerate() {
        if known.contains(&root.name) || findings.len() > FINDINGS_MAX {
            continue;
        }
        let name = quoted(root.name.as_str());
        let place = item.place(format!("/spec/replicas/{index}/roots/{n}/name"));
        let Some(finding) = place.error(LINT.code, format!("the primary has no root named {name}")) else { continue };
        let known = spec.primary.roots.iter().map(|r| r.name.as_str()).take(SUGGESTED_FROM);
        let finding = match (suggest::closest(root.name.as_str(), known), place.span()) {
            (Some(meant), Some(span)) => finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant),
            _ => finding.label("nothing is replicated into it"),
        };
        findings.push(item.place("/spec/primary/roots").as_context(finding, "the primary's roots"));
    }
}
