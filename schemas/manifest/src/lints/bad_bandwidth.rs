//! A bandwidth limit that never counts, or that nothing can travel under.

use super::{Item, Lint, World};
use crate::finding::Finding;
use model::elements::replication::{BandwidthLimit, LIMIT_MIN};

pub const LINT: Lint = Lint { code: "DR0223", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, spec) in world.scenarios() {
        let limits = &spec.replication.bandwidth;
        let always = limits.iter().position(|entry| entry.window.is_none());
        for (n, entry) in limits.iter().enumerate() {
            let at = format!("/spec/replication/bandwidth/{n}");
            findings.extend(always.filter(|always| *always < n).and_then(|always| never_reached(item, &at, always)));
            findings.extend(never_open(item, &at, entry));
            findings.extend(too_small(item, &at, entry));
        }
    }
}

fn never_reached(item: &Item, at: &str, always: usize) -> Option<Finding> {
    let before = item.place(format!("/spec/replication/bandwidth/{always}"));
    let finding = item.place(at).error(LINT.code, "this limit never counts")?;
    let finding = before.value_as_context(finding.label("nothing is left for it"), "this one has no window");
    Some(finding.help("write the limit without a window last"))
}

fn never_open(item: &Item, at: &str, entry: &BandwidthLimit) -> Option<Finding> {
    let window = entry.window.as_ref()?;
    let place = |field: &str| item.place(format!("{at}/window/{field}"));
    if window.from.is_end_of_day() {
        let finding = place("from").error(LINT.code, "a window cannot begin at the end of a day")?;
        return Some(finding.help("write \"00:00\", and the days after those"));
    }
    if window.from != window.to {
        return None;
    }
    let finding = place("to").error(LINT.code, "this window is never open")?;
    let finding = place("from").as_context(finding.label("it ends when it begins"), "it begins here");
    Some(finding.help("for whole days write {from: \"00:00\", to: \"24:00\"}, for all times leave `window` out"))
}

fn too_small(item: &Item, at: &str, entry: &BandwidthLimit) -> Option<Finding> {
    if entry.limit >= LIMIT_MIN {
        return None;
    }
    let finding = item.place(format!("{at}/limit")).error(LINT.code, "this limit is too small to be meant")?;
    let label = format!("less than {LIMIT_MIN}, which a link needs to stay up");
    let help = match entry.limit.0 {
        0 => "leave the entry out for no limit; `standin suspend` makes replication rest",
        _ => "a slow line is measured in Mbit/s",
    };
    Some(finding.label(label).help(help))
}
