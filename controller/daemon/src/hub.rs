//! What all tasks of the controller share.

use crate::{
    follow::Followed,
    people::People,
    rare::RareEvents,
    reconcile::Board,
    sessions::JoinLimits,
    state::{Feed, Posts, Roster, Triggers, now},
    store::{Store, StoreError, agents::StoredAgent, events},
};
use model::{HostName, view::EventView};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokio_util::task::TaskTracker;
use wire::{api::WatchEvent, identity::Authority};

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// An event as of now.
pub fn event(severity: Severity, kind: &str, message: impl Into<String>) -> EventView {
    let severity = match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let (severity, kind, message) = (severity.to_owned(), kind.to_owned(), message.into());
    EventView { at: now(), severity, kind, message, ..EventView::default() }
}

/// Where the API is reached over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPlace {
    pub url: String,
    /// Whether its certificate comes from the embedded authority, so that its fingerprint says whom to trust.
    pub pinned: bool,
}

/// What all tasks of the controller share. The board is what decisions rest on: whoever decides holds it until the
/// decision is stored, so there is one writer at a time.
pub struct Hub {
    pub store: Arc<Store>,
    pub authority: Authority,
    /// Hash of the authority's public key, as in tokens.
    pub pin: String,
    pub version: String,
    /// Where agents reach this controller, as told in join lines.
    pub advertise: String,
    pub roster: Roster,
    pub triggers: Triggers,
    pub posts: Posts,
    pub feed: Feed,
    pub joins: JoinLimits,
    pub followed: Followed,
    /// Who has an access token.
    pub people: People,
    /// Where people reach this controller over the network; set once it listens there.
    pub api: OnceLock<ApiPlace>,
    /// Everything that has to end before the controller does.
    pub tasks: TaskTracker,
    pub board: tokio::sync::Mutex<Board>,
    /// Held by whoever applies a set.
    pub applying: tokio::sync::Mutex<()>,
    /// Held by whoever changes which host has which key, from before it is stored until it is known in memory: what
    /// is stored last is what counts.
    pub membership: tokio::sync::Mutex<()>,
    keys: Mutex<BTreeMap<HostName, StoredAgent>>,
    rare: RareEvents,
}

impl Hub {
    pub fn new(store: Arc<Store>, authority: Authority, pin: String, version: String, advertise: String) -> Self {
        Self {
            store,
            authority,
            pin,
            version,
            advertise,
            roster: Roster::default(),
            triggers: Triggers::default(),
            posts: Posts::default(),
            feed: Feed::default(),
            joins: JoinLimits::default(),
            followed: Followed::default(),
            people: People::default(),
            api: OnceLock::new(),
            tasks: TaskTracker::new(),
            board: tokio::sync::Mutex::default(),
            applying: tokio::sync::Mutex::default(),
            membership: tokio::sync::Mutex::default(),
            keys: Mutex::default(),
            rare: RareEvents::default(),
        }
    }

    /// Does something to its end, even when whoever asked for it goes away.
    pub async fn detached<T, E>(&self, work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.tasks.spawn(work).await.unwrap_or_else(|_| Err(StoreError::Interrupted.into()))
    }

    /// Records an event and shows it to watchers. One that cannot be stored is logged: nothing waits for it.
    pub async fn note(&self, event: EventView) {
        match self.store.writing(move |c| events::add(c, event)).await {
            Ok(event) => self.show(event),
            Err(error) => tracing::error!(%error, "an event was not stored"),
        }
    }

    /// Records an event unless there were too many of its kind lately.
    pub async fn note_rarely(&self, event: EventView) {
        if self.rare.take(&event) {
            self.note(event).await;
        } else {
            tracing::warn!(kind = event.kind, "too many of this kind, so not among the events: {}", event.message);
        }
    }

    /// Shows a stored event to watchers.
    pub fn show(&self, event: EventView) {
        tracing::info!(kind = event.kind, severity = event.severity, "{}", event.message);
        self.feed.send(WatchEvent { event: Some(event), ..WatchEvent::default() });
    }

    /// Has every scenario looked at that a host takes part in.
    pub fn trigger_host(&self, host: &HostName) {
        match &*self.posts.subscribe(host).borrow() {
            Some(spec) => spec.scenarios.keys().for_each(|scenario| self.triggers.scenario(scenario.clone())),
            None => self.triggers.all(),
        }
    }

    /// Takes over what was stored about joined hosts.
    pub fn remember_keys(&self, stored: BTreeMap<HostName, StoredAgent>) {
        *self.hold_keys() = stored;
    }

    /// The key that a host has to show.
    pub fn key_of(&self, host: &HostName) -> Option<String> {
        self.hold_keys().get(host).map(|agent| agent.key.clone())
    }

    pub fn keys(&self) -> BTreeMap<HostName, String> {
        self.hold_keys().iter().map(|(host, agent)| (host.clone(), agent.key.clone())).collect()
    }

    pub fn agent(&self, host: &HostName) -> Option<StoredAgent> {
        self.hold_keys().get(host).cloned()
    }

    pub fn agents(&self) -> BTreeMap<HostName, StoredAgent> {
        self.hold_keys().clone()
    }

    /// Takes over a stored certificate; the key is the same, so whatever goes on goes on.
    pub fn renewed(&self, host: HostName, agent: StoredAgent) {
        self.hold_keys().insert(host, agent);
    }

    /// Takes over a stored join: a session with the key from before ends.
    pub fn joined(&self, host: HostName, agent: StoredAgent, event: EventView) {
        self.hold_keys().insert(host.clone(), agent);
        self.roster.close(&host);
        self.show(event);
        self.triggers.all();
    }

    /// A host that was deleted shows a key that is nobody's; its session ends, and nothing is known of it any more.
    pub fn forget_key(&self, host: &HostName) {
        self.hold_keys().remove(host);
        self.roster.forget(host);
    }

    fn hold_keys(&self) -> std::sync::MutexGuard<'_, BTreeMap<HostName, StoredAgent>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
