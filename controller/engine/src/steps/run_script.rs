//! Runs a script of the agent, because a plan says so.

use super::{Asking, Found, Progress, Sight, Step, TURN, Undo};
use crate::settings::Place;
use model::{Errand, HostName, Ledger, errand::Work, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Runs a command on one host; with `check`, only where that does not say that it is done already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunScript {
    /// The step's name in the plan; the script is told.
    pub step: String,
    pub at: Place,
    /// The host that is active by then; the script is told.
    pub active: HostName,
    pub script: Script,
    /// Longest time each command may take.
    pub timeout: Period,
    pub undo: Option<Script>,
    /// Whether nobody can take it back.
    pub point_of_no_return: bool,
}

/// A command and its probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<String>,
}

impl Step for RunScript {
    fn name(&self) -> String {
        "run".to_owned()
    }

    fn title(&self) -> String {
        format!("run {} on {}", self.script.command.join(" "), self.at.host)
    }

    fn ask(&self, cx: &Asking, ledger: &mut Ledger) {
        let work = Work::Run {
            step: self.step.clone(),
            active_host: self.active.to_string(),
            command: self.script.command.clone(),
            check: self.script.check.clone(),
            timeout: self.timeout,
        };
        ledger.errands.insert(cx.errand(), Errand { member: self.at.member.clone(), work });
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        match sight.errand(cx, &self.at.host) {
            Ok(result) => {
                Progress::Reached(Found { note: result.message.clone(), result: Some(Box::new(result.clone())) })
            }
            // Without a probe nobody can tell whether the script did its work: the plan or a person decides.
            Err(Progress::Again(why)) if self.script.check.is_empty() => {
                Progress::Impossible(format!("{why}; {} has no check that could tell", self.step))
            }
            Err(pending) => pending,
        }
    }

    fn undo(&self) -> Undo {
        match &self.undo {
            _ if self.point_of_no_return => Undo::Never,
            None => Undo::Nothing,
            Some(script) => Undo::with(Self { script: script.clone(), undo: None, ..self.clone() }),
        }
    }

    fn patience(&self) -> Duration {
        let commands = if self.script.check.is_empty() { 1 } else { 3 };
        self.timeout.0.saturating_mul(commands).saturating_add(TURN)
    }

    fn skippable(&self) -> bool {
        true
    }
}
