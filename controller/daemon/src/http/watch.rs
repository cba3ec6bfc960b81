//! Changes as server-sent events: everything of a kind first, then each change of it.

use super::{Refusal, extract::Asked};
use crate::{hub::Hub, people::Pass, state::now};
use axum::{
    Extension,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::stream::{self, Stream, StreamExt};
use model::Kind;
use serde::Deserialize;
use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use wire::api::WatchEvent;

/// Time between two comments on a quiet watch; shorter than what the socket takes for a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WatchKind {
    Scenario,
    Host,
    Plan,
    Run,
    Event,
}

#[derive(Clone, Debug, Deserialize)]
pub struct WatchQuery {
    kind: WatchKind,
    /// Of a scenario, a host or a run; for events that of a scenario.
    name: Option<String>,
}

/// Ends when the token it was opened with is revoked or expires. A watcher that falls too far behind gets an event named `relist`, and the stream ends: it has to start again.
pub async fn watch(
    State(hub): State<Arc<Hub>>,
    Extension(pass): Extension<Pass>,
    Asked(query): Asked<WatchQuery>,
    stop: CancellationToken,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    // Subscribed before the snapshot is taken, so that nothing falls between the two.
    let changes = hub.feed.watch();
    let first = snapshot(&hub, &query).await;
    let watching = Watching { first, changes: Some(changes), query, stop };
    let events = stream::unfold(watching, |mut watching| async move {
        let event = watching.next().await?;
        Some((Ok(event), watching))
    });
    let over = async move { pass.over(now()).await };
    let events = events.take_until(Box::pin(over));
    Ok(Sse::new(events.boxed()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

async fn snapshot(hub: &Hub, query: &WatchQuery) -> VecDeque<WatchEvent> {
    let board = hub.board.lock().await;
    let all: Vec<WatchEvent> = match query.kind {
        WatchKind::Scenario => board.scenarios.keys().filter_map(|name| board.scenario_change(name)).collect(),
        WatchKind::Host => board.hosts.keys().filter_map(|name| board.host_change(name)).collect(),
        WatchKind::Plan => board.plans.keys().filter_map(|name| board.plan_change(name)).collect(),
        WatchKind::Run => board.runs().map(|run| WatchEvent { run: Some(run), ..WatchEvent::default() }).collect(),
        WatchKind::Event => Vec::new(),
    };
    all.into_iter().filter(|change| wanted(query, change)).collect()
}

struct Watching {
    first: VecDeque<WatchEvent>,
    changes: Option<Receiver<Arc<WatchEvent>>>,
    query: WatchQuery,
    stop: CancellationToken,
}

impl Watching {
    async fn next(&mut self) -> Option<Event> {
        if let Some(change) = self.first.pop_front() {
            return Some(data(&change));
        }
        let changes = self.changes.as_mut()?;
        loop {
            let received = tokio::select! {
                () = self.stop.cancelled() => return None,
                received = changes.recv() => received,
            };
            match received {
                Ok(change) if wanted(&self.query, &change) => return Some(data(&change)),
                Ok(_) => {}
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(_)) => {
                    self.changes = None;
                    return Some(Event::default().event("relist").data("{}"));
                }
            }
        }
    }
}

fn data(change: &WatchEvent) -> Event {
    let text = serde_json::to_string(change).unwrap_or_else(|_| "{}".to_owned());
    Event::default().data(text)
}

fn wanted(query: &WatchQuery, change: &WatchEvent) -> bool {
    let deleted = |kind| change.deleted.as_deref().filter(|_| change.deleted_kind == Some(kind));
    let name = match query.kind {
        WatchKind::Scenario if change.deleted.is_some() => deleted(Kind::Scenario),
        WatchKind::Host if change.deleted.is_some() => deleted(Kind::Host),
        WatchKind::Plan if change.deleted.is_some() => deleted(Kind::RecoveryPlan),
        WatchKind::Scenario => change.scenario.as_ref().map(|scenario| scenario.metadata.name.as_str()),
        WatchKind::Host => change.host.as_ref().map(|host| host.metadata.name.as_str()),
        WatchKind::Plan => change.plan.as_ref().map(|plan| plan.metadata.name.as_str()),
        WatchKind::Run => change.run.as_ref().map(|run| run.id.as_str()),
        WatchKind::Event => change.event.as_ref().map(|e| e.scenario.as_ref().map_or("", |s| s.as_str())),
    };
    name.is_some_and(|name| query.name.as_deref().is_none_or(|wanted| wanted == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Feed;
    use model::view::EventView;

    fn event(id: u64) -> WatchEvent {
        WatchEvent { event: Some(EventView { id, ..EventView::default() }), ..WatchEvent::default() }
    }

    #[test]
    fn who_watches_a_kind_hears_of_what_is_deleted_of_it_and_of_nothing_else() {
        let kinds = [
            (WatchKind::Scenario, Kind::Scenario),
            (WatchKind::Host, Kind::Host),
            (WatchKind::Plan, Kind::RecoveryPlan),
        ];
        for (kind, of) in kinds {
            for (_, gone) in kinds {
                let deleted = Some("shop".to_owned());
                let change = WatchEvent { deleted, deleted_kind: Some(gone), ..WatchEvent::default() };
                let query = |name: Option<&str>| WatchQuery { kind, name: name.map(ToOwned::to_owned) };
                assert_eq!(wanted(&query(None), &change), of == gone, "{kind:?} {gone:?}");
                assert_eq!(wanted(&query(Some("shop")), &change), of == gone, "{kind:?} {gone:?}");
                assert!(!wanted(&query(Some("mail")), &change), "{kind:?} {gone:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_watcher_that_lags_is_told_to_list_again() {
        let feed = Feed::default();
        let query = WatchQuery { kind: WatchKind::Event, name: None };
        let changes = Some(feed.watch());
        let mut watching = Watching { first: VecDeque::new(), changes, query, stop: CancellationToken::new() };
        feed.send(event(1));
        assert!(format!("{:?}", watching.next().await.unwrap()).contains("data"));
        (0..5000).for_each(|id| feed.send(event(id)));
        assert!(format!("{:?}", watching.next().await.unwrap()).contains("relist"));
        assert!(watching.next().await.is_none());
    }
}
