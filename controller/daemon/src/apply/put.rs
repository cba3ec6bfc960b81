//! Stores what an apply changes.

use super::{compare::Compared, read::Written, remove};
use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    reconcile::Board,
    state::now,
    store::{
        StoreError, events,
        ledgers::{self, StoredLedger},
        objects, plans,
    },
};
use model::{
    HostName, Metadata, Object, PlanName, ScenarioName, Timestamp, change::ObjectChange, object::AppliedFrom,
    view::EventView,
};
use rusqlite::Connection;
use std::sync::Arc;
use wire::api::{Origin, Plan};

/// Everything of one transaction.
#[derive(Default)]
pub struct Work {
    objects: Vec<(Object, Option<StoredLedger>, EventView)>,
    removed: Vec<Object>,
    /// Unchanged objects that come under a project.
    adopted: Vec<Object>,
    /// The plan that is used up by this.
    plan: Option<Plan>,
}

impl Work {
    /// What is to be stored for a set; the plan it comes from is used up even when that is nothing.
    pub fn of(board: &Board, compared: &Compared, origin: Option<&Origin>, plan: Option<Plan>, by: &str) -> Self {
        let (now, changes) = (now(), &compared.result.changes);
        let pairs = compared.objects.iter().zip(changes);
        let objects = pairs.map(|((written, stored), change)| {
            let object = prepared(
                written,
                stored.as_ref(),
                change,
                applied_from(written, stored.as_ref(), origin, now, by),
                now,
            );
            let ledger = stored.is_none().then(|| first_ledger(board, &object, now, by)).flatten();
            let told = applied(&object, change, by);
            (object, ledger, told)
        });
        let adopted = compared.same.iter().filter_map(|object| adopted(object, origin));
        Self { objects: objects.collect(), removed: compared.removed.clone(), adopted: adopted.collect(), plan }
    }

    pub fn removing(removed: Vec<Object>) -> Self {
        Self { removed, ..Self::default() }
    }

    pub fn is_nothing(&self) -> bool {
        self.objects.is_empty() && self.removed.is_empty() && self.adopted.is_empty() && self.plan.is_none()
    }
}

struct Done {
    objects: Vec<(Object, Option<StoredLedger>)>,
    removed: Vec<Object>,
    adopted: Vec<Object>,
    told: Vec<EventView>,
}

/// Writes objects, first ledgers, removals and events in one transaction, then shows them.
pub async fn store(hub: &Arc<Hub>, board: &mut Board, work: Work, by: &str) -> Result<(), Refusal> {
    let by = by.to_owned();
    let _one_at_a_time = hub.membership.lock().await;
    let done = hub.store.writing(move |c| write(c, work, &by)).await?;
    for (object, ledger) in done.objects {
        let plan = matches!(object, Object::RecoveryPlan(..)).then(|| PlanName::from(object.name()));
        board.take(object, ledger);
        // Hosts and scenarios are told of by the reconciler; nothing is derived from a plan.
        plan.and_then(|name| board.plan_change(&name)).into_iter().for_each(|change| hub.feed.send(change));
    }
    done.adopted.into_iter().for_each(|object| board.take(object, None));
    remove::show(hub, board, done.removed);
    for event in done.told {
        hub.show(event);
    }
    hub.triggers.all();
    Ok(())
}

fn prepared(
    written: &Written,
    stored: Option<&Object>,
    change: &ObjectChange,
    from: AppliedFrom,
    now: Timestamp,
) -> Object {
    let before = stored.map(Object::metadata);
    let mut object = written.object.clone();
    let metadata = object.metadata_mut();
    *metadata = Metadata {
        generation: Some(change.generation),
        resource_version: None,
        uid: before.and_then(|m| m.uid.clone()).or_else(|| Some(uuid::Uuid::now_v7().to_string())),
        created_at: before.and_then(|m| m.created_at).or(Some(now)),
        applied_from: Some(from),
        ..metadata.clone()
    };
    object
}

/// Roles at home at the first epoch or, for one that was deleted and comes back, as they were.
fn first_ledger(board: &Board, object: &Object, now: Timestamp, by: &str) -> Option<StoredLedger> {
    let Object::Scenario(metadata, spec) = object else { return None };
    let changed =
        |stored: StoredLedger| StoredLedger { changed_at: now, changed_by: format!("{by}, by apply"), ..stored };
    let first = || StoredLedger {
        ledger: engine::first_ledger(spec),
        moved_at: now,
        moved_by: "initial".to_owned(),
        ..StoredLedger::default()
    };
    let former = board.former.get(&ScenarioName::from(metadata.name.as_str())).map(|former| {
        let mut stored = former.stored.clone();
        stored.ledger.revision += 1;
        stored.ledger.errands.clear();
        stored
    });
    Some(changed(former.unwrap_or_else(first)))
}

fn applied_from(
    written: &Written,
    stored: Option<&Object>,
    origin: Option<&Origin>,
    now: Timestamp,
    by: &str,
) -> AppliedFrom {
    let before = stored.and_then(|stored| stored.metadata().applied_from.as_ref());
    let origin = origin.cloned().unwrap_or_default();
    let in_repository = origin.paths.get(&written.file);
    // A single file of a project is applied now and then: it stays a part of that project.
    let same = before.filter(|before| origin.repository.is_some() && before.repository == origin.repository);
    let path = in_repository.cloned().or_else(|| (written.file != "-").then(|| written.file.clone()));
    AppliedFrom {
        repository: origin.repository.filter(|_| in_repository.is_some()),
        commit: origin.commit.filter(|_| in_repository.is_some()),
        local_changes: origin.local_changes && in_repository.is_some(),
        path,
        line: Some(written.line),
        project: origin.project.or_else(|| same.and_then(|before| before.project.clone())),
        by: by.to_owned(),
        at: now,
    }
}

/// An unchanged object of no project comes under the one that writes it.
fn adopted(object: &Object, origin: Option<&Origin>) -> Option<Object> {
    let project = origin?.project.clone()?;
    let mut object = object.clone();
    let from = object.metadata_mut().applied_from.get_or_insert_default();
    if from.project.is_some() {
        return None;
    }
    from.project = Some(project);
    Some(object)
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

fn write(c: &Connection, work: Work, by: &str) -> Result<Done, StoreError> {
    let (mut done, mut told) = (Vec::new(), Vec::new());
    if let Some(plan) = &work.plan {
        plans::use_up(c, plan, now(), by)?;
    }
    for (mut object, ledger, event) in work.objects {
        let version = objects::put(c, &object)?;
        object.metadata_mut().resource_version = Some(version.to_string());
        if let Some(ledger) = &ledger {
            ledgers::put(c, &ScenarioName::from(object.name()), ledger)?;
        }
        told.push(events::add(c, event)?);
        done.push((object, ledger));
    }
    work.adopted.iter().try_for_each(|object| objects::put_metadata(c, object))?;
    told.extend(remove::write(c, &work.removed, by)?);
    Ok(Done { objects: done, removed: work.removed, adopted: work.adopted, told })
}
