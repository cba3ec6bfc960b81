//! Things that cannot be preserved without others.

use super::{Item, Lint, World};
use crate::finding::Finding;
use model::{ScenarioSpec, elements::preserve::Aspect};

pub const LINT: Lint = Lint { code: "DR0221", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.scenarios() {
        findings.extend(acls_alone(item, spec));
    }
}

fn acls_alone(item: &Item, spec: &ScenarioSpec) -> Option<Finding> {
    let preserve = &spec.replication.preserve;
    if !preserve.contains(&Aspect::Acls) || preserve.contains(&Aspect::Permissions) {
        return None;
    }
    let place = item.place("/spec/replication/preserve");
    let finding = place.error(LINT.code, "`acls` cannot be preserved without `permissions`")?;
    Some(finding.label("an access list holds the permissions as well").help("add `permissions`, or leave out `acls`"))
}
