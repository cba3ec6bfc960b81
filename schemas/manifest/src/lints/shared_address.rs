//! Two hosts are said to be reached at one address: one of them would be taken for the other.

use super::{Lint, World};
use crate::{
    escape::quoted,
    finding::{Finding, Severity},
};
use std::collections::HashMap;

pub const LINT: Lint = Lint { code: "DR0220", check };

const FIELD: &str = "/spec/replicationAddress";

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let mut seen = HashMap::new();
    for (item, spec) in world.hosts().filter(|(item, _)| !item.is_bad(FIELD)) {
        let endpoint = spec.replication_endpoint().to_ascii_lowercase();
        let (first, _) = *seen.entry(endpoint).or_insert((item, spec));
        // Two objects of one name are a finding of their own.
        if std::ptr::eq(first, item) || first.name == item.name {
            continue;
        }
        let message = format!("hosts {} and {} have one address", quoted(&first.name), quoted(&item.name));
        let finding = item.place(FIELD).error(LINT.code, message);
        let finding = finding.map(|f| first.place(FIELD).value_as_context(f.label("again here"), "first here"));
        findings.extend(
            finding.map(|f| f.severity(Severity::Warning).help("each agent listens at an address and port of its own")),
        );
    }
}
