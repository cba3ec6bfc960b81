//! Ends a suspension.

use super::{Asking, Found, Progress, Sight, Step, SuspendReplication, Undo};
use crate::settings::Place;
use model::{Ledger, ledger::Suspended};
use serde::{Deserialize, Serialize};

/// Lets the streams run again. What changed meanwhile is found by comparing, which is not waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumeReplication {
    /// The suspension it ends, to be able to put it back.
    pub why: Suspended,
    pub places: Vec<Place>,
}

impl Step for ResumeReplication {
    fn name(&self) -> String {
        "resume".to_owned()
    }

    fn title(&self) -> String {
        "resume replication".to_owned()
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        ledger.suspended = None;
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let pending = self.places.iter().find_map(|place| sight.report(cx, &place.host).err());
        pending.unwrap_or_else(|| Progress::Reached(Found::note("changes are followed again")))
    }

    fn undo(&self) -> Undo {
        Undo::with(SuspendReplication { why: self.why.clone(), places: self.places.clone() })
    }
}
