//! A spool lies where its own writes would be replicated, or a root lies in a spool.

use super::{
    Item, Lint, Root, World,
    world::{RootIndex, lies_in, members, roots},
};
use crate::{
    escape::quoted,
    finding::{Finding, Severity},
    tree::child,
};

pub const LINT: Lint = Lint { code: "DR0214", check };

/// Where an agent keeps its state, spools included, unless it is told otherwise.
const STATE_DIRECTORY: &str = "/var/lib/standin";

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    let all = world.roots();
    let mut index = RootIndex::default();
    // Others have findings of their own.
    let usable = |r: &&Root<'_>| r.path.starts_with('/') && (2..4096).contains(&r.path.len()) && !r.host.is_empty();
    all.iter().filter(usable).for_each(|root| index.add(root));
    for (item, spec) in world.scenarios() {
        let spools = std::iter::once(&spec.primary.spool).chain(spec.replicas.iter().map(|replica| &replica.spool));
        for ((_, host, at), spool) in members(spec).into_iter().zip(spools) {
            let directory = spool.directory.as_deref();
            let pointer = || child(&child(&at, "spool"), "directory");
            findings.extend(directory.and_then(|d| written(item, pointer(), d, index.meets(host, d))));
        }
        findings.extend(roots(item, spec).iter().filter_map(state));
    }
}

fn written(item: &Item, pointer: String, directory: &str, root: Option<&Root<'_>>) -> Option<Finding> {
    let (place, root) = (item.place(pointer), root?);
    let (message, label) = match lies_in(directory, root.path) {
        true if std::ptr::eq(root.item, item) => ("the spool lies inside a root it spools for", "spool"),
        true => ("the spool lies inside a root of another scenario", "spool"),
        false => ("a root lies inside the spool", "spool"),
    };
    let finding = place.error(LINT.code, message)?.label(label);
    let finding = root
        .item
        .place(root.pointer.clone())
        .value_as_context(finding, format!("replicated root {}", quoted(root.name)));
    // Where the root itself stands in the agent's state, the default would be no better.
    let in_state = lies_in(root.path, STATE_DIRECTORY) || lies_in(STATE_DIRECTORY, root.path);
    Some(match in_state {
        true => finding.help("move one out of the other"),
        false => finding.help("move it out, or leave `directory` out: it lies in the agent's state directory then"),
    })
}

/// An agent's state, spools without a directory included, may be elsewhere: only a warning.
fn state(root: &Root<'_>) -> Option<Finding> {
    let (message, label) = match root.path {
        "/" => return None,
        path if lies_in(STATE_DIRECTORY, path) => ("the agent's own state lies inside a root", "holds"),
        path if lies_in(path, STATE_DIRECTORY) => ("a root lies where the agent keeps its own state", "lies in"),
        _ => return None,
    };
    let finding = root.item.place(root.pointer.clone()).error(LINT.code, message)?.severity(Severity::Warning);
    let finding = finding.label(format!("{label} {STATE_DIRECTORY}"));
    Some(finding.help("replicate the directories with data, or give the agent another `stateDirectory` in agent.yaml"))
}
