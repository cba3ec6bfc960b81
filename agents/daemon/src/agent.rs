//! The agent as a whole: the stored spec, one part per scenario, and the report put together from all of them.

use crate::{
    backoff, clock,
    config::{Config, ServeError},
    credentials::Credentials,
    disk::DiskError,
    link::greet::Held,
    part::{self, Part},
    script::Scripts,
    state::StateDirectory,
    store::{SpecError, SpecStore},
};
use model::{AgentSpec, AgentStatus, Assignment, Epoch, ScenarioName, elements::spool::Spool};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;
use wire::{
    control::{PROTOCOL, ToController},
    identity::Identity,
};

/// What every part and every link uses.
pub struct Context {
    pub config: Config,
    pub scripts: Arc<Scripts>,
    pub state: StateDirectory,
    pub credentials: Credentials,
    store: SpecStore,
}

impl Context {
    /// Remembers an epoch heard from a peer, durably; returns whether it was new. Blocks on the disk.
    pub fn raise(&self, scenario: &ScenarioName, epoch: Epoch) -> Result<bool, DiskError> {
        self.store.raise(scenario, epoch)
    }

    pub fn epoch(&self, scenario: &ScenarioName) -> Epoch {
        self.store.known().epoch(scenario)
    }
}

/// One agent.
pub struct Agent {
    pub context: Arc<Context>,
    parts: Mutex<BTreeMap<ScenarioName, Arc<Part>>>,
    /// The revision that all parts have taken in.
    revision: Mutex<(u64, bool)>,
    /// Held while a spec is taken in, so that two cannot mix.
    taking: tokio::sync::Mutex<()>,
    instance: String,
    stop: CancellationToken,
}

impl Agent {
    /// Opens what is stored and starts the parts of the stored spec.
    pub async fn start(
        config: Config,
        state: StateDirectory,
        identity: Identity,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, ServeError> {
        let store = SpecStore::open(state.path(), config.host.clone(), &config.boot_id)?;
        let _ = std::fs::remove_dir_all(state.scripts());
        let scripts = Arc::new(Scripts::new(&config.scripts, &state.scripts()));
        let credentials = Credentials::new(identity, state.path().to_owned())?;
        let context = Arc::new(Context { config, scripts, state, credentials, store });
        let agent = Arc::new(Self {
            context,
            parts: Mutex::default(),
            revision: Mutex::default(),
            taking: tokio::sync::Mutex::default(),
            instance: format!("{:016x}", backoff::random()),
            stop,
        });
        agent.apply().await?;
        agent.sweep().await;
        Ok(agent)
    }

    pub fn controller(&self) -> &str {
        &self.context.config.controller
    }

    pub fn credentials(&self) -> &Credentials {
        &self.context.credentials
    }

    pub fn hello(&self) -> ToController {
        let config = &self.context.config;
        ToController::Hello {
            protocol: PROTOCOL,
            version: config.version.clone(),
            host: config.host.clone(),
            boot_id: config.boot_id.clone(),
            instance: self.instance.clone(),
        }
    }

    /// Stores a spec of the controller, then hands it to the parts.
    pub async fn take(&self, spec: AgentSpec) -> Result<(), SpecError> {
        let _one_at_a_time = self.taking.lock().await;
        if self.stop.is_cancelled() {
            // Whatever this started now would not be closed by anybody.
            return Ok(());
        }
        let context = Arc::clone(&self.context);
        let stored = tokio::task::spawn_blocking(move || context.store.accept(spec)).await;
        stored.map_err(|e| SpecError::Disk(DiskError::io("store", self.context.state.path())(e.into())))??;
        Ok(self.apply().await?)
    }

    /// Brings the parts in line with the stored spec: each has taken it in when this returns.
    async fn apply(&self) -> Result<(), DiskError> {
        let (spec, confirmed) = {
            let known = self.context.store.known();
            (known.spec.clone().unwrap_or_default(), known.confirmed)
        };
        let gone: Vec<Arc<Part>> = {
            let mut parts = lock(&self.parts);
            let gone = parts.keys().filter(|name| !spec.scenarios.contains_key(name)).cloned().collect::<Vec<_>>();
            gone.iter().filter_map(|name| parts.remove(name)).collect()
        };
        for part in gone {
            part.close().await;
            part.forget().await;
        }
        for (name, assignment) in spec.scenarios {
            self.give(name, assignment, confirmed).await?;
        }
        *lock(&self.revision) = (spec.revision, confirmed);
        Ok(())
    }

    /// Forgets what a crash kept from being forgotten of scenarios that are not this host's any more.
    async fn sweep(&self) {
        let kept: Vec<ScenarioName> = lock(&self.parts).keys().cloned().collect();
        let context = Arc::clone(&self.context);
        let swept = tokio::task::spawn_blocking(move || {
            let known = context.state.scenarios().into_iter().filter(|name| !kept.contains(name));
            known.for_each(|name| part::Place::of(&context.state, &name).forget(&Spool::default()));
        });
        let _ = swept.await;
    }

    async fn give(&self, name: ScenarioName, assignment: Assignment, confirmed: bool) -> Result<(), DiskError> {
        let known = lock(&self.parts).get(&name).cloned();
        if let Some(part) = known {
            part.take(assignment, confirmed);
            return Ok(());
        }
        let (context, stop) = (Arc::clone(&self.context), self.stop.child_token());
        let part = Part::start(context, name.clone(), assignment, confirmed, stop).await?;
        lock(&self.parts).insert(name, part);
        Ok(())
    }

    pub fn part(&self, scenario: &ScenarioName) -> Option<Arc<Part>> {
        lock(&self.parts).get(scenario).cloned()
    }

    /// Hands `look` what this host holds about `scenario`.
    pub fn held<T>(&self, scenario: &ScenarioName, look: impl FnOnce(Held<'_>) -> T) -> T {
        let known = self.context.store.known();
        let assignment = known.spec.as_ref().and_then(|spec| spec.scenarios.get(scenario));
        look(Held { assignment, epoch: known.epoch(scenario), confirmed: known.confirmed })
    }

    /// Everything this host sees now. The revision is read first: no part is older than it says.
    pub async fn status(self: &Arc<Self>) -> AgentStatus {
        let agent = Arc::clone(self);
        let report = tokio::task::spawn_blocking(move || agent.report()).await;
        report.unwrap_or_else(|_| self.envelope())
    }

    fn report(&self) -> AgentStatus {
        let envelope = self.envelope();
        let parts = lock(&self.parts).clone();
        let scenarios = parts.into_iter().map(|(name, part)| (name, part.status())).collect();
        AgentStatus { scenarios, ..envelope }
    }

    fn envelope(&self) -> AgentStatus {
        let (revision, confirmed) = *lock(&self.revision);
        let config = &self.context.config;
        AgentStatus {
            revision,
            host: config.host.clone(),
            version: config.version.clone(),
            boot_id: config.boot_id.clone(),
            at: clock::now(),
            confirmed,
            scenarios: BTreeMap::new(),
        }
    }

    /// Closes every part, after a spec that is being taken; services go on.
    pub async fn close(&self) {
        let _nothing_is_taken = self.taking.lock().await;
        let parts = std::mem::take(&mut *lock(&self.parts));
        for part in parts.into_values() {
            part.close().await;
        }
    }
}

/// Locks a mutex whose holder may have panicked; what it guards is replaced whole and never half-changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
