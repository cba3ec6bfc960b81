//! Objects that go, alone or with a set. Replicated data stays on every disk.

use super::put;
use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    reconcile::Board,
    store::{StoreError, agents, events, objects, reports, tokens, views},
};
use model::{HostName, Kind, Object, ScenarioName, ScenarioSpec, view::EventView};
use rusqlite::Connection;
use std::sync::Arc;
use wire::api::{DeleteRequest, Deleted, WatchEvent};

/// Takes one object away.
///
/// **Errors** when there is none, it has moved since it was shown, or something rests on it.
pub async fn delete(hub: &Arc<Hub>, request: DeleteRequest, by: &str) -> Result<Deleted, Refusal> {
    let _turn = hub.applying.lock().await;
    let mut board = hub.board.lock().await;
    let DeleteRequest { kind, name, expect } = request;
    let missing = || Refusal::missing(format!("there is no {} {}", word(kind), name.escape_debug()));
    let object = board.object(kind, &name).ok_or_else(missing)?;
    if expect.is_some() && expect != object.metadata().resource_version {
        let refusal = Refusal::conflict(format!("{kind} {name} has changed since it was shown; nothing was deleted"));
        return Err(refusal.help(format!("look at it again: standin describe {} {name}", word(kind))));
    }
    let gone = vec![object];
    ensure_removable(hub, &board, &gone)?;
    put::store(hub, &mut board, put::Work::removing(gone.clone()), by).await?;
    let generation = gone.first().and_then(|object| object.metadata().generation).unwrap_or(1);
    Ok(Deleted { kind, name, generation })
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Host => "host",
        Kind::Scenario => "scenario",
        Kind::RecoveryPlan => "plan",
    }
}

/// Refuses to take away what something rests on: a run, a scenario that stays, an agent that is here.
pub fn ensure_removable(hub: &Hub, board: &Board, objects: &[Object]) -> Result<(), Refusal> {
    let goes = |kind: Kind, name: &str| objects.iter().any(|object| object.kind() == kind && object.name() == name);
    let mut refusals = Vec::new();
    for object in objects {
        let name = object.name();
        match object.kind() {
            Kind::Scenario => {
                refusals.extend(held_by_run(board, name));
                let of_it = board.plans.iter().filter(|(_, (_, plan))| plan.scenario.as_str() == name);
                let stay = of_it.map(|(plan, _)| plan.as_str()).filter(|plan| !goes(Kind::RecoveryPlan, plan));
                refusals.extend(planned(name, &stay.collect::<Vec<_>>()));
            }
            Kind::RecoveryPlan => {
                let stay = board.scenarios.iter().filter(|(scenario, _)| !goes(Kind::Scenario, scenario.as_str()));
                let named =
                    |spec: &ScenarioSpec| spec.switchover.plan.as_ref().is_some_and(|plan| plan.as_str() == name);
                let by: Vec<&str> =
                    stay.filter(|(_, e)| named(&e.spec)).map(|(scenario, _)| scenario.as_str()).collect();
                refusals.extend(named_by(name, &by));
            }
            Kind::Host => {
                let using = board.scenarios.iter().filter(|(scenario, _)| !goes(Kind::Scenario, scenario.as_str()));
                let using = using.filter(|(_, entry)| uses(entry, name));
                let names: Vec<String> = using.map(|(scenario, _)| scenario.0.clone()).collect();
                refusals.extend(in_use(hub, name, &names));
            }
        }
    }
    let Some((refusal, more)) = refusals.split_first() else { return Ok(()) };
    let mut all = refusal.clone();
    for other in more {
        all.problem.facts.push(other.problem.message.clone());
        all.problem.facts.extend(other.problem.facts.clone());
        all.problem.help.extend(other.problem.help.clone());
    }
    Err(all)
}

fn planned(scenario: &str, plans: &[&str]) -> Option<Refusal> {
    let message = format!("{} moves {scenario}; nothing was deleted", plans.join(", "));
    let help = |plan: &&str| format!("standin delete plan {plan}");
    (!plans.is_empty()).then(|| plans.iter().map(help).fold(Refusal::refused(message), Refusal::help))
}

fn named_by(plan: &str, scenarios: &[&str]) -> Option<Refusal> {
    let message = format!("{plan} is named by {}; nothing was deleted", scenarios.join(", "));
    let help = |scenario: &&str| format!("take spec.switchover.plan out of the manifest of {scenario}");
    (!scenarios.is_empty()).then(|| scenarios.iter().map(help).fold(Refusal::refused(message), Refusal::help))
}

fn uses(entry: &crate::reconcile::Entry, host: &str) -> bool {
    let pinned = entry.run.as_ref().map(|run| &run.spec);
    let specs = std::iter::once(&entry.spec).chain(pinned);
    specs.into_iter().any(|spec| spec.members().any(|(_, on)| on.as_str() == host))
}

fn held_by_run(board: &Board, name: &str) -> Option<Refusal> {
    let run = board.run_of(&ScenarioName::from(name))?;
    let refusal = Refusal::conflict(format!("run {run} holds {name}; nothing was deleted"));
    Some(
        refusal
            .help(format!("wait for it: standin run attach {run}"))
            .help(format!("or end it: standin run abort {run}")),
    )
}

fn in_use(hub: &Hub, name: &str, scenarios: &[String]) -> Option<Refusal> {
    if !scenarios.is_empty() {
        let refusal = Refusal::refused(format!("{name} is a host of {}; nothing was deleted", scenarios.join(", ")));
        let help = |scenario: &String| {
            format!("take it out of the manifest of {scenario}, or: standin delete scenario {scenario}")
        };
        return Some(scenarios.iter().map(help).fold(refusal, Refusal::help));
    }
    let connected = hub.roster.seen().get(&HostName::from(name)).is_some_and(|seen| seen.connected);
    connected.then(|| {
        Refusal::refused(format!("the agent of {name} is connected; nothing was deleted"))
            .fact("whoever deletes a host ends its access, and an agent that runs has something to do")
            .help(format!("stop it first, on {name}: systemctl disable --now standin-agent"))
    })
}

/// Takes objects away within a transaction; what roles a scenario had stays, for when it comes back.
pub fn write(c: &Connection, gone: &[Object], by: &str) -> Result<Vec<EventView>, StoreError> {
    let mut told = Vec::new();
    for object in gone {
        objects::remove(c, object.kind(), object.name())?;
        match object.kind() {
            Kind::Scenario => views::remove(c, &ScenarioName::from(object.name()))?,
            Kind::Host => {
                agents::remove(c, &HostName::from(object.name()))?;
                tokens::remove_of(c, &HostName::from(object.name()))?;
                reports::remove(c, &HostName::from(object.name()))?;
            }
            Kind::RecoveryPlan => {}
        }
        told.push(events::add(c, deleted(object, by))?);
    }
    Ok(told)
}

fn deleted(object: &Object, by: &str) -> EventView {
    let (kind, name) = (object.kind(), object.name());
    let generation = object.metadata().generation.unwrap_or(1);
    let stays = match kind {
        Kind::Scenario => "; the data stays where it is, and nothing replicates it any more",
        Kind::Host => "; its certificate is not good any more",
        Kind::RecoveryPlan => "",
    };
    let event = event(
        Severity::Warning,
        "ManifestDeleted",
        format!("{by} deleted {kind} {name}, generation {generation}{stays}"),
    );
    match kind {
        Kind::Host => EventView { host: Some(HostName::from(name)), ..event },
        Kind::Scenario => EventView { scenario: Some(ScenarioName::from(name)), ..event },
        Kind::RecoveryPlan => event,
    }
}

/// Shows that objects are gone, and ends what they gave access to.
pub fn show(hub: &Hub, board: &mut Board, gone: Vec<Object>) {
    for object in gone {
        let (kind, name) = (object.kind(), object.name().to_owned());
        board.drop_object(&object);
        if kind == Kind::Host {
            hub.forget_key(&HostName(name.clone()));
        }
        hub.feed.send(WatchEvent { deleted: Some(name), deleted_kind: Some(kind), ..WatchEvent::default() });
    }
}
