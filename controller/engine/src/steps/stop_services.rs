//! Stops the services of the active host, so that nothing is written any more.

use super::{Asking, Found, Progress, Sight, StartServices, Step, Undo, patience_with, services_settle};
use crate::{settings::Place, text};
use model::{Ledger, agent_status::ServiceState, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Stops the services where they run. Never taken for done without the host's own word on each of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopServices {
    pub at: Place,
    pub services: Vec<String>,
    /// Longest time that all of them may take together.
    #[serde(default)]
    pub time: Period,
}

impl Step for StopServices {
    fn name(&self) -> String {
        "stop services".to_owned()
    }

    fn title(&self) -> String {
        let reversed: Vec<&String> = self.services.iter().rev().collect();
        format!("stop {} on {}", text::list(&reversed), self.at.host)
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        ledger.serving = None;
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let stopped = sight.services(cx, &self.at.host, &self.services, ServiceState::Stopped);
        stopped.map(|()| Found::note(format!("{} stopped", text::list(&self.services)))).into()
    }

    fn undo(&self) -> Undo {
        Undo::with(StartServices { at: self.at.clone(), services: self.services.clone(), time: self.time })
    }

    fn patience(&self) -> Duration {
        patience_with(self.time)
    }

    fn settle(&self, cx: &Asking) -> Duration {
        services_settle(cx)
    }
}
