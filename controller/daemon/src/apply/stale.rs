//! Who moved what a plan rests on.

use crate::{
    http::Refusal,
    hub::Hub,
    reconcile::Board,
    store::{events, objects},
    time::utc,
};
use model::{Kind, Object, ScenarioName, object::AppliedFrom};
use std::sync::Arc;
use wire::api::{Basis, Plan};

/// What to do about it.
pub const AGAIN: &str = "plan again: standin diff --out plan.json";

/// Fields of one object that are listed.
const FIELDS_MAX: usize = 10;

/// What has moved since the plan was made, in lines; empty when nothing has.
pub async fn facts(hub: &Arc<Hub>, plan: &Plan) -> Result<Vec<String>, Refusal> {
    let mut facts = Vec::new();
    for basis in &plan.basis {
        let moved = { moved(&*hub.board.lock().await, basis) };
        match moved {
            None => {}
            Some(Moved::Gone) => {
                facts.push(was(plan, basis, "it is gone now"));
                facts.extend(who_deleted(hub, basis).await?);
            }
            Some(Moved::Changed(now)) => {
                facts.push(was(plan, basis, &is_now(basis, &now)));
                facts.push(who_applied(now.metadata().applied_from.as_ref()));
                facts.extend(what_changed(hub, basis, *now).await?);
            }
            Some(Moved::Roles { before, now, by, at }) => {
                facts.push(format!(
                    "the roles of {} were at revision {before} when the plan was made; they are at {now} now",
                    basis.name
                ));
                facts.push(format!("moved by {by} at {at}"));
            }
        }
    }
    Ok(facts)
}

/// Whether anything has moved since the plan was made.
pub fn any(board: &Board, plan: &Plan) -> bool {
    plan.basis.iter().any(|basis| moved(board, basis).is_some())
}

enum Moved {
    Gone,
    Changed(Box<Object>),
    Roles { before: u64, now: u64, by: String, at: String },
}

fn moved(board: &Board, basis: &Basis) -> Option<Moved> {
    let now = board.object(basis.kind, &basis.name);
    let version = now.as_ref().and_then(|object| object.metadata().resource_version.clone());
    match now {
        None if basis.resource_version.is_none() => return None,
        None => return Some(Moved::Gone),
        Some(now) if version != basis.resource_version => return Some(Moved::Changed(Box::new(now))),
        Some(_) => {}
    }
    let before = basis.ledger_revision?;
    let stored = &board.scenarios.get(&ScenarioName::from(basis.name.as_str()))?.stored;
    let now = stored.ledger.revision;
    let (by, at) = (stored.changed_by.clone(), utc(stored.changed_at));
    (now != before).then_some(Moved::Roles { before, now, by, at })
}

fn was(plan: &Plan, basis: &Basis, now: &str) -> String {
    let Basis { kind, name, generation, .. } = basis;
    let made = utc(plan.made);
    match generation {
        Some(generation) => format!("{kind}/{name} was generation {generation} when the plan was made ({made}); {now}"),
        None => format!("there was no {kind}/{name} when the plan was made ({made}); {now}"),
    }
}

fn is_now(basis: &Basis, now: &Object) -> String {
    let generation = now.metadata().generation.unwrap_or(1);
    match basis.generation == Some(generation) {
        true => "it has other labels or annotations now".to_owned(),
        false => format!("it is {generation} now"),
    }
}

fn who_applied(from: Option<&AppliedFrom>) -> String {
    let Some(from) = from else { return "it is not known who changed it".to_owned() };
    let commit = from.commit_in_words().map(|commit| format!(", apply from commit {commit}")).unwrap_or_default();
    let place = from.place().map(|place| format!(", {place}")).unwrap_or_default();
    format!("changed by {} at {}{commit}{place}", from.by, utc(from.at))
}

async fn what_changed(hub: &Arc<Hub>, basis: &Basis, now: Object) -> Result<Vec<String>, Refusal> {
    let Some(generation) = basis.generation else { return Ok(Vec::new()) };
    let (kind, name) = (basis.kind, basis.name.clone());
    let before = hub.store.reading(move |c| objects::at(c, kind, &name, generation)).await?;
    let Some(mut before) = before else { return Ok(Vec::new()) };
    // What labels were is not kept; they are not what the plan is about.
    *before.metadata_mut() = now.metadata().clone();
    let fields = manifest::diff(Some(&before), &now);
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(nothing)".to_owned());
    let line = |field: &model::change::FieldChange| {
        format!("  ~ {}   {} -> {}", field.path, shown(&field.before), shown(&field.after))
    };
    let mut lines: Vec<String> = fields.iter().take(FIELDS_MAX).map(line).collect();
    if fields.len() > FIELDS_MAX {
        lines.push(format!("  and {} more", fields.len() - FIELDS_MAX));
    }
    Ok(lines)
}

async fn who_deleted(hub: &Arc<Hub>, basis: &Basis) -> Result<Option<String>, Refusal> {
    let scenario = (basis.kind == Kind::Scenario).then(|| basis.name.clone());
    let filter = events::Filter { scenario, ..events::Filter::default() };
    let told = hub.store.reading(move |c| events::list(c, &filter)).await?;
    let about = |event: &&model::view::EventView| {
        event.kind == "ManifestDeleted"
            && (basis.kind == Kind::Scenario || event.host.as_ref().is_some_and(|h| h.0 == basis.name))
    };
    Ok(told.iter().rev().find(about).map(|event| format!("{} at {}", event.message, utc(event.at))))
}
