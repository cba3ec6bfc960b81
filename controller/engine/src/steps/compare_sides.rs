//! Compares both sides fully and changes nothing.

use super::{Asking, COPY_PATIENCE, Found, Progress, Sight, Step, Undo};
use crate::{settings::Place, text};
use model::{Errand, Ledger, MemberName, errand::Work};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks the active member to compare itself with its targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompareSides {
    pub active: Place,
    pub targets: Vec<MemberName>,
}

impl Step for CompareSides {
    fn name(&self) -> String {
        "compare".to_owned()
    }

    fn title(&self) -> String {
        format!("compare {} with {}", self.active.host, text::list(&self.targets))
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let errand = Errand { member: self.active.member.clone(), work: Work::Compare };
        ledger.errands.insert(cx.errand(), errand);
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let done = sight.errand(cx, &self.active.host);
        done.and_then(|result| match &result.comparison {
            None => Err(Progress::Impossible(format!("{} compared without a result", self.active.host))),
            Some(comparison) => {
                let note = text::count(comparison.differences, "difference", "differences");
                Ok(Found { note, result: Some(Box::new(result.clone())) })
            }
        })
        .into()
    }

    fn undo(&self) -> Undo {
        Undo::Nothing
    }

    fn patience(&self) -> Duration {
        COPY_PATIENCE
    }
}
