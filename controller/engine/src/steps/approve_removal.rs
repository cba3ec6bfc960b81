//! Lets a mass change that a root is halted by pass, once.

use super::{Asking, Found, Progress, Sight, Step, Undo};
use crate::settings::Place;
use model::{Errand, Ledger, RootName, agent_status::RootState, errand::Work};
use serde::{Deserialize, Serialize};

/// Tells the source that exactly the list may go which a person has looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApproveRemoval {
    pub at: Place,
    pub root: RootName,
    /// Stands for the list.
    pub digest: String,
}

impl Step for ApproveRemoval {
    fn name(&self) -> String {
        "approve removal".to_owned()
    }

    fn title(&self) -> String {
        format!("let what is missing from {} on {} be removed elsewhere", self.root, self.at.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let work = Work::ApproveRemoval { root: self.root.clone(), digest: self.digest.clone() };
        ledger.errands.insert(cx.errand(), Errand { member: self.at.member.clone(), work });
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let found = match sight.errand(cx, &self.at.host) {
            Ok(found) => found,
            // What would go may be another list by now: nobody approves it a second time for them.
            Err(Progress::Again(why)) => return Progress::Impossible(why),
            Err(pending) => return pending,
        };
        let roots = sight.report(cx, &self.at.host).map(|report| &report.roots);
        let root = roots.ok().and_then(|roots| roots.iter().find(|root| root.name == self.root));
        match root.map(|root| &root.state) {
            Some(RootState::Ready) => Progress::Reached(Found::note(found.message.clone())),
            Some(RootState::Halted { message, .. }) => Progress::Waiting(format!("still halted: {message}")),
            _ => Progress::Waiting(format!("{} is being opened", self.root)),
        }
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }
}
