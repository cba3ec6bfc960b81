//! A value that looks like a secret: manifests are read by everybody who can read the repository.

use super::{Item, Lint, World};
use crate::{
    credential::{Look, each},
    finding::{Finding, Severity},
};

pub const LINT: Lint = Lint { code: "DR0501", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for item in &world.items {
        each(&item.tree, &mut |pointer, _, what| findings.extend(finding(item, pointer, what)));
    }
}

fn finding(item: &Item, pointer: &str, what: Look) -> Option<Finding> {
    let finding = item.place(pointer).error(LINT.code, format!("this looks like {}", what.name))?;
    let severity = if what.certain { Severity::Error } else { Severity::Warning };
    Some(
        finding
            .severity(severity)
            .label("everybody who can read this file has it")
            .help("keep it in a file on the host that uses it, readable by root alone, and have the script read that")
            .help("it has been seen: make a new one, and take the old one out of force"),
    )
}
