//! Specs: composed, stored, then published.

use super::{
    board::{Board, settings},
    outdated::{above, is_held},
};
use crate::{
    hub::Hub,
    store::{StoreError, specs},
};
use engine::Observed;
use model::{AgentSpec, HostName, ScenarioName};
use std::collections::BTreeMap;

/// Composes a scenario and publishes the specs of the hosts for which that makes a difference.
///
/// **Guarantees** that a spec is stored with its revision before any agent can see it, and that nothing of a ledger
/// goes out which is older than what an agent knows.
pub async fn publish(hub: &Hub, board: &mut Board, name: &ScenarioName, seen: &Observed) -> Result<(), StoreError> {
    let Some(entry) = board.scenarios.get(name).filter(|entry| !entry.outdated) else { return Ok(()) };
    let keys = hub.keys();
    let parts = engine::compose(&settings(name, entry, &board.hosts, &keys), &entry.stored.ledger);
    let mut changed: BTreeMap<HostName, AgentSpec> = BTreeMap::new();
    for (host, spec) in &board.specs {
        if spec.scenarios.contains_key(name) && !parts.contains_key(host) {
            changed.entry(host.clone()).or_insert_with(|| next(host, Some(spec), seen)).scenarios.remove(name);
        }
    }
    for (host, part) in parts {
        let spec = board.specs.get(&host);
        let differs = spec.and_then(|spec| spec.scenarios.get(name)) != Some(&part);
        if differs || above(seen, &host, spec).is_some() {
            let changed = changed.entry(host.clone()).or_insert_with(|| next(&host, spec, seen));
            changed.scenarios.insert(name.clone(), part);
        }
    }
    changed.retain(|_, spec| !is_held(board, spec));
    send(hub, board, changed.into_values().collect()).await
}

/// Takes deleted scenarios out of every spec: their agents stop, keep the data and forget the rest.
pub async fn withdraw(hub: &Hub, board: &mut Board, seen: &Observed) -> Result<(), StoreError> {
    let gone = |name: &ScenarioName| !board.scenarios.contains_key(name);
    let concerned = board.specs.iter().filter(|(_, spec)| spec.scenarios.keys().any(gone));
    let mut changed: Vec<AgentSpec> = concerned.map(|(host, spec)| next(host, Some(spec), seen)).collect();
    changed.iter_mut().for_each(|spec| spec.scenarios.retain(|name, _| !gone(name)));
    changed.retain(|spec| !is_held(board, spec));
    send(hub, board, changed).await
}

/// Gives every known host a spec, if only an empty one: an agent rests until it has heard from its controller.
pub async fn publish_hosts(hub: &Hub, board: &mut Board, seen: &Observed) -> Result<(), StoreError> {
    let joined = hub.keys();
    let known = board.hosts.keys().chain(joined.keys());
    let wanting = known.filter(|host| match board.specs.get(*host) {
        None => true,
        Some(spec) => above(seen, host, Some(spec)).is_some() && !is_held(board, spec),
    });
    let fresh: BTreeMap<_, _> = wanting.map(|host| (host.clone(), next(host, board.specs.get(host), seen))).collect();
    send(hub, board, fresh.into_values().collect()).await
}

/// The next spec of a host: above everything that was published to it, and above what its agent holds.
fn next(host: &HostName, spec: Option<&AgentSpec>, seen: &Observed) -> AgentSpec {
    let known = above(seen, host, spec);
    let spec = spec.cloned().unwrap_or_default();
    if let Some(held) = known {
        tracing::warn!(%host, held, own = spec.revision, "the agent holds a later spec than this controller knows");
    }
    AgentSpec { revision: known.unwrap_or(spec.revision) + 1, host: host.clone(), ..spec }
}

async fn send(hub: &Hub, board: &mut Board, changed: Vec<AgentSpec>) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let changed = hub.store.writing(move |c| {
        changed.iter().try_for_each(|spec| specs::put(c, spec))?;
        Ok(changed)
    });
    for spec in changed.await? {
        board.specs.insert(spec.host.clone(), spec.clone());
        hub.posts.publish(spec);
    }
    Ok(())
}
