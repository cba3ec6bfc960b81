//! Saved plans: sealed when they are made, and believed only while everything they rest on stands still.

use super::{compare::Compared, stale};
use crate::{http::Refusal, hub::Hub, reconcile::Board, state::now, store::plans, time::utc};
use model::{HostName, Kind, Object, ScenarioName, Timestamp};
use std::{collections::BTreeSet, sync::Arc};
use wire::{
    api::{ApplyRequest, Basis, Plan},
    identity::short,
};

/// How long a plan may wait to be applied. Used ones are remembered for as long.
pub const PLAN_VALID_MILLIS: u64 = 7 * 24 * 3_600_000;

/// The plan of what was compared.
pub async fn make(
    hub: &Arc<Hub>,
    board: &Board,
    request: &ApplyRequest,
    compared: &Compared,
    by: &str,
) -> Result<Plan, Refusal> {
    let made = now();
    let mut plan = Plan {
        id: format!("p-{}", uuid::Uuid::now_v7().simple()),
        controller: hub.pin.clone(),
        made,
        by: by.to_owned(),
        expires: Timestamp(made.0 + PLAN_VALID_MILLIS),
        set: digest_of_set(request),
        digest: compared.result.digest.clone(),
        basis: basis(board, compared),
        seal: String::new(),
    };
    plan.seal = seal(&plan, hub.store.reading(plans::key).await?);
    Ok(plan)
}

/// Refuses a plan of somebody else, one that was changed, has expired or was used, or rests on what has moved.
pub async fn ensure_good(hub: &Arc<Hub>, request: &ApplyRequest) -> Result<(), Refusal> {
    let Some(plan) = &request.plan else { return Ok(()) };
    if plan.controller != hub.pin {
        return Err(Refusal::refused("this plan was made by another controller; nothing was changed")
            .fact(format!("made by {}", short(&plan.controller)))
            .fact(format!("this is {}", short(&hub.pin)))
            .help("ask that one, or plan here: standin diff --out plan.json"));
    }
    let key = hub.store.reading(plans::key).await?;
    if seal(plan, key) != plan.seal || digest_of_set(request) != plan.set {
        return Err(Refusal::refused("this plan is not as the controller made it; nothing was changed")
            .fact("it was edited, or cut short")
            .help("plan again: standin diff --out plan.json"));
    }
    let id = plan.id.clone();
    if let Some((at, by)) = hub.store.reading(move |c| plans::used(c, &id)).await? {
        let refusal = Refusal::conflict("this plan was used already, nothing was changed");
        let refusal = refusal.fact(format!("{by} applied it at {}", utc(at)));
        return Err(stale::facts(hub, plan).await?.into_iter().fold(refusal, Refusal::fact).help(stale::AGAIN));
    }
    if plan.expires <= now() {
        return Err(Refusal::conflict("this plan has expired, nothing was changed")
            .fact(format!("it was made at {} and was good until {}", utc(plan.made), utc(plan.expires)))
            .help(stale::AGAIN));
    }
    let facts = stale::facts(hub, plan).await?;
    if facts.is_empty() {
        return Ok(());
    }
    let refusal = Refusal::conflict("this plan is stale, nothing was changed");
    Err(facts.into_iter().fold(refusal, Refusal::fact).help(stale::AGAIN))
}

/// Looks once more, with the board in hand.
pub fn ensure_still(board: &Board, request: &ApplyRequest) -> Result<(), Refusal> {
    let Some(plan) = request.plan.as_ref().filter(|plan| stale::any(board, plan)) else { return Ok(()) };
    let message = format!("what plan {} rests on moved just now, nothing was changed", plan.id.escape_debug());
    Err(Refusal::conflict(message).help(stale::AGAIN))
}

/// Every object of the set, every one that goes, and the hosts that changed scenarios rest on.
fn basis(board: &Board, compared: &Compared) -> Vec<Basis> {
    let mut wanted: BTreeSet<(Kind, String)> = BTreeSet::new();
    let mut moving = BTreeSet::new();
    for ((written, _), change) in compared.objects.iter().zip(&compared.result.changes) {
        wanted.insert((written.object.kind(), written.object.name().to_owned()));
        if let Object::Scenario(metadata, spec) = &written.object {
            wanted.extend(spec.members().map(|(_, HostName(host))| (Kind::Host, host.clone())));
            let roles =
                change.fields.iter().any(|f| f.path.starts_with("spec.primary") || f.path.starts_with("spec.replicas"));
            moving.extend(roles.then(|| metadata.name.clone()));
        }
    }
    for object in compared.same.iter().chain(&compared.removed) {
        wanted.insert((object.kind(), object.name().to_owned()));
    }
    moving.extend(compared.removed.iter().filter(|o| o.kind() == Kind::Scenario).map(|o| o.name().to_owned()));
    let found = |(kind, name): (Kind, String)| {
        let metadata = board.object(kind, &name).map(|object| object.metadata().clone()).unwrap_or_default();
        let entry = board.scenarios.get(&ScenarioName(name.clone()));
        let entry = entry.filter(|_| kind == Kind::Scenario && moving.contains(&name));
        let ledger_revision = entry.map(|entry| entry.stored.ledger.revision);
        let (generation, resource_version) = (metadata.generation, metadata.resource_version);
        Basis { kind, name, generation, resource_version, ledger_revision }
    };
    wanted.into_iter().map(found).collect()
}

/// Stands for the files and for everything that goes with them.
fn digest_of_set(request: &ApplyRequest) -> String {
    let said = (&request.files, request.prune, &request.allow_empty, &request.origin);
    // Plain data has no way not to be written.
    blake3::hash(&serde_json::to_vec(&said).unwrap_or_default()).to_hex().to_string()
}

pub(super) fn seal(plan: &Plan, key: [u8; 32]) -> String {
    let unsealed = Plan { seal: String::new(), ..plan.clone() };
    blake3::keyed_hash(&key, &serde_json::to_vec(&unsealed).unwrap_or_default()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api::ManifestFile;

    #[test]
    fn a_seal_covers_everything() {
        let plan = Plan { id: "p".into(), expires: Timestamp(5), ..Plan::default() };
        let sealed = seal(&plan, [1; 32]);
        assert_eq!(seal(&Plan { seal: sealed.clone(), ..plan.clone() }, [1; 32]), sealed);
        assert_ne!(seal(&plan, [2; 32]), sealed);
        assert_ne!(seal(&Plan { expires: Timestamp(6), ..plan.clone() }, [1; 32]), sealed);
        assert_ne!(seal(&Plan { digest: "x".into(), ..plan }, [1; 32]), sealed);
    }

    #[test]
    fn a_set_is_its_files_and_what_goes_with_them() {
        let files = vec![ManifestFile { path: "a".into(), text: "b".into() }];
        let set = ApplyRequest { files, ..ApplyRequest::default() };
        let other = |change: fn(&mut ApplyRequest)| {
            let mut request = set.clone();
            change(&mut request);
            digest_of_set(&request)
        };
        assert_ne!(other(|r| r.files[0].text.push(' ')), digest_of_set(&set));
        assert_ne!(other(|r| r.prune = true), digest_of_set(&set));
        assert_eq!(
            other(|r| r.allow_destroy.push("x".into())),
            digest_of_set(&set),
            "consent is given when it is applied"
        );
    }
}
