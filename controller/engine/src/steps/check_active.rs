//! Runs every check once on the host that became active.

use super::{Asking, Found, Progress, Sight, Step, Undo};
use crate::{settings::Place, text};
use model::{Errand, Ledger, errand::Work};
use serde::{Deserialize, Serialize};

/// Asks for one round of checks, and for another while it fails: a service may need a moment to answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckActive {
    pub at: Place,
    pub checks: Vec<String>,
}

impl Step for CheckActive {
    fn name(&self) -> String {
        "check".to_owned()
    }

    fn title(&self) -> String {
        format!("check {} on {}", text::list(&self.checks), self.at.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        ledger.errands.insert(cx.errand(), Errand { member: self.at.member.clone(), work: Work::Checks });
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        match sight.errand(cx, &self.at.host) {
            Ok(_) => Progress::Reached(Found::note(format!("{} passed", text::list(&self.checks)))),
            Err(Progress::Impossible(why)) => Progress::Again(why),
            Err(pending) => pending,
        }
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn skippable(&self) -> bool {
        true
    }
}
