//! The loop: one task, one slot for each scenario.

use super::{
    advance::advance,
    board::{Board, observed},
    hosts::show_hosts,
    outdated,
    publish::{publish, publish_hosts, withdraw},
    show::show,
};
use crate::{
    hub::Hub,
    state::{Triggered, now},
    store::{StoreError, reports},
};
use model::{ScenarioName, Timestamp};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Longest time without a look while a run is going on: steps have deadlines.
const PACE_IN_RUN: Duration = Duration::from_millis(500);

/// Longest time without a look otherwise: silence makes no trigger, and lag grows by itself.
const PACE: Duration = Duration::from_secs(2);

/// A wall clock that is off by more than this since the last look was set; less is the drift of clocks and slow turns.
const CLOCK_SET: Duration = Duration::from_secs(2);

/// Reconciles until `stop`; a turn that has begun is finished.
pub async fn reconcile(hub: Arc<Hub>, stop: CancellationToken) {
    // Counted from the last look at everything, so that triggers for one scenario never keep the others waiting.
    let mut looked = Instant::now();
    let mut clock = WallClock { wall: now(), at: looked };
    while !stop.is_cancelled() {
        let busy = hub.board.lock().await.runs().next().is_some();
        let due = looked + if busy { PACE_IN_RUN } else { PACE };
        let triggered = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(due) => Triggered::All,
            triggered = hub.triggers.take() => triggered,
        };
        if let Some((before, after)) = clock.look(now(), Instant::now()) {
            tracing::warn!(before = before.0, after = after.0, "the clock was set");
            hub.board.lock().await.clock_was_set(before, after);
        }
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

/// The wall clock beside one that is never set.
struct WallClock {
    wall: Timestamp,
    at: Instant,
}

impl WallClock {
    /// What the wall clock should say and what it says, when somebody has set it since the last look.
    fn look(&mut self, wall: Timestamp, at: Instant) -> Option<(Timestamp, Timestamp)> {
        let passed = at.saturating_duration_since(self.at).as_millis();
        let expected = Timestamp(self.wall.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)));
        *self = Self { wall, at };
        (expected.since(wall).max(wall.since(expected)) > CLOCK_SET).then_some((expected, wall))
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
        withdraw(hub, &mut board, &observed(hub)).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_noticed_and_one_that_drifts_is_not() {
        let began = Instant::now();
        let second = Duration::from_secs(1);
        let mut clock = WallClock { wall: Timestamp(10_000), at: began };
        assert_eq!(clock.look(Timestamp(11_400), began + second), None);
        assert_eq!(clock.look(Timestamp(72_400), began + 2 * second), Some((Timestamp(12_400), Timestamp(72_400))));
        assert_eq!(clock.look(Timestamp(73_400), began + 3 * second), None);
        assert_eq!(clock.look(Timestamp(14_400), began + 4 * second), Some((Timestamp(74_400), Timestamp(14_400))));
    }
}
