//! Waits until everything the source has captured is durable at the target.

use super::{Asking, Found, Progress, Sight, Step, Undo};
use crate::settings::Place;
use model::{Errand, Ledger, errand::Work};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Waits for a named mark: the barrier taken after the services stopped, synced at the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainSpool {
    pub from: Place,
    pub to: Place,
}

impl Step for DrainSpool {
    fn name(&self) -> String {
        "drain".to_owned()
    }

    fn title(&self) -> String {
        format!("drain the spool to {}", self.to.called())
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        ledger.errands.insert(cx.errand(), Errand { member: self.from.member.clone(), work: Work::Barrier });
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        drained_to_barrier(cx, sight, &self.from, &self.to)
            .map(|mark| Found::note(format!("drained to change {mark}")))
            .into()
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    /// A spool of gigabytes over a thin line takes its time, while the services are down.
    fn patience(&self) -> Duration {
        Duration::from_secs(1800)
    }
}

/// The mark of the barrier that `cx` asked for, once the target holds everything up to it.
pub(super) fn drained_to_barrier(
    cx: &Asking,
    sight: &Sight<'_>,
    from: &Place,
    to: &Place,
) -> Result<model::Mark, Progress> {
    let barrier = sight.errand(cx, &from.host)?;
    let mark =
        barrier.mark.ok_or_else(|| Progress::Impossible(format!("{} took a barrier without a mark", from.host)))?;
    sight.drained(cx, from, to, mark)
}
