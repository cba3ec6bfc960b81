//! The loop: one task, one slot for each scenario.

use super::{
    advance::advance,
    board::{Board, observed},
    hosts::show_hosts,
    outdated,
    publish::{publish, publish_hosts},
    show::show,
};
use crate::{
    hub::Hub,
    state::Triggered,
    store::{StoreError, reports},
};
use model::ScenarioName;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Longest time without a look while a run is going on: steps have deadlines.
const PACE_IN_RUN: Duration = Duration::from_millis(500);

/// Longest time without a look otherwise: silence makes no trigger, and lag grows by itself.
const PACE: Duration = Duration::from_secs(2);

/// Reconciles until `stop`; a turn that has begun is finished.
pub async fn reconcile(hub: Arc<Hub>, stop: CancellationToken) {
    // Counted from the last look at everything, so that triggers for one scenario never keep the others waiting.
    let mut looked = Instant::now();
    while !stop.is_cancelled() {
        let busy = hub.board.lock().await.runs().next().is_some();
        let due = looked + if busy { PACE_IN_RUN } else { PACE };
        let triggered = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(due) => Triggered::All,
            triggered = hub.triggers.take() => triggered,
        };
        let all = triggered == Triggered::All;
        if all {
            looked = Instant::now();
        }
        let names: Vec<ScenarioName> = match triggered {
            Triggered::All => hub.board.lock().await.scenarios.keys().cloned().collect(),
            Triggered::These(names) => names.into_iter().collect(),
        };
        for name in &names {
            let mut board = hub.board.lock().await;
            if let Err(error) = turn(&hub, &mut board, name).await {
                // Nothing was decided; the next tick looks again.
                tracing::error!(scenario = %name, %error, "a turn failed");
            }
        }
        if let Err(error) = turn_of_hosts(&hub, all).await {
            tracing::error!(%error, "hosts were not looked at");
        }
    }
    if let Err(error) = save_reports(&hub).await {
        tracing::error!(%error, "the last reports were not stored");
    }
}

/// Looks at one scenario: carries its run on, makes its hosts' specs, shows it.
pub async fn turn(hub: &Hub, board: &mut Board, name: &ScenarioName) -> Result<(), StoreError> {
    let observed = observed(hub);
    outdated::look(hub, board, name, &observed).await;
    advance(hub, board, name, &observed).await?;
    publish(hub, board, name, &observed).await?;
    show(hub, board, name, &observed).await
}

async fn turn_of_hosts(hub: &Hub, all: bool) -> Result<(), StoreError> {
    let mut board = hub.board.lock().await;
    show_hosts(hub, &mut board);
    if all {
        publish_hosts(hub, &mut board, &observed(hub)).await?;
    }
    drop(board);
    if all { save_reports(hub).await } else { Ok(()) }
}

/// Stores what agents said last; between two ticks only the newest report counts.
async fn save_reports(hub: &Hub) -> Result<(), StoreError> {
    let unsaved = hub.roster.unsaved();
    if unsaved.is_empty() {
        return Ok(());
    }
    let write = hub
        .store
        .writing(move |c| unsaved.iter().try_for_each(|(host, status, seen)| reports::put(c, host, status, *seen)));
    write.await
}
