//! Stores what an apply changes.

use super::compare::Compared;
use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    reconcile::Board,
    state::now,
    store::{
        StoreError, events,
        ledgers::{self, StoredLedger},
        objects,
    },
};
use model::{HostName, Metadata, Object, PlanName, ScenarioName, Timestamp, view::EventView};
use rusqlite::Connection;
use std::sync::Arc;
use wire::api::ObjectChange;

type Stored = (Vec<(Object, Option<StoredLedger>)>, Vec<EventView>);

/// Writes objects, first ledgers and events in one transaction, then shows them.
pub async fn store(hub: &Arc<Hub>, board: &mut Board, compared: &Compared, by: &str) -> Result<(), Refusal> {
    let now = now();
    let pairs: Vec<_> = compared.objects.iter().zip(&compared.result.changes).collect();
    let work: Vec<(Object, Option<StoredLedger>, EventView)> =
        pairs.into_iter().map(|((new, stored), change)| prepared(new, stored.as_ref(), change, now, by)).collect();
    let (objects, events) = hub.store.writing(move |c| write(c, work)).await?;
    for (object, ledger) in objects {
        let plan = matches!(object, Object::RecoveryPlan(..)).then(|| PlanName::from(object.name()));
        board.take(object, ledger);
        // Hosts and scenarios are told of by the reconciler; nothing is derived from a plan.
        plan.and_then(|name| board.plan_change(&name)).into_iter().for_each(|change| hub.feed.send(change));
    }
    for event in events {
        hub.show(event);
    }
    hub.triggers.all();
    Ok(())
}

fn prepared(
    new: &Object,
    stored: Option<&Object>,
    change: &ObjectChange,
    now: Timestamp,
    by: &str,
) -> (Object, Option<StoredLedger>, EventView) {
    let before = stored.map(Object::metadata);
    let mut object = new.clone();
    let metadata = object.metadata_mut();
    *metadata = Metadata {
        generation: Some(change.generation),
        resource_version: None,
        uid: before.and_then(|m| m.uid.clone()).or_else(|| Some(uuid::Uuid::now_v7().to_string())),
        created_at: before.and_then(|m| m.created_at).or(Some(now)),
        ..metadata.clone()
    };
    let first = match (&object, stored) {
        (Object::Scenario(_, spec), None) => Some(StoredLedger {
            ledger: engine::first_ledger(spec),
            moved_at: now,
            moved_by: "initial".to_owned(),
            changed_at: now,
            changed_by: format!("{by}, by apply"),
        }),
        _ => None,
    };
    let told = applied(&object, change, by);
    (object, first, told)
}

fn applied(object: &Object, change: &ObjectChange, by: &str) -> EventView {
    let ObjectChange { kind, name, generation, .. } = change;
    let message = match &change.deferred_by {
        Some(run) => format!("{by} applied {kind} {name}, generation {generation}, in force after run {run}"),
        None => format!("{by} applied {kind} {name}, generation {generation}"),
    };
    let event = event(Severity::Info, "ManifestApplied", message);
    match object {
        Object::Host(..) => EventView { host: Some(HostName::from(name.as_str())), ..event },
        Object::Scenario(..) => EventView { scenario: Some(ScenarioName::from(name.as_str())), ..event },
        Object::RecoveryPlan(_, spec) => EventView { scenario: Some(spec.scenario.clone()), ..event },
    }
}

fn write(c: &Connection, work: Vec<(Object, Option<StoredLedger>, EventView)>) -> Result<Stored, StoreError> {
    let (mut done, mut shown) = (Vec::new(), Vec::new());
    for (mut object, ledger, event) in work {
        let version = objects::put(c, &object)?;
        object.metadata_mut().resource_version = Some(version.to_string());
        if let Some(ledger) = &ledger {
            ledgers::put(c, &ScenarioName::from(object.name()), ledger)?;
        }
        shown.push(events::add(c, event)?);
        done.push((object, ledger));
    }
    Ok((done, shown))
}
