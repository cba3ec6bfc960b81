//! The step registry. A new step is one file here, one word in `steps!` and one golden example.
//!
//! A step is an order (`ask` writes it into the ledger) and a question (`look` reads it from the reports).
//! Every function is pure and may be called any number of times.

mod adopt_root_identity;
mod approve;
mod approve_removal;
mod check_active;
mod compare_sides;
mod drain_spool;
mod fence_active;
mod promote_target;
mod redirect;
mod reopen_active;
mod resume_replication;
mod reverse_replication;
mod run_script;
mod sight;
mod start_services;
mod stop_services;
mod suspend_replication;
mod synchronize_all;

pub use adopt_root_identity::AdoptRootIdentity;
pub use approve::Approve;
pub use approve_removal::ApproveRemoval;
pub use check_active::CheckActive;
pub use compare_sides::CompareSides;
pub use drain_spool::DrainSpool;
pub use fence_active::{FenceActive, OperatorWord};
pub use promote_target::PromoteTarget;
pub use redirect::Redirect;
pub use reopen_active::ReopenActive;
pub use resume_replication::ResumeReplication;
pub use reverse_replication::ReverseReplication;
pub use run_script::{RunScript, Script};
pub use sight::Sight;
pub use start_services::StartServices;
pub use stop_services::StopServices;
pub use suspend_replication::SuspendReplication;
pub use synchronize_all::SynchronizeAll;

use model::{Epoch, ErrandId, ErrandResult, Ledger, RunId, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What identifies one attempt at one step, and since when its order stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    pub run: RunId,
    /// The step's path, such as `3`; `3.undo` while it is taken back.
    pub step: String,
    pub attempt: u32,
    pub epoch: Epoch,
    /// The ledger revision that carries the order; older reports say nothing about it.
    pub since: u64,
}

impl Asking {
    pub fn errand(&self) -> ErrandId {
        ErrandId::new(self.run.as_str(), &self.step, self.attempt)
    }
}

/// How far the world is from what a step asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    Reached(Found),
    Waiting(String),
    /// Nobody knows how this attempt ended or it may go better: another attempt is safe.
    Again(String),
    Impossible(String),
}

/// What a step that was reached has to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// One line for people.
    pub note: String,
    pub result: Option<Box<ErrandResult>>,
}

impl Found {
    pub fn note(note: impl Into<String>) -> Self {
        Self { note: note.into(), result: None }
    }
}

impl From<Result<Found, Progress>> for Progress {
    fn from(seen: Result<Found, Progress>) -> Self {
        seen.map_or_else(|pending| pending, Progress::Reached)
    }
}

/// What takes a step back.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    Nothing,
    With(Box<AnyStep>),
    /// The point of no return: crossed as soon as it was asked.
    Never,
}

impl Undo {
    pub fn with(step: impl Into<AnyStep>) -> Self {
        Self::With(Box::new(step.into()))
    }
}

/// One ordered move of a plan.
pub trait Step {
    /// Short, such as `stop services`.
    fn name(&self) -> String;
    /// The whole move, such as `stop shop on mx1`.
    fn title(&self) -> String;
    /// Writes what this step wants into the ledger. Asking twice is asking once.
    fn ask(&self, cx: &Asking, ledger: &mut Ledger);
    /// Reads from the reports whether it happened.
    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress;
    /// What takes this step back.
    fn undo(&self) -> Undo;
    /// How long to wait before the step has failed.
    fn patience(&self) -> Duration {
        PATIENCE
    }
    /// How long after the order a failure may still be a leftover from before it.
    fn settle(&self, _: &Asking) -> Duration {
        Duration::ZERO
    }
    /// Whether a person may leave it out once it has failed.
    fn skippable(&self) -> bool {
        false
    }
}

/// Patience with what no manifest gives a time to.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a script may wait for its turn, besides the time it takes.
const TURN: Duration = Duration::from_secs(60);

/// Patience with scripts that may take `time` by the manifest: agents let them have it.
fn patience_with(time: Period) -> Duration {
    PATIENCE.max(time.0.saturating_add(TURN))
}

/// Comparing and copying whole trees takes as long as it takes; this only ends what nobody looks after.
const COPY_PATIENCE: Duration = Duration::from_secs(7 * 86_400);

/// How long a service that is said to have failed may be a leftover of an earlier order. Agents try a service that
/// did not start again after a minute, so a person who repeats a step has to be given that minute.
fn services_settle(cx: &Asking) -> Duration {
    Duration::from_secs(if cx.attempt > 1 { 65 } else { 3 })
}

macro_rules! steps {
    ($($kind:ident),* $(,)?) => {
        /// Every step the engine knows, as data.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "step", content = "with", rename_all = "camelCase")]
        pub enum AnyStep { $($kind($kind)),* }

        $(impl From<$kind> for AnyStep {
            fn from(step: $kind) -> Self {
                AnyStep::$kind(step)
            }
        })*

        impl std::ops::Deref for AnyStep {
            type Target = dyn Step;

            fn deref(&self) -> &Self::Target {
                match self { $(AnyStep::$kind(step) => step),* }
            }
        }

        impl AnyStep {
            /// The registered name of its kind.
            pub fn kind(&self) -> &'static str {
                match self { $(AnyStep::$kind(_) => stringify!($kind)),* }
            }
        }

        /// Names of all registered steps; a test demands a golden example of each.
        pub const ALL: &[&str] = &[$(stringify!($kind)),*];
    };
}

steps![
    StopServices,
    StartServices,
    DrainSpool,
    FenceActive,
    ReopenActive,
    PromoteTarget,
    CheckActive,
    Redirect,
    ReverseReplication,
    SuspendReplication,
    ResumeReplication,
    SynchronizeAll,
    CompareSides,
    AdoptRootIdentity,
    ApproveRemoval,
    Approve,
    RunScript,
];
