//! Sends the clients of one redirection point to the active host. Traffic moves last.

use super::{Asking, Found, Progress, Sight, Step, Undo, patience_with};
use crate::settings::Place;
use model::{Errand, Ledger, PointName, elements::redirection::ScriptRedirection, errand::Work, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Runs the point's script on the agent of the host that becomes active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    pub point: PointName,
    pub to: Place,
    pub from: Place,
    pub script: ScriptRedirection,
}

impl Step for Redirect {
    fn name(&self) -> String {
        self.point.to_string()
    }

    fn title(&self) -> String {
        format!("{}: send clients to {}", self.point, self.to.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let work = Work::Redirect {
            point: self.point.clone(),
            active_host: self.to.host.to_string(),
            command: self.script.command.clone(),
            check: self.script.check.clone(),
            timeout: self.script.timeout,
        };
        ledger.redirected.insert(self.point.clone(), self.to.member.clone());
        ledger.errands.insert(cx.errand(), Errand { member: self.to.member.clone(), work });
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        match sight.errand(cx, &self.to.host) {
            Ok(result) => {
                Progress::Reached(Found { note: result.message.clone(), result: Some(Box::new(result.clone())) })
            }
            // Without a probe nobody can tell whether the script did its work: a person decides.
            Err(Progress::Again(why)) if self.script.check.is_empty() => {
                Progress::Impossible(format!("{why}; {} has no check that could tell", self.point))
            }
            Err(pending) => pending,
        }
    }

    fn undo(&self) -> Undo {
        Undo::with(Self { to: self.from.clone(), from: self.to.clone(), ..self.clone() })
    }

    /// The script's time is that of each command, and a check is run before and after.
    fn patience(&self) -> Duration {
        let commands = if self.script.check.is_empty() { 1 } else { 3 };
        patience_with(Period(self.script.timeout.0.saturating_mul(commands)))
    }

    fn skippable(&self) -> bool {
        true
    }
}
