//! Takes what is at a root's path now for the root.

use super::{Asking, Found, Progress, Sight, Step, Undo};
use crate::settings::Place;
use model::{Errand, Ledger, RootName, agent_status::RootState, errand::Work};
use serde::{Deserialize, Serialize};

/// Writes a new identity for a root that was halted, after a person has looked at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdoptRootIdentity {
    pub at: Place,
    pub root: RootName,
}

impl Step for AdoptRootIdentity {
    fn name(&self) -> String {
        "adopt root".to_owned()
    }

    fn title(&self) -> String {
        format!("adopt root {} on {}", self.root, self.at.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let work = Work::AdoptRoot { root: self.root.clone() };
        ledger.errands.insert(cx.errand(), Errand { member: self.at.member.clone(), work });
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        match sight.errand(cx, &self.at.host) {
            Ok(_) => {}
            // What stands there may have changed since the person looked: nobody adopts it a second time for them.
            Err(Progress::Again(why)) => return Progress::Impossible(why),
            Err(pending) => return pending,
        }
        let roots = sight.report(cx, &self.at.host).map(|report| &report.roots);
        let root = roots.ok().and_then(|roots| roots.iter().find(|root| root.name == self.root));
        match root.map(|root| &root.state) {
            Some(RootState::Ready) => Progress::Reached(Found::note(format!("{} is ready", self.root))),
            Some(RootState::Halted { message, .. }) => Progress::Waiting(format!("still halted: {message}")),
            _ => Progress::Waiting(format!("{} is being opened", self.root)),
        }
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }
}
