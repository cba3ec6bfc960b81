//! Lists and single things.

use super::{Refusal, extract::Asked};
use crate::{
    hub::Hub,
    people::{self, Pass},
    store::{events, runs},
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::{
    HostName, PlanName, ScenarioName,
    view::{EventView, RunView},
};
use serde::Deserialize;
use std::sync::Arc;
use wire::{
    api::{FollowView, List, StoredHost, StoredPlan, StoredScenario, Version},
    people::{PersonView, WhoAmI},
};

type Answer<T> = Result<Json<T>, Refusal>;

pub async fn version(State(hub): State<Arc<Hub>>) -> Json<Version> {
    let seen = hub.roster.seen().into_iter();
    let agents = seen.filter(|(_, seen)| seen.connected).map(|(host, seen)| (host, seen.status.version)).collect();
    Json(Version { version: hub.version.clone(), authority: hub.pin.clone(), agents })
}

pub async fn scenarios(State(hub): State<Arc<Hub>>) -> Json<List<StoredScenario>> {
    let board = hub.board.lock().await;
    Json(List::new(board.scenarios.keys().filter_map(|name| board.shown_scenario(name)).collect()))
}

pub async fn scenario(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Answer<StoredScenario> {
    let found = hub.board.lock().await.shown_scenario(&ScenarioName(name.clone()));
    found.map(Json).ok_or_else(|| Refusal::missing(format!("there is no scenario {}", name.escape_debug())))
}

pub async fn hosts(State(hub): State<Arc<Hub>>) -> Json<List<StoredHost>> {
    let board = hub.board.lock().await;
    Json(List::new(board.hosts.keys().filter_map(|name| board.shown_host(name)).collect()))
}

pub async fn host(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Answer<StoredHost> {
    let found = hub.board.lock().await.shown_host(&HostName(name.clone()));
    found.map(Json).ok_or_else(|| Refusal::missing(format!("there is no host {}", name.escape_debug())))
}

pub async fn follow(State(hub): State<Arc<Hub>>) -> Answer<FollowView> {
    hub.followed.view().map(Json).ok_or_else(|| match hub.followed.is_expected() {
        true => not_looked_yet(),
        false => nothing_is_followed(),
    })
}

/// No is the true answer to whether it is current.
fn not_looked_yet() -> Refusal {
    Refusal::missing("this controller has just started and is about to look for the first time")
        .with_status(StatusCode::SERVICE_UNAVAILABLE)
        .help("ask again, or wait for what it finds: standin follow --now")
}

pub fn nothing_is_followed() -> Refusal {
    Refusal::missing("this controller follows no directory and no repository")
        .help("set spec.follow in its configuration, or apply by hand: standin apply")
}

pub async fn plans(State(hub): State<Arc<Hub>>) -> Json<List<StoredPlan>> {
    let board = hub.board.lock().await;
    Json(List::new(board.plans.keys().filter_map(|name| board.shown_plan(name)).collect()))
}

pub async fn plan(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Answer<StoredPlan> {
    let found = hub.board.lock().await.shown_plan(&PlanName(name.clone()));
    found.map(Json).ok_or_else(|| Refusal::missing(format!("there is no plan {}", name.escape_debug())))
}

#[derive(Debug, Deserialize)]
pub struct EventQuery {
    scenario: Option<String>,
    /// Milliseconds since the Unix epoch.
    since: Option<u64>,
    severity: Option<String>,
    kind: Option<String>,
    run: Option<String>,
    limit: Option<u32>,
}

pub async fn events(State(hub): State<Arc<Hub>>, Asked(query): Asked<EventQuery>) -> Answer<List<EventView>> {
    let EventQuery { scenario, since, severity, kind, run, limit } = query;
    let filter = events::Filter { scenario, since, severity, kind, run, limit };
    Ok(Json(List::new(hub.store.reading(move |c| events::list(c, &filter)).await?)))
}

#[derive(Debug, Deserialize)]
pub struct RunQuery {
    scenario: Option<String>,
}

/// The newest first. What is going on is shown as of now, the rest as it ended.
pub async fn runs(State(hub): State<Arc<Hub>>, Asked(query): Asked<RunQuery>) -> Answer<List<RunView>> {
    let mut list = hub.store.reading(move |c| runs::list(c, query.scenario.as_deref())).await?;
    let board = hub.board.lock().await;
    for run in &mut list {
        if let Some(current) = board.shown_run(&run.id.0) {
            *run = current;
        }
    }
    Ok(Json(List::new(list)))
}

pub async fn run(State(hub): State<Arc<Hub>>, Path(id): Path<String>) -> Answer<RunView> {
    if let Some(current) = hub.board.lock().await.shown_run(&id) {
        return Ok(Json(current));
    }
    let key = id.clone();
    let found = hub.store.reading(move |c| runs::view(c, &key)).await?;
    found.map(Json).ok_or_else(|| Refusal::missing(format!("there is no run {}", id.escape_debug())))
}

pub async fn whoami(Extension(pass): Extension<Pass>) -> Json<WhoAmI> {
    Json(WhoAmI { name: pass.name, role: pass.role, expires: pass.expires })
}

pub async fn people(State(hub): State<Arc<Hub>>) -> Answer<List<PersonView>> {
    people::list(&hub).await.map(|list| Json(List::new(list)))
}
