//! The active host is lost: what is missing is stated, and somebody vouches that it writes no more.

use super::{draft::Draft, switchover::what_is_missing};
use crate::{
    settings::Place,
    steps::{FenceActive, OperatorWord, StopServices},
};
use model::{
    Epoch, Role,
    agent_status::{LinkState, TargetState},
};

pub(super) fn draft(draft: &mut Draft<'_>) {
    let Some(from) = draft.head() else { return };
    let Some(to) = draft.successor(&from) else { return };
    draft.title = format!("{} -> {to}", from.host);
    if draft.require_answer(&to, format!("{} does not answer, so it cannot take over", to.host)) {
        draft.check(format!("{} is connected", to.host));
        guard_copy(draft, &to);
    }
    draft.require_roots(&[&to]);
    state_losses(draft, &from, &to);
    let answers = draft.fresh(&from).is_some();
    guard_fence(draft, &from, &to, answers);
    draft.check_redirection();
    add_steps(draft, &from, &to, answers);
}

/// At which epoch a fenced member stopped being active, when it is still as it was then; it lacks what came after.
fn active_until(draft: &Draft<'_>, to: &Place) -> Option<Epoch> {
    let known = draft.ledger.members.get(&to.member).filter(|known| known.role == Role::Fenced)?;
    known.divergence.filter(|divergence| !divergence.followed)?;
    draft.fresh(to).filter(|report| report.role == Role::Fenced)?;
    let lineage = &draft.ledger.lineage;
    let (last, _) = lineage.iter().rev().find(|(_, active)| **active == to.member)?;
    lineage.range(last.next()..).next().map(|(epoch, _)| *epoch)
}

/// Only a copy that was complete once may be promoted; one in the middle of a synchronization is stated.
fn guard_copy(draft: &mut Draft<'_>, to: &Place) {
    if let Some(since) = active_until(draft, to) {
        let host = &to.host;
        draft.losses.push(format!("{host} was active until epoch {since} and has nothing that was written since"));
        return;
    }
    let target = draft.fresh(to).and_then(|report| report.target.clone());
    let (name, member) = (draft.settings.scenario, to.called());
    if target.is_none() && draft.ledger.suspended.is_some() {
        let blocker = draft.block(format!("what {member} holds is unknown while replication is suspended"));
        blocker.help = vec![format!("standin resume {name}")];
        return;
    }
    let target = target.unwrap_or_default();
    match (target.state, target.synced) {
        (TargetState::Synced, _) => {}
        (TargetState::Synchronizing, Some(_)) => {
            draft
                .losses
                .push(format!("{member} is in the middle of a synchronization: its files are of different times"));
        }
        _ => {
            let help = format!("choose another replica, or wait for  standin sync {name}");
            let blocker = draft.block(format!("{member} was never synchronized, so it has nothing to take over with"));
            blocker.help = vec![help];
        }
    }
}

/// Whether everything the old active wrote is provably at its successor: it is fenced already, says so, and is drained.
fn nothing_is_missing(draft: &Draft<'_>, from: &Place, to: &Place) -> bool {
    let Some(source) = draft.fresh(from).filter(|report| report.role == Role::Fenced) else {
        return false;
    };
    let Some(target) = draft.fresh(to).and_then(|report| report.target.as_ref()) else {
        return false;
    };
    let last = source.source.as_ref().map(|source| source.last);
    let stopped = source.services.iter().all(|s| s.state == model::agent_status::ServiceState::Stopped);
    source.epoch == draft.ledger.epoch
        && draft.ledger.role(&from.member) == Role::Fenced
        && stopped
        && target.state == TargetState::Synced
        && last.is_some_and(|last| target.synced >= Some(last))
        && draft.stream(from, to).and_then(|stream| stream.unsent_bytes) == Some(0)
}

fn state_losses(draft: &mut Draft<'_>, from: &Place, to: &Place) {
    if let Some(suspended) = &draft.ledger.suspended {
        let line = format!("replication is suspended ({}): {} has nothing newer", suspended.reason, to.member);
        draft.losses.push(line);
    }
    if nothing_is_missing(draft, from, to) {
        draft.check(format!("{} is fenced and {} has everything: nothing will be lost", from.host, to.member));
        return;
    }
    draft.losses.extend(what_is_missing(draft, from, to));
    if !draft.options.allow_data_loss {
        let facts = draft.losses.clone();
        let retry = command(draft, from, to);
        let blocker = draft.block("a failover loses what has not arrived");
        blocker.facts = facts;
        blocker.help = vec![format!("accept it:  {retry}")];
        blocker.accepted_by = Some("--allow-data-loss".to_owned());
    }
}

/// The old active's own agent fences it when it answers; otherwise a person has to vouch for it.
fn guard_fence(draft: &mut Draft<'_>, from: &Place, to: &Place, answers: bool) {
    let host = &from.host;
    if answers {
        draft.check(format!("{host} answers: its own agent fences it"));
        let following = draft.stream(from, to).is_some_and(|stream| stream.state == LinkState::Following);
        if following && draft.ledger.active() == Some(&from.member) {
            let name = draft.settings.scenario;
            let to = &to.member;
            draft.check(format!("{to} follows: `standin switchover {name} --to {to}` would lose nothing"));
        }
    } else if !draft.options.no_fence {
        let silence = draft.observed.silence(host);
        let retry = command(draft, from, to);
        let blocker = draft.block(format!("{host} does not answer, so nothing proves that it has stopped writing"));
        blocker.facts = vec![silence];
        blocker.help = vec![format!("switch {host} off, then say so:  {retry}")];
        blocker.accepted_by = Some("--no-fence".to_owned());
    }
}

/// The whole command with what this failover needs accepted.
fn command(draft: &Draft<'_>, from: &Place, to: &Place) -> String {
    let name = draft.settings.scenario;
    let no_fence = if draft.fresh(from).is_some() { "" } else { " --no-fence" };
    format!("standin failover {name} --to {} --allow-data-loss{no_fence} --confirm {name}", to.member)
}

fn add_steps(draft: &mut Draft<'_>, from: &Place, to: &Place, answers: bool) {
    let (services, time) = (draft.settings.services(), draft.settings.services_time());
    let text = format!("I have checked that {} is off", from.host);
    let word = (!answers).then(|| OperatorWord { name: draft.options.by.clone(), text });
    let stops = answers && !services.is_empty() && draft.ledger.role(&from.member) == Role::Active;
    if stops {
        draft.step(StopServices { at: from.clone(), services: services.clone(), time });
    }
    let epoch = draft.next_epoch();
    let serving = !stops && draft.ledger.serving.as_ref() == Some(&from.member);
    draft.step(FenceActive { from: from.clone(), epoch, services, time, drain_to: None, word, serving });
    let drained = nothing_is_missing(draft, from, to);
    draft.promote_and_open(from, to, drained);
}
