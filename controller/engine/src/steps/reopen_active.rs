//! Lets a fenced member take writes again. Only ever used to take back a fence.

use super::{Asking, Found, Progress, Sight, Step, Undo};
use crate::settings::Place;
use model::{Epoch, Ledger, Role};
use serde::{Deserialize, Serialize};

/// Makes the member active again, at yet another epoch: epochs only grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReopenActive {
    pub at: Place,
    pub epoch: Epoch,
    /// Whether the services go back with it, because no other step does that.
    pub serving: bool,
}

impl Step for ReopenActive {
    fn name(&self) -> String {
        "reopen".to_owned()
    }

    fn title(&self) -> String {
        format!("make {} active again (epoch {})", self.at.host, self.epoch)
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        ledger.epoch = ledger.epoch.max(self.epoch);
        ledger.members.entry(self.at.member.clone()).or_default().role = Role::Active;
        ledger.lineage.insert(self.epoch, self.at.member.clone());
        if self.serving {
            ledger.serving = Some(self.at.member.clone());
        }
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let host = &self.at.host;
        let seen = sight.report(cx, host).and_then(|report| match report.role {
            Role::Active if report.epoch >= self.epoch => Ok(Found::note(format!("{host} is active again"))),
            role => Err(Progress::Waiting(format!("{host} is {role:?} at epoch {}", report.epoch))),
        });
        seen.into()
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }
}
