//! Lets all streams rest; roles stay.

use super::{Asking, Found, Progress, ResumeReplication, Sight, Step, Undo};
use crate::settings::Place;
use model::{Ledger, agent_status::LinkState, ledger::Suspended};
use serde::{Deserialize, Serialize};

/// Suspends replication until a person resumes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuspendReplication {
    pub why: Suspended,
    /// Whose word is waited for: the hosts that were connected when it was planned.
    pub places: Vec<Place>,
}

impl Step for SuspendReplication {
    fn name(&self) -> String {
        "suspend".to_owned()
    }

    fn title(&self) -> String {
        "suspend replication".to_owned()
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        ledger.suspended = Some(self.why.clone());
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        for place in &self.places {
            let report = match sight.report(cx, &place.host) {
                Ok(report) => report,
                Err(pending) => return pending,
            };
            let mut streams = report.source.iter().flat_map(|source| &source.streams);
            if let Some(open) = streams.find(|stream| stream.state != LinkState::Down) {
                return Progress::Waiting(format!("{} still sends to {}", place.host, open.target));
            }
        }
        Progress::Reached(Found::note("no changes are sent"))
    }

    fn undo(&self) -> Undo {
        Undo::with(ResumeReplication { why: self.why.clone(), places: self.places.clone() })
    }
}
