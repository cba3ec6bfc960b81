//! A store that was restored from an older copy: agents have heard more than it knows.

use super::board::{Board, settings};
use crate::hub::{Hub, Severity, event};
use engine::Observed;
use model::{AgentSpec, HostName, ScenarioName, view::EventView};

/// Furthest a revision that an agent reports may be above our own; a larger one is not believed.
const REVISION_AHEAD_MAX: u64 = 1 << 20;

/// Notes whether an agent of the scenario knows a later epoch than its ledger; people are told once.
pub async fn look(hub: &Hub, board: &mut Board, name: &ScenarioName, seen: &Observed) {
    let Some(entry) = board.scenarios.get(name) else { return };
    let keys = hub.keys();
    let ahead = seen.ahead(&settings(name, entry, &board.hosts, &keys), &entry.stored.ledger);
    let (before, own) = (entry.outdated, entry.stored.ledger.epoch);
    if let Some(entry) = board.scenarios.get_mut(name) {
        entry.outdated = ahead.is_some();
    }
    let Some((host, epoch)) = ahead.filter(|_| !before) else { return };
    let message = format!(
        "{host} knows epoch {epoch} of {name}, the controller only {own}: its state is older than its agents'; nothing \
         is ordered until a newer one is restored"
    );
    let told = event(Severity::Error, "StateOutdated", message);
    hub.note(EventView { scenario: Some(name.clone()), host: Some(host), ..told }).await;
}

/// Whether a spec holds a part of a scenario about which an agent knows better.
pub fn is_held(board: &Board, spec: &AgentSpec) -> bool {
    spec.scenarios.keys().any(|name| board.scenarios.get(name).is_some_and(|entry| entry.outdated))
}

/// The revision an agent holds when it is later than the one published last: it would refuse everything up to it.
pub fn above(seen: &Observed, host: &HostName, spec: Option<&AgentSpec>) -> Option<u64> {
    let own = spec.map_or(0, |spec| spec.revision);
    let held = seen.hosts.get(host)?.status.revision;
    (held > own && held - own <= REVISION_AHEAD_MAX).then_some(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Report;
    use model::AgentStatus;

    #[test]
    fn a_later_revision_is_believed_within_reason() {
        let seen = |revision| {
            let report = Report { status: AgentStatus { revision, ..AgentStatus::default() }, ..Report::default() };
            Observed { hosts: [("mx1".into(), report)].into(), ..Observed::default() }
        };
        let own = AgentSpec { revision: 5, ..AgentSpec::default() };
        let held = |revision| above(&seen(revision), &"mx1".into(), Some(&own));
        assert_eq!((held(4), held(5), held(6)), (None, None, Some(6)));
        assert_eq!(held(u64::MAX), None);
        assert_eq!(above(&seen(9), &"mx2".into(), Some(&own)), None);
    }
}
