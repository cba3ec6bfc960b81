//! Specs: composed, stored, then published.

use super::board::{Board, settings};
use crate::{
    hub::Hub,
    store::{StoreError, specs},
};
use model::{AgentSpec, HostName, ScenarioName};
use std::collections::BTreeMap;

/// Composes a scenario and publishes the specs of the hosts for which that makes a difference.
///
/// **Guarantees** that a spec is stored with its revision before any agent can see it.
pub async fn publish(hub: &Hub, board: &mut Board, name: &ScenarioName) -> Result<(), StoreError> {
    let Some(entry) = board.scenarios.get(name) else { return Ok(()) };
    let keys = hub.keys();
    let parts = engine::compose(&settings(name, entry, &board.hosts, &keys), &entry.stored.ledger);
    let mut changed: BTreeMap<HostName, AgentSpec> = BTreeMap::new();
    for (host, spec) in &board.specs {
        if spec.scenarios.contains_key(name) && !parts.contains_key(host) {
            changed.entry(host.clone()).or_insert_with(|| next(host, Some(spec))).scenarios.remove(name);
        }
    }
    for (host, part) in parts {
        let spec = board.specs.get(&host);
        if spec.and_then(|spec| spec.scenarios.get(name)) != Some(&part) {
            let changed = changed.entry(host.clone()).or_insert_with(|| next(&host, spec));
            changed.scenarios.insert(name.clone(), part);
        }
    }
    send(hub, board, changed.into_values().collect()).await
}

/// Gives every known host a spec, if only an empty one: an agent rests until it has heard from its controller.
pub async fn publish_hosts(hub: &Hub, board: &mut Board) -> Result<(), StoreError> {
    let joined = hub.keys();
    let known = board.hosts.keys().chain(joined.keys());
    let missing = known.filter(|host| !board.specs.contains_key(*host));
    let fresh: BTreeMap<_, _> = missing.map(|host| (host.clone(), next(host, None))).collect();
    send(hub, board, fresh.into_values().collect()).await
}

fn next(host: &HostName, spec: Option<&AgentSpec>) -> AgentSpec {
    let spec = spec.cloned().unwrap_or_default();
    AgentSpec { revision: spec.revision + 1, host: host.clone(), ..spec }
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
