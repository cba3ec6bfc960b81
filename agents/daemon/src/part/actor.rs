//! One part: its state, and what others may ask of it.

use super::{
    converge::Converging,
    environment::{self, Environment},
    plan::Situation,
    role::{RoleFile, Taken},
    side::{Open, Side},
};
use crate::{
    agent::{Context, lock},
    checks::{self, CheckReport},
    disk::{self, DiskError},
    errands::ErrandRecord,
    link::{dial::OutLink, greet::EPOCH_AHEAD_MAX},
    service::{self, ServiceReport},
};
use model::{Assignment, Epoch, ScenarioName, Stream};
use replication::target::Target;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

/// How long running scripts may take to end when the agent does.
const SCRIPTS_GRACE: Duration = Duration::from_secs(10);

/// A host's part in one scenario.
pub struct Part {
    pub(super) context: Arc<Context>,
    pub(super) scenario: ScenarioName,
    /// What is kept on disk for this scenario.
    pub(super) directory: PathBuf,
    pub(super) state: Mutex<State>,
    pub(super) errands: ErrandRecord,
    pub(super) services: watch::Receiver<ServiceReport>,
    pub(super) checks: watch::Receiver<CheckReport>,
    /// Wakes the loop.
    pub(super) wake: Notify,
    /// Counts turns of the loop, for those who wait for its effects.
    pub(super) turns: watch::Sender<u64>,
    pub(super) stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What is now. Everything is replaced under one lock, so that a report never mixes old and new.
pub(super) struct State {
    pub assignment: Assignment,
    pub confirmed: bool,
    /// The highest epoch stored.
    pub epoch: Epoch,
    pub taken: Taken,
    /// No service can be writing here: see `plan::is_calm`.
    pub calm: bool,
    pub open: Open,
    pub links: Vec<Arc<OutLink>>,
    /// Why the side that should be open is not.
    pub closed_because: Option<String>,
    /// How many errands need everything closed for a moment.
    pub holds: usize,
}

impl State {
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            assignment: &self.assignment,
            confirmed: self.confirmed,
            epoch: self.epoch,
            taken: self.taken.role,
            calm: self.calm,
            source_open: matches!(self.open.side, Side::Source(_)),
        }
    }
}

/// The right to serve one source, given up by dropping it. The target is closed only after all are.
pub struct Admission {
    pub target: Target,
    pub stop: CancellationToken,
    pub _session: TaskTrackerToken,
}

/// What is kept on disk: the role that was taken, and the errands.
async fn read(directory: PathBuf) -> Result<(RoleFile, Taken, ErrandRecord), DiskError> {
    let path = directory.clone();
    let reading = tokio::task::spawn_blocking(move || {
        disk::private_directory(&directory)?;
        let (role_file, taken) = RoleFile::open(&directory)?;
        Ok((role_file, taken, ErrandRecord::open(&directory.join("errands"))?))
    });
    reading.await.map_err(|e| DiskError::io("read", &path)(e.into()))?
}

impl Part {
    /// Reads what is kept for this scenario and starts the loop.
    pub async fn start(
        context: Arc<Context>,
        scenario: ScenarioName,
        assignment: Assignment,
        confirmed: bool,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, DiskError> {
        let directory = context.state.scenario(&scenario);
        let (role_file, taken, errands) = read(directory.clone()).await?;
        let epoch = context.epoch(&scenario);
        let (orders, order) = watch::channel(service::ServiceOrder::default());
        let (watching, watched) = watch::channel(None);
        let (service_reports, services) = watch::channel(ServiceReport::default());
        let (check_reports, check_report) = watch::channel(CheckReport::default());
        let state = Mutex::new(State {
            assignment,
            confirmed,
            epoch,
            taken,
            calm: false,
            open: Open::default(),
            links: Vec::new(),
            closed_because: None,
            holds: 0,
        });
        let scripts = Arc::clone(&context.scripts);
        let kept = tokio::spawn(service::keep(scripts.clone(), order, service_reports, stop.clone()));
        let monitored = tokio::spawn(checks::monitor(scripts, watched, check_reports, stop.clone()));
        let part = Arc::new(Self {
            context,
            scenario,
            directory,
            state,
            errands,
            services,
            checks: check_report,
            wake: Notify::new(),
            turns: watch::Sender::new(0),
            stop,
            task: Mutex::default(),
        });
        let converging = Converging::new(Arc::clone(&part), role_file, orders, watching);
        let run = async move {
            converging.run().await;
            let grace = Instant::now() + SCRIPTS_GRACE;
            let _ = timeout_at(grace, kept).await;
            let _ = timeout_at(grace, monitored).await;
        };
        *lock(&part.task) = Some(tokio::spawn(run));
        Ok(part)
    }

    /// Takes in a stored assignment; when this returns, no report says anything older.
    pub fn take(&self, assignment: Assignment, confirmed: bool) {
        let epoch = self.context.epoch(&self.scenario);
        let mut state = lock(&self.state);
        state.assignment = assignment;
        state.confirmed = confirmed;
        state.epoch = state.epoch.max(epoch);
        drop(state);
        self.wake.notify_one();
    }

    /// Notes a higher epoch heard from a listed peer, durably. From now on this host starts nothing before a spec of
    /// that epoch has come.
    pub async fn fence(&self, epoch: Epoch) {
        let known = lock(&self.state).epoch;
        if epoch <= known || epoch.0 - known.0 > EPOCH_AHEAD_MAX {
            return;
        }
        tracing::warn!(scenario = %self.scenario, %epoch, "a peer is at a higher epoch: this host fences itself");
        let (context, scenario) = (Arc::clone(&self.context), self.scenario.clone());
        let stored = tokio::task::spawn_blocking(move || context.raise(&scenario, epoch)).await;
        if let Ok(Err(e)) = stored {
            tracing::error!(why = crate::text::chain(&e), "the epoch could not be stored");
        }
        let mut state = lock(&self.state);
        state.epoch = state.epoch.max(epoch);
        drop(state);
        self.wake.notify_one();
    }

    /// Lets a source in, if the target that its stream leads to is open.
    pub fn admit(&self, stream: &Stream) -> Option<Admission> {
        let state = lock(&self.state);
        let open = match &state.open.side {
            Side::Target(open) if open.shape.is_end_of(stream) && !open.stop.is_cancelled() => open,
            _ => return None,
        };
        let (target, stop) = (open.target.clone(), open.stop.child_token());
        Some(Admission { target, stop, _session: open.sessions.token() })
    }

    /// What scripts of this part are told now.
    pub(super) fn environment(&self) -> Environment {
        environment::of(&self.context.config.host, &self.scenario, &lock(&self.state).situation())
    }

    /// Waits until `look` finds something in the state; `None` when `deadline` comes first.
    pub(super) async fn until<T>(&self, deadline: Instant, mut look: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let mut turns = self.turns.subscribe();
        loop {
            turns.mark_unchanged();
            if let Some(found) = look(&lock(&self.state)) {
                return Some(found);
            }
            if !matches!(timeout_at(deadline, turns.changed()).await, Ok(Ok(()))) {
                return look(&lock(&self.state));
            }
        }
    }

    /// Forgets index, spool and map, once this is closed: whoever takes the scenario up again compares everything. The
    /// role, the epoch and what the roots are known by stay, and so does all the data.
    pub async fn forget(&self) {
        let (place, spool) = (self.place(), lock(&self.state).assignment.spool.clone());
        let _ = tokio::task::spawn_blocking(move || place.forget(&spool)).await;
    }

    /// Closes links and roots and waits until that is done. Services go on.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = lock(&self.task).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}
