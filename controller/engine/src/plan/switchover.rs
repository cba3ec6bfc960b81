//! Both sides are alive: nothing is lost.

use super::{
    builtin::builtin,
    compose,
    draft::Draft,
    recipe::{self, Ready},
};
use crate::{settings::Place, text};
use model::{Timestamp, recovery_plan::Purpose};
use std::collections::BTreeMap;

pub(super) fn draft(draft: &mut Draft<'_>) {
    let ready = recipe::prepare(draft, Purpose::Switchover);
    let Some(from) = draft.active() else { return };
    if !from.member.is_primary() && draft.to.as_ref().is_none_or(|to| to.is_primary()) {
        let help = format!("standin switchback {}", draft.settings.scenario);
        draft.block(format!("{from} is already active; home is reached by a switchback")).help = vec![help];
        return;
    }
    let Some(to) = draft.successor(&from) else { return };
    draft.title = format!("{} -> {to}", from.host);
    draft.require_not_suspended();
    if guard_ends(draft, &from, &to) && draft.require_synced(&from, &to) {
        draft.require_small_lag(&to);
    }
    draft.require_roots(&[&from, &to]);
    draft.require_answering_services(&[&from, &to]);
    guard_drain(draft, &from, &to, ready.as_ref());
    draft.check_redirection();
    add_steps(draft, &from, &to, Purpose::Switchover, ready);
}

/// Both ends answer. A dead source is refused with what is known to be missing and the command that accepts it.
pub(super) fn guard_ends(draft: &mut Draft<'_>, from: &Place, to: &Place) -> bool {
    let target = draft.require_answer(to, format!("{} does not answer, so it cannot take over", to.host));
    let source = draft.require_answer(from, format!("{} does not answer, so nothing can be drained", from.host));
    if source && target {
        draft.check(format!("{} and {} are connected", from.host, to.host));
        return true;
    }
    if !source {
        let missing = what_is_missing(draft, from, to);
        let (name, host) = (draft.settings.scenario, &from.host);
        let help = vec![
            format!("wait for {host}, or switch it off and accept that loss"),
            format!("  standin failover {name} --to {} --allow-data-loss --no-fence --confirm {name}", to.member),
        ];
        if let Some(blocker) = draft.blockers.last_mut() {
            blocker.facts.extend(missing);
            blocker.help = help;
        }
    }
    false
}

/// What is known not to have arrived. "At least": the controller knows what the source reported, not what it wrote.
pub(super) fn what_is_missing(draft: &Draft<'_>, from: &Place, to: &Place) -> Vec<String> {
    let (member, host) = (to.called(), &from.host);
    let mut facts = Vec::new();
    let target = draft.last(to).and_then(|report| report.target.as_ref());
    // It may not have heard of a new active yet: what it has is of the one it last followed.
    let followed = target.and_then(|target| draft.settings.spec.host_of(&target.source)).unwrap_or(host);
    if let Some(lag) = target.and_then(|target| target.lag) {
        let until = text::clock(Timestamp(lag.measured_at.0.saturating_sub(lag.millis)));
        facts.push(format!("{member} has everything {followed} wrote until {until}"));
    } else if let Some(mark) = target.and_then(|target| target.synced) {
        facts.push(format!("{member} has everything {followed} captured up to change {mark}"));
    }
    if followed != host {
        facts.push(format!("{member} has received nothing from {host}"));
    }
    facts.push(match draft.stream(from, to).and_then(|stream| stream.unsent_bytes) {
        Some(bytes) if bytes > 0 => {
            format!("at least {} after that is on {host} only", text::bytes(bytes))
        }
        Some(_) => format!("whatever {host} wrote after its last report is on {host} only: how much is unknown"),
        None => format!("how much is on {host} only is unknown"),
    });
    facts
}

/// Draining may be left out only where the manifest allows it and a person accepts it; then the loss is stated.
fn guard_drain(draft: &mut Draft<'_>, from: &Place, to: &Place, ready: Option<&Ready>) {
    let skipped = draft.options.skip_drain;
    let drains = ready.map(|ready| compose::drains(ready, to));
    if drains == Some(true) && skipped {
        draft.block("--skip-drain is refused").facts = vec!["the plan waits for the drain".to_owned()];
    }
    if drains == Some(true) || (drains.is_none() && !skipped) {
        return;
    }
    if draft.settings.spec.switchover.guards.require_drain {
        let message = if skipped { "--skip-drain is refused" } else { "the plan does not wait for the drain" };
        draft.block(message).facts = vec!["switchover.guards.requireDrain is true".to_owned()];
    } else if !skipped {
        draft.block("the plan does not wait for the drain").accepted_by = Some("--skip-drain".to_owned());
    }
    draft.losses.push(format!("what {} has captured and not sent is not waited for", from.host));
}

/// The steps of the plan that is followed, or of the built-in one.
pub(super) fn add_steps(draft: &mut Draft<'_>, from: &Place, to: &Place, purpose: Purpose, ready: Option<Ready>) {
    let named = ready.is_some();
    let ready = ready.unwrap_or_else(|| {
        let drained = !draft.options.skip_drain;
        let spec = builtin(purpose, draft.settings.scenario, draft.settings.spec, drained);
        Ready { spec, values: BTreeMap::new() }
    });
    if let Some(recipe) = &draft.options.plan {
        draft.title.push_str(&format!(", plan {}", recipe.source.name));
    }
    compose::add_steps(draft, from, to, &ready, named);
}
