//! How a scenario is shown, and what people are told when that changes.

use super::board::{Board, Entry, settings};
use crate::{
    hub::{Hub, Severity, event},
    store::{StoreError, events, views},
};
use engine::Observed;
use model::{
    HostName, RootName, ScenarioName, Timestamp,
    agent_status::RootState,
    view::{Condition, EventView, ScenarioView},
};
use std::collections::BTreeMap;

/// Conditions that are made from the others, or that change with every apply: shown, and not told of one by one.
const NOT_TOLD: [&str; 2] = ["Ready", "ManifestCurrent"];

/// Makes the status of a scenario again. A change is sent to watchers; a transition is stored as an event too.
pub async fn show(hub: &Hub, board: &mut Board, name: &ScenarioName, observed: &Observed) -> Result<(), StoreError> {
    let Some(entry) = board.scenarios.get(name) else { return Ok(()) };
    let keys = hub.keys();
    let settings = settings(name, entry, &board.hosts, &keys);
    let moved = (entry.stored.moved_at, entry.stored.moved_by.clone());
    let run = entry.run.as_ref().map(|run| &run.view);
    let mut view = engine::status(&settings, &entry.stored.ledger, observed, run, Some(moved));
    keep_transitions(&entry.view, &mut view, observed.now);
    let halted = halted(entry, name, observed);
    let mut told = condition_changes(&entry.view.conditions, &view.conditions);
    told.extend(root_changes(&entry.halted, &halted));
    let told = told.into_iter().map(|event| EventView { scenario: Some(name.clone()), ..event }).collect();
    let transition = statuses(&entry.view) != statuses(&view);
    let told = if transition || entry.halted != halted { store(hub, name, &view, told).await? } else { Vec::new() };
    let Some(entry) = board.scenarios.get_mut(name) else { return Ok(()) };
    entry.halted = halted;
    let changed = entry.view != view;
    entry.view = view;
    if changed && let Some(change) = board.scenario_change(name) {
        hub.feed.send(change);
    }
    told.into_iter().for_each(|event| hub.show(event));
    Ok(())
}

/// What a transition is a change of; the words beside it change all the time.
fn statuses(view: &ScenarioView) -> Vec<(&str, &str)> {
    view.conditions.iter().map(|condition| (condition.kind.as_str(), condition.status.as_str())).collect()
}

async fn store(
    hub: &Hub,
    name: &ScenarioName,
    view: &ScenarioView,
    told: Vec<EventView>,
) -> Result<Vec<EventView>, StoreError> {
    let (name, view) = (name.clone(), view.clone());
    let write = hub.store.writing(move |c| {
        views::put(c, &name, &view)?;
        told.into_iter().map(|event| events::add(c, event)).collect()
    });
    write.await
}

/// A condition keeps the time of its last transition for as long as its status stays the same.
fn keep_transitions(before: &ScenarioView, view: &mut ScenarioView, now: Timestamp) {
    for condition in &mut view.conditions {
        let same = before.conditions.iter().find(|b| b.kind == condition.kind && b.status == condition.status);
        condition.last_transition_time = same.and_then(|same| same.last_transition_time).or(Some(now));
    }
}

/// Transitions between true, false and unknown. The first look at a scenario is none.
fn condition_changes(before: &[Condition], now: &[Condition]) -> Vec<EventView> {
    let told = now.iter().filter(|condition| !NOT_TOLD.contains(&condition.kind.as_str()));
    let changed =
        told.filter(|condition| before.iter().any(|b| b.kind == condition.kind && b.status != condition.status));
    let telling = changed.map(|condition| {
        let severity = if condition.status == "True" { Severity::Info } else { Severity::Warning };
        let Condition { kind, status, reason, message, .. } = condition;
        event(severity, "ConditionChanged", format!("{kind} is {status} ({reason}): {message}"))
    });
    telling.collect()
}

type Halted = BTreeMap<(HostName, RootName), String>;

/// Roots that stand still, as far as their hosts are heard; what is not heard stays as it was.
fn halted(entry: &Entry, name: &ScenarioName, observed: &Observed) -> Halted {
    let mut halted = Halted::new();
    let (_, spec) = entry.in_force();
    for (_, host) in spec.members() {
        let Some(report) = observed.fresh(name, host) else {
            halted.extend(entry.halted.iter().filter(|((at, _), _)| at == host).map(|(k, v)| (k.clone(), v.clone())));
            continue;
        };
        for root in &report.roots {
            if let RootState::Halted { reason, message } = &root.state {
                halted.insert((host.clone(), root.name.clone()), format!("{reason:?}: {}", message.escape_debug()));
            }
        }
    }
    halted
}

fn root_changes(before: &Halted, now: &Halted) -> Vec<EventView> {
    let stopped = now.iter().filter(|(key, reason)| before.get(*key) != Some(*reason));
    let stopped = stopped.map(|((host, root), reason)| {
        let message = format!("root {root} on {host} is halted, nothing of it is replicated: {reason}");
        (host, event(Severity::Error, "RootHalted", message))
    });
    let back = before.keys().filter(|key| !now.contains_key(*key)).map(|(host, root)| {
        (host, event(Severity::Info, "RootReady", format!("root {root} on {host} is not halted any more")))
    });
    stopped.chain(back).map(|(host, event)| EventView { host: Some(host.clone()), ..event }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: &str) -> Condition {
        Condition {
            kind: "Protected".to_owned(),
            status: status.to_owned(),
            reason: "R".to_owned(),
            message: String::new(),
            last_transition_time: None,
        }
    }

    #[test]
    fn a_transition_is_told_once_and_dates_the_condition() {
        assert!(condition_changes(&[], &[condition("True")]).is_empty());
        assert!(condition_changes(&[condition("True")], &[condition("True")]).is_empty());
        assert_eq!(condition_changes(&[condition("True")], &[condition("Unknown")])[0].severity, "warning");
        let mut before = ScenarioView { conditions: vec![condition("True")], ..ScenarioView::default() };
        before.conditions[0].last_transition_time = Some(Timestamp(5));
        let mut same = ScenarioView { conditions: vec![condition("True")], ..ScenarioView::default() };
        keep_transitions(&before, &mut same, Timestamp(9));
        assert_eq!(same.conditions[0].last_transition_time, Some(Timestamp(5)));
        let mut other = ScenarioView { conditions: vec![condition("False")], ..ScenarioView::default() };
        keep_transitions(&before, &mut other, Timestamp(9));
        assert_eq!(other.conditions[0].last_transition_time, Some(Timestamp(9)));
    }

    #[test]
    fn a_halted_root_is_told_of_when_it_halts_and_when_it_is_back() {
        let halted: Halted = [(("mx1".into(), "mail".into()), "SourceEmpty: x".to_owned())].into();
        let kinds = |before: &Halted, now: &Halted| -> Vec<String> {
            root_changes(before, now).into_iter().map(|event| event.kind).collect()
        };
        assert_eq!(kinds(&Halted::new(), &halted), ["RootHalted"]);
        assert!(kinds(&halted, &halted).is_empty());
        assert_eq!(kinds(&halted, &Halted::new()), ["RootReady"]);
    }
}
