//! A host or replica is called by a word that stands for a role.

use super::{Lint, World};
use crate::{finding::Finding, suggest};
use model::{names::RESERVED_NAMES, recovery_plan::BUILT_IN};

pub const LINT: Lint = Lint { code: "DR0205", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let hosts = world.hosts().map(|(item, _)| (item, item.name.as_str(), "/metadata/name".to_owned()));
    let replicas = world.scenarios().flat_map(|(item, spec)| {
        let replicas = spec.replicas.iter().enumerate();
        replicas.map(move |(n, replica)| (item, replica.name.as_str(), format!("/spec/replicas/{n}/name")))
    });
    for (item, name, pointer) in hosts.chain(replicas) {
        if !RESERVED_NAMES.contains(&name) {
            continue;
        }
        let finding = item.place(pointer).error(LINT.code, format!("`{name}` stands for a role"));
        let note = format!("not names of hosts or replicas: {}", suggest::list(&RESERVED_NAMES, "and"));
        findings.extend(finding.map(|f| f.label("cannot be the name of a host or replica").note(note)));
    }
    for (item, _) in world.plans().filter(|(item, _)| item.name == BUILT_IN) {
        let finding =
            item.place("/metadata/name").error(LINT.code, format!("`{BUILT_IN}` stands for the plan Standin makes"));
        findings.extend(finding.map(|f| f.label("cannot be the name of a RecoveryPlan")));
    }
}
