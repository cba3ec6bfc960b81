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
        let own = roots(item, spec);
        let spools = std::iter::once(&spec.primary.spool).chain(spec.replicas.iter().map(|replica| &replica.spool));
        for ((_, host, at), spool) in members(spec).into_iter().zip(spools) {
            match &spool.directory {
                Some(directory) => findings.extend(written(
                    item,
                    child(&child(&at, "spool"), "directory"),
                    directory,
                    index.meets(host, directory),
                )),
                None => {
                    let list = child(&at, "roots") + "/";
                    let here = own.iter().filter(|root| root.pointer.starts_with(&list));
                    findings.extend(here.filter_map(state));
                }
            }
        }
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
    Some(finding.help(format!("move it out, or leave `directory` out for {STATE_DIRECTORY}/spool/{}", item.name)))
}

/// Without a directory the spool lies in the agent's state, which may be elsewhere: only a warning.
fn state(root: &Root<'_>) -> Option<Finding> {
    if !lies_in(STATE_DIRECTORY, root.path) || root.path == "/" {
        return None;
    }
    let finding = root.item.place(root.pointer.clone()).error(LINT.code, "the agent's own state lies inside a root")?;
    Some(
        finding
            .severity(Severity::Warning)
            .label(format!("holds {STATE_DIRECTORY}"))
            .help("replicate the directories with data, or give the agent another `--state`"),
    )
}
