//! Which errands are under way.

use super::{actor::Part, work};
use crate::{agent::lock, clock, errands, text};
use model::{Epoch, ErrandId, errand::Work};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Most errands under way at the same time; further ones wait.
const ERRANDS_AT_ONCE_MAX: usize = 16;
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// The errands of a part, each with the word that withdraws it.
pub struct Docket {
    part: Arc<Part>,
    running: BTreeMap<ErrandId, CancellationToken>,
    tasks: TaskTracker,
    sweep_at: Instant,
}

impl Docket {
    pub fn new(part: Arc<Part>) -> Self {
        Self { part, running: BTreeMap::new(), tasks: TaskTracker::new(), sweep_at: Instant::now() }
    }

    /// Begins what is ordered and not yet known, and ends what is not ordered any more.
    pub async fn start_new(&mut self) {
        let (ordered, epoch, stale) = {
            let state = lock(&self.part.state);
            if !state.confirmed {
                return;
            }
            (state.assignment.errands.clone(), state.assignment.epoch, state.situation().stale())
        };
        self.running.iter().filter(|(id, _)| !ordered.contains_key(id)).for_each(|(_, withdraw)| withdraw.cancel());
        self.running.retain(|id, _| self.part.errands.is_running(id));
        for (id, work) in ordered {
            if self.running.len() >= ERRANDS_AT_ONCE_MAX {
                break;
            }
            if !self.part.errands.knows(&id) && !self.is_at(&id) {
                self.start(id, epoch, work, stale).await;
            }
        }
    }

    /// Whether another attempt at the same step, or what takes it back, is not over yet.
    fn is_at(&self, id: &ErrandId) -> bool {
        self.running.keys().any(|other| other.stem() == id.stem())
    }

    async fn start(&mut self, id: ErrandId, epoch: Epoch, work: Work, stale: bool) {
        let (part, record_id, record_work) = (Arc::clone(&self.part), id.clone(), work.clone());
        let begin = move || part.errands.begin(&record_id, epoch, &record_work);
        match tokio::task::spawn_blocking(begin).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return,
            failed => {
                tracing::error!(errand = %id, ?failed, "an errand could not be recorded and was not begun");
                return;
            }
        }
        let withdraw = CancellationToken::new();
        if stale {
            let message = format!("refused: epoch {epoch} is older than the one this host has heard");
            work::end(&self.part, &id, errands::failed(message)).await;
            return;
        }
        if let Some(outcome) = self.part.errands.done_before(&id, &work) {
            work::end(&self.part, &id, outcome).await;
        } else {
            self.running.insert(id.clone(), withdraw.clone());
            self.tasks.spawn(work::carry_out(Arc::clone(&self.part), id, work, withdraw));
        }
    }

    /// Waits a moment for errands that end by themselves when the agent stops.
    pub async fn close(&self) {
        self.tasks.close();
        let _ = timeout(work::STOP_GRACE, self.tasks.wait()).await;
    }

    /// Lets records grow old and go.
    pub async fn sweep(&mut self) {
        if self.sweep_at > Instant::now() {
            return;
        }
        self.sweep_at = Instant::now() + SWEEP_EVERY;
        let part = Arc::clone(&self.part);
        let ordered: BTreeSet<ErrandId> = lock(&part.state).assignment.errands.keys().cloned().collect();
        let swept = tokio::task::spawn_blocking(move || part.errands.sweep(&ordered, clock::now())).await;
        if let Ok(Err(e)) = swept {
            tracing::warn!(why = text::chain(&e), "records of errands could not be swept");
        }
    }
}
