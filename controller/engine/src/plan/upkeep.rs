//! One-step runs: everything that changes the ledger without moving the active role.

use super::draft::Draft;
use crate::{
    compose::upstream,
    settings::Place,
    steps::{
        AdoptRootIdentity, ApproveRemoval, CompareSides, ResumeReplication, ReverseReplication, Step,
        SuspendReplication, SynchronizeAll,
    },
    text,
};
use model::{
    HostName, MemberName, RootName,
    agent_status::{HaltReason, HeldRemoval, LinkState, RootState},
    ledger::Suspended,
};

pub(super) fn suspend(draft: &mut Draft<'_>) {
    draft.title = "suspend replication".to_owned();
    if let Some(suspended) = &draft.ledger.suspended {
        let fact = format!("by {}: {}", suspended.by, suspended.reason);
        draft.block("replication is already suspended").facts = vec![fact];
        return;
    }
    let reason = draft.options.reason.clone().unwrap_or_else(|| "no reason given".to_owned());
    draft.losses.push("while it is suspended nothing is protected".to_owned());
    let why = Suspended { reason, by: draft.options.by.clone() };
    let places = connected(draft);
    draft.step(SuspendReplication { why, places });
}

pub(super) fn resume(draft: &mut Draft<'_>) {
    draft.title = "resume replication".to_owned();
    match draft.ledger.suspended.clone() {
        Some(why) => {
            let places = connected(draft);
            draft.step(ResumeReplication { why, places });
        }
        None if !draft.options.reverse => {
            draft.block("replication is not suspended");
        }
        None => {}
    }
    if draft.options.reverse {
        reverse(draft);
    }
}

fn reverse(draft: &mut Draft<'_>) {
    let Some(active) = draft.active() else { return };
    let Some(home) = draft.settings.place(&MemberName::primary()) else { return };
    draft.title = format!("{} -> {home}, in reverse", active.host);
    if active.member == home.member {
        draft.block(format!("{} is active at home: there is nothing to reverse", home.host));
        return;
    }
    if draft.ledger.reverse {
        if draft.ledger.suspended.is_none() {
            draft.block("reverse replication is already on");
        }
        return;
    }
    for place in [&active, &home] {
        draft.require_answer(place, format!("{} does not answer", place.host));
    }
    draft.require_roots(&[&active, &home]);
    let divergence = draft.ledger.members.get(&home.member).and_then(|member| member.divergence);
    if let Some(divergence) = divergence {
        let (host, epoch) = (&home.host, divergence.since);
        draft.losses.push(format!("what differs on {host} is moved to .standin/quarantine/{epoch} and listed"));
    }
    draft.step(ReverseReplication { active, home, on: true });
}

pub(super) fn synchronize(draft: &mut Draft<'_>) {
    if let Some((active, targets)) = both_sides(draft) {
        draft.title = format!("synchronize {} from {}", text::list(&targets), active.host);
        draft.step(SynchronizeAll { active, targets });
    }
}

pub(super) fn compare(draft: &mut Draft<'_>) {
    if let Some((active, targets)) = both_sides(draft) {
        let root = draft.options.root.clone();
        if let Some(root) = root.as_ref().filter(|root| !draft.settings.has_root(root)) {
            let help = vec![format!("standin describe scenario {}", draft.settings.scenario)];
            draft.block(format!("there is no root {root} in {}", draft.settings.scenario)).help = help;
        }
        let step = CompareSides { active, targets, root };
        draft.title = step.title();
        draft.step(step);
    }
}

/// The active member and everybody who follows it, all of them answering and linked.
fn both_sides(draft: &mut Draft<'_>) -> Option<(Place, Vec<MemberName>)> {
    draft.require_not_suspended();
    let active = draft.active()?;
    let places = draft.settings.places().into_iter();
    let ledger = draft.ledger;
    let targets: Vec<Place> = places.filter(|place| upstream(ledger, &place.member) == Some(&active.member)).collect();
    if targets.is_empty() {
        let help = format!("standin resume {} --reverse", draft.settings.scenario);
        draft.block(format!("nobody follows {}", active.host)).help = vec![help];
    }
    if draft.require_answer(&active, format!("{} does not answer", active.host)) {
        for target in &targets {
            if draft.require_answer(target, format!("{} does not answer", target.host)) {
                require_link(draft, &active, target);
            }
        }
    }
    let places: Vec<&Place> = std::iter::once(&active).chain(&targets).collect();
    draft.require_roots(&places);
    Some((active, targets.into_iter().map(|place| place.member).collect()))
}

fn require_link(draft: &mut Draft<'_>, active: &Place, target: &Place) {
    let down = draft.stream(active, target).filter(|stream| stream.state == LinkState::Down);
    if let Some(problem) = down.map(|stream| stream.problem.clone()) {
        draft.block(format!("the link from {} to {target} is down", active.host)).facts = problem.into_iter().collect();
    }
}

pub(super) fn adopt_root(draft: &mut Draft<'_>) {
    let (Some(root), Some(host)) = (draft.options.root.clone(), draft.options.host.clone()) else {
        draft.block("it is not said which root on which host").help =
            vec![format!("standin adopt-root {} ROOT --host HOST", draft.settings.scenario)];
        return;
    };
    draft.title = format!("adopt root {root} on {host}");
    let Some(at) = draft.settings.places().into_iter().find(|place| place.host == host) else {
        draft.block(format!("{host} is not a host of {}", draft.settings.scenario));
        return;
    };
    if !draft.require_answer(&at, format!("{host} does not answer")) {
        return;
    }
    let status = draft.fresh(&at).and_then(|report| report.roots.iter().find(|status| status.name == root)).cloned();
    match status.as_ref().map(|status| status.state.clone()) {
        None => {
            draft.block(format!("{host} has no root {root}"));
        }
        Some(RootState::Halted { message, reason: HaltReason::CannotHold }) => {
            draft.block(format!("{root} on {host} would halt again")).facts = vec![message];
        }
        Some(RootState::Halted { reason: HaltReason::MassChange, message }) => {
            let help = status.and_then(|status| Some(approval(draft, &status.held_removal?)));
            let blocker = draft.block(format!("{root} on {host} is halted by a mass change, which is not adopted"));
            blocker.facts = vec![message];
            blocker.help = help.into_iter().collect();
        }
        Some(RootState::Halted { message, .. }) => {
            draft.check(format!("{root} on {host} is halted: {message}"));
            draft.losses.push(format!("what is at {root} on {host} now is taken for the truth from then on"));
            draft.step(AdoptRootIdentity { at, root });
        }
        Some(_) => {
            draft.block(format!("{root} on {host} is not halted: there is nothing to adopt"));
        }
    }
}

fn approval(draft: &Draft<'_>, held: &HeldRemoval) -> String {
    format!("standin approve {} --digest {}", draft.settings.scenario, held.digest)
}

/// Root and removal of every root that waits for a word.
fn held_removals(draft: &Draft<'_>) -> Vec<(Place, RootName, HeldRemoval)> {
    let mut held = Vec::new();
    for place in draft.settings.places() {
        for root in draft.fresh(&place).map(|report| &report.roots).into_iter().flatten() {
            if let Some(removal) = &root.held_removal {
                held.push((place.clone(), root.name.clone(), removal.clone()));
            }
        }
    }
    held
}

pub(super) fn approve(draft: &mut Draft<'_>) {
    let held = held_removals(draft);
    let digest = draft.options.digest.clone().unwrap_or_default();
    let found = held.iter().find(|(_, _, removal)| removal.digest == digest).cloned();
    let Some((at, root, removal)) = found else {
        if draft.active().is_some_and(|active| !draft.require_answer(&active, format!("{active} does not answer"))) {
            return;
        }
        let facts = held.iter().map(|(at, root, removal)| removal_text(&at.host, root, removal)).collect();
        let help = held.iter().map(|(_, _, removal)| approval(draft, removal)).collect();
        let (message, is_conflict) = match held.is_empty() {
            true => ("no root is halted by a mass change: there is nothing to approve", false),
            false => ("what waits for a word is another list than this digest stands for", true),
        };
        let blocker = draft.block(message);
        (blocker.facts, blocker.help, blocker.is_conflict) = (facts, help, is_conflict);
        return;
    };
    draft.title = format!("approve what is missing from {root} on {}", at.host);
    draft.check(format!("the list of what would go is {} on {}", removal.list, at.host));
    draft.losses.push(format!("{}, for good", removal_text(&at.host, &root, &removal)));
    draft.losses.extend(removal.sample.iter().map(|path| format!("  {path}")));
    draft.step(ApproveRemoval { at, root, digest });
}

fn removal_text(host: &HostName, root: &RootName, removal: &HeldRemoval) -> String {
    let HeldRemoval { removed, of, .. } = removal;
    format!("{removed} of {of} names of {root}, which are gone on {host}, would be removed on its replicas")
}

fn connected(draft: &Draft<'_>) -> Vec<Place> {
    draft.settings.places().into_iter().filter(|place| draft.observed.connected(&place.host)).collect()
}
