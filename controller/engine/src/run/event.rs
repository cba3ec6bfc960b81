//! What can happen to a step, and what it is after that.

use model::{ErrandResult, Timestamp};
use serde::{Deserialize, Serialize};

/// One entry of a run's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The step's path, such as `3`.
    pub step: String,
    pub at: Timestamp,
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The order is in the ledger of this revision.
    Asked {
        revision: u64,
    },
    Reached {
        note: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<ErrandResult>,
    },
    Failed {
        why: String,
    },
    /// Another attempt was ordered.
    Retried {
        revision: u64,
        attempt: u32,
        why: String,
    },
    Skipped {
        by: String,
        reason: String,
    },
    Paused {
        why: String,
    },
    /// A person said yes to what the step asks.
    Approved {
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Resumed {
        by: String,
    },
    /// Concerns the whole run: everything is taken back.
    AbortAsked {
        by: String,
    },
    /// Concerns the whole run: a person ended it where it stood.
    GivenUp {
        by: String,
        reason: String,
    },
    UndoAsked {
        revision: u64,
    },
    Undone,
    UndoFailed {
        why: String,
    },
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Untouched,
    Asked,
    Reached,
    Failed,
    Paused,
    /// A person said to go on; the next attempt is about to be ordered.
    Resumed,
    Skipped,
    Undoing,
    Undone,
    UndoFailed,
}

/// A log that this plan could not have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step} is {state:?} and cannot become {what}: the log is not of this plan")]
pub struct IllegalEvent {
    pub step: String,
    pub what: String,
    /// `None` when the plan has no such step.
    pub state: Option<State>,
}

impl State {
    /// The whole state machine.
    pub(super) fn next(self, what: &What) -> Option<State> {
        use State as S;
        use What as W;
        match (self, what) {
            (S::Untouched, W::Asked { .. }) => Some(S::Asked),
            (S::Asked | S::Resumed, W::Retried { .. }) => Some(S::Asked),
            (S::Asked | S::Resumed, W::Reached { .. }) => Some(S::Reached),
            (S::Asked, W::Failed { .. }) => Some(S::Failed),
            (S::Asked | S::Paused, W::Approved { .. }) => Some(S::Reached),
            (S::Failed, W::Paused { .. }) => Some(S::Paused),
            // The plan goes on without it.
            (S::Failed, W::Skipped { .. }) => Some(S::Skipped),
            (S::Paused, W::Resumed { .. }) => Some(S::Resumed),
            (S::Paused, W::Skipped { .. }) => Some(S::Skipped),
            (S::Untouched | S::Asked | S::Reached | S::Paused | S::Resumed, W::AbortAsked { .. }) => Some(self),
            (S::Untouched, W::GivenUp { .. }) => Some(S::Untouched),
            (S::Asked | S::Failed | S::Paused | S::Resumed, W::GivenUp { .. }) => Some(S::Failed),
            (S::Asked | S::Reached | S::Failed | S::Paused | S::Resumed | S::Skipped, W::UndoAsked { .. }) => {
                Some(S::Undoing)
            }
            (S::Undoing, W::Undone) => Some(S::Undone),
            (S::Undoing, W::UndoFailed { .. }) => Some(S::UndoFailed),
            _ => None,
        }
    }

    /// As in `StepView::state`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Untouched => "untouched",
            State::Asked | State::Resumed => "asked",
            State::Reached => "reached",
            State::Failed | State::Paused => "failed",
            State::Skipped => "skipped",
            State::Undoing => "undoing",
            State::Undone => "undone",
            State::UndoFailed => "undoFailed",
        }
    }
}
