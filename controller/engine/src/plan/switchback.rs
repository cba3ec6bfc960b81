//! Home again: reverse replication until equal, then a switchover to the primary.

use super::{
    compose,
    draft::Draft,
    recipe::{self, Ready},
    switchover,
};
use crate::{settings::Place, text};
use model::{MemberName, agent_status::SetAside, recovery_plan::Purpose};

pub(super) fn draft(draft: &mut Draft<'_>) {
    let ready = recipe::prepare(draft, Purpose::Switchback);
    let Some(from) = draft.active() else { return };
    let Some(home) = draft.settings.place(&MemberName::primary()) else { return };
    if from.member == home.member {
        draft.block(format!("{} is already active, at home", home.host));
        return;
    }
    draft.title = format!("{} -> {home}", from.host);
    draft.require_not_suspended();
    let answers = switchover::guard_ends(draft, &from, &home);
    if answers && draft.ledger.reverse && draft.require_synced(&from, &home) {
        draft.require_small_lag(&home);
    }
    draft.require_roots(&[&from, &home]);
    draft.require_answering_services(&[&from, &home]);
    guard_discard(draft, &home);
    draft.check_redirection();
    guard_copy(draft, &home, ready.as_ref());
    switchover::add_steps(draft, &from, &home, Purpose::Switchback, ready);
}

/// Home follows the active member already, or the plan begins with that. What was drained is at home.
fn guard_copy(draft: &mut Draft<'_>, home: &Place, ready: Option<&Ready>) {
    let Some(ready) = ready else { return };
    if !draft.ledger.reverse && !ready.spec.steps.iter().any(|step| step.reverse_replication.is_some()) {
        let name = draft.settings.scenario;
        draft.block(format!("{} receives no changes, and no step of the plan begins that", home.host)).help =
            vec![format!("add a reverseReplication, or first  standin resume {name} --reverse")];
    }
    if !compose::drains(ready, home) {
        draft.block("the plan does not wait for the drain to home");
    }
}

/// Nobody guesses whose changes win: what only home has is given up only when a person says so.
fn guard_discard(draft: &mut Draft<'_>, home: &Place) {
    let name = draft.settings.scenario;
    let divergence = draft.ledger.members.get(&home.member).and_then(|member| member.divergence);
    let diverged = divergence.is_some_and(|divergence| !divergence.drained);
    let aside = draft.last(home).and_then(|report| report.target.as_ref()?.set_aside.clone());
    match draft.options.discard.as_deref() {
        None if !diverged => {}
        None => {
            let facts = facts_of(home, divergence.map(|d| d.since), aside.as_ref());
            let blocker = draft.block(format!("{} may hold changes that nobody else has", home.host));
            blocker.facts = facts;
            blocker.help = vec![
                format!("look at them, then  standin switchback {name} --discard home --confirm {name}"),
                "what differs stays in the quarantine; nothing of it comes back into the roots".to_owned(),
            ];
            blocker.accepted_by = Some("--discard home".to_owned());
        }
        Some("home") if diverged => {
            draft.losses.extend(facts_of(home, divergence.map(|d| d.since), aside.as_ref()));
        }
        Some("home") => {}
        Some("active") => {
            let blocker = draft.block("--discard active is not possible");
            blocker.facts = vec!["it would undo everything written since the roles moved".to_owned()];
            blocker.help = vec![
                format!("take what is wanted out of the quarantine of {}, by hand, into the active side", home.host),
                format!("then  standin switchback {name} --discard home --confirm {name}"),
            ];
        }
        Some(other) => {
            draft.block(format!("--discard takes `home` or `active`, not `{other}`"));
        }
    }
}

fn facts_of(home: &Place, since: Option<model::Epoch>, aside: Option<&SetAside>) -> Vec<String> {
    let host = &home.host;
    let epoch = since.map_or_else(String::new, |epoch| epoch.to_string());
    match aside {
        Some(aside) => {
            let entries = text::count(aside.entries, "entry", "entries");
            vec![format!("{entries} of {host} set aside in .standin/quarantine/{}", aside.epoch)]
        }
        None => vec![format!("what differs on {host} is moved to .standin/quarantine/{epoch} before it is replaced")],
    }
}
