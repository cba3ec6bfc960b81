//! Waits until a person says yes.

use super::{Asking, Progress, Sight, Step, Undo};
use model::Ledger;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Orders nothing and is never reached by itself: the word of a person is an event of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approve {
    pub message: String,
}

impl Step for Approve {
    fn name(&self) -> String {
        "approve".to_owned()
    }

    fn title(&self) -> String {
        format!("ask a person: {}", self.message)
    }

    fn ask(&self, _: &Asking, _: &mut Ledger) {}

    fn look(&self, _: &Asking, _: &Sight<'_>) -> Progress {
        Progress::Waiting(self.message.clone())
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(86_400)
    }
}
