//! Runs checks once on the active host.

use super::{Asking, Found, Progress, Sight, Step, Undo, patience_with};
use crate::{settings::Place, text};
use model::{Errand, Ledger, errand::Work, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks for one round of checks, and for another while it fails: a service may need a moment to answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckActive {
    pub at: Place,
    pub checks: Vec<String>,
    /// Whether these are only some of the checks there are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub some: bool,
    /// Longest time that one round of them may take.
    #[serde(default)]
    pub time: Period,
}

impl Step for CheckActive {
    fn name(&self) -> String {
        "check".to_owned()
    }

    fn title(&self) -> String {
        format!("check {} on {}", text::list(&self.checks), self.at.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let work = match self.some {
            true => Work::SomeChecks { names: self.checks.clone() },
            false => Work::Checks,
        };
        ledger.errands.insert(cx.errand(), Errand { member: self.at.member.clone(), work });
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

    fn patience(&self) -> Duration {
        patience_with(self.time)
    }

    fn skippable(&self) -> bool {
        true
    }
}
