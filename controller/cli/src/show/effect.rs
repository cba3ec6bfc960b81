//! What changes lead to, in sentences.

use crate::output::amount;
use manifest::diff::{member_of, root_of};
use model::{
    Kind,
    change::{Effect, FieldChange, ObjectChange, Stake},
};

/// The effect of one field with the data it concerns: `resync: archive to dublin, 212 GiB`.
pub fn of_field(field: &FieldChange) -> String {
    let word = field.effect.as_str();
    let Some(stake) = &field.stake else { return word.to_owned() };
    match field.effect {
        Effect::Destroys => format!("{word} {}", given_up(field, stake)),
        _ => format!("{word}: {} to {}, {}", roots(stake), members(stake), size(stake)),
    }
}

fn given_up(field: &FieldChange, stake: &Stake) -> String {
    if field.path.ends_with(".exclude") {
        return format!("what matches at {}", members(stake));
    }
    format!("{} at {}, {}", roots(stake), members(stake), size(stake))
}

fn roots(stake: &Stake) -> String {
    stake.roots.iter().map(|root| root.0.as_str()).collect::<Vec<_>>().join(", ")
}

fn members(stake: &Stake) -> String {
    stake.members.iter().map(|member| member.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// Unknown is said, and is never 0.
fn size(stake: &Stake) -> String {
    match (stake.bytes, stake.files) {
        (Some(bytes), Some(files)) => format!("{} in {} files", amount::bytes(bytes), amount::count(files)),
        (Some(bytes), None) => amount::bytes(bytes),
        _ => "size unknown".to_owned(),
    }
}

/// What each object's changes lead to: its name, and sentences, the gravest first.
pub fn lines(changes: &[ObjectChange]) -> Vec<(String, Vec<String>)> {
    changes.iter().map(|change| (change.name.clone(), sentences(change))).filter(|(_, said)| !said.is_empty()).collect()
}

fn sentences(change: &ObjectChange) -> Vec<String> {
    let mut said = match (change.kind, change.outcome()) {
        (Kind::Host, outcome) => of_host(change, outcome),
        (Kind::Scenario, "created") => vec!["is new: everything is copied to its replicas, size unknown.".to_owned()],
        (Kind::Scenario, "removed") => vec![of_removal(change)],
        (Kind::Scenario, _) => of_scenario(change),
    };
    if let Some(run) = &change.deferred_by {
        said.push(format!("In force after run {run}."));
    }
    said
}

fn of_host(change: &ObjectChange, outcome: &str) -> Vec<String> {
    match (outcome, change.effect()) {
        ("removed", Effect::Destroys) => vec!["loses its access: its certificate is not good any more.".to_owned()],
        ("removed", _) => vec![kept()],
        ("changed", Effect::Restart) => vec!["streams to it are dialled anew.".to_owned()],
        _ => Vec::new(),
    }
}

fn kept() -> String {
    "is gone from the files; the controller keeps it unless an apply is told to --prune.".to_owned()
}

fn of_removal(change: &ObjectChange) -> String {
    let stake = change.fields.iter().find_map(|field| field.stake.as_ref());
    stake.map_or_else(kept, |stake| {
        format!(
            "is not protected any more; {} at {} stays on disk and is given up, {}.",
            roots(stake),
            members(stake),
            size(stake)
        )
    })
}

fn of_scenario(change: &ObjectChange) -> Vec<String> {
    let mut said = Vec::new();
    for effect in [Effect::Destroys, Effect::Resync] {
        for field in change.fields.iter().filter(|field| field.effect == effect) {
            let sentence = field.stake.as_ref().map(|stake| of_data(field, stake, &change.name));
            said.extend(sentence.filter(|sentence| !is_part_of(field, change) && !said.contains(sentence)));
        }
    }
    if change.effect() == Effect::Restart {
        said.push("Replication starts anew; nothing that is equal is copied again.".to_owned());
    }
    if said.is_empty() {
        said.push("goes on without interruption.".to_owned());
    }
    said
}

/// A replica's side of a root that comes or goes is told with the primary's.
pub fn is_part_of(field: &FieldChange, change: &ObjectChange) -> bool {
    let Some((_, end)) = field.path.split_once("].roots[") else { return false };
    change.fields.iter().any(|other| other.path == format!("spec.primary.roots[{end}"))
}

fn of_data(field: &FieldChange, stake: &Stake, scenario: &str) -> String {
    let (roots, members, size) = (roots(stake), members(stake), size(stake));
    let path = field.path.as_str();
    let removed = path.ends_with(".exclude");
    match field.effect {
        Effect::Destroys if removed => {
            format!("What the new excludes of {roots} match is removed at {members} for good.")
        }
        Effect::Destroys => format!("{roots} at {members} is given up, {size}; what is on disk there stays."),
        _ if removed => format!("What is not excluded from {roots} any more is copied to {members}."),
        // The active member's own path: to its agent that looks like deletions.
        _ if path.ends_with(".path")
            && !stake.members.iter().any(|member| member_of(path).as_ref() == Some(member)) =>
        {
            let root = root_of(path).map(|root| root.0).unwrap_or_default();
            format!("{roots} halts at its new path until you say so: standin adopt-root {scenario} {root} --host HOST.")
        }
        _ => format!("{roots} is not protected at {members} until it is copied, {size}."),
    }
}
