//! Compares and copies until every target is equal.

use super::{Asking, COPY_PATIENCE, Found, Progress, Sight, Step, Undo};
use crate::{settings::Place, text};
use model::{Errand, Ledger, MemberName, errand::Work};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Synchronizes every outgoing stream of the active member from a full comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SynchronizeAll {
    pub active: Place,
    pub targets: Vec<MemberName>,
}

impl Step for SynchronizeAll {
    fn name(&self) -> String {
        "synchronize".to_owned()
    }

    fn title(&self) -> String {
        format!("synchronize {} from {}", text::list(&self.targets), self.active.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let errand = Errand { member: self.active.member.clone(), work: Work::Synchronize };
        ledger.errands.insert(cx.errand(), errand);
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let done = sight.errand(cx, &self.active.host);
        done.map(|result| Found { note: result.message.clone(), result: Some(Box::new(result.clone())) }).into()
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn patience(&self) -> Duration {
        COPY_PATIENCE
    }
}
