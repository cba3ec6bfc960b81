//! Compares both sides fully and changes nothing.

use super::{Asking, COPY_PATIENCE, Found, Progress, Sight, Step, Undo};
use crate::{settings::Place, text};
use model::{Errand, Ledger, MemberName, RootName, errand::Work};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks the active member to compare itself with its targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompareSides {
    pub active: Place,
    pub targets: Vec<MemberName>,
    /// Only this one; all of them otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<RootName>,
}

impl Step for CompareSides {
    fn name(&self) -> String {
        "compare".to_owned()
    }

    fn title(&self) -> String {
        let what = self.root.as_ref().map(|root| format!("root {root} of ")).unwrap_or_default();
        format!("compare {what}{} with {}", self.active.host, text::list(&self.targets))
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let errand = Errand { member: self.active.member.clone(), work: Work::Compare { root: self.root.clone() } };
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
