//! Starts the services of the active host.

use super::{Asking, Found, Progress, Sight, Step, StopServices, Undo, patience_with, services_settle};
use crate::{settings::Place, text};
use model::{Ledger, agent_status::ServiceState, units::Period};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Starts the services on a host that is active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartServices {
    pub at: Place,
    pub services: Vec<String>,
    /// Longest time that all of them may take together.
    #[serde(default)]
    pub time: Period,
}

impl Step for StartServices {
    fn name(&self) -> String {
        "start services".to_owned()
    }

    fn title(&self) -> String {
        format!("start {} on {}", text::list(&self.services), self.at.host)
    }

    fn ask(&self, _: &Asking, ledger: &mut Ledger) {
        ledger.serving = Some(self.at.member.clone());
    }

    fn look(&self, cx: &Asking, sight: &Sight<'_>) -> Progress {
        let running = sight.services(cx, &self.at.host, &self.services, ServiceState::Running);
        running.map(|()| Found::note(format!("{} running", text::list(&self.services)))).into()
    }

    fn undo(&self) -> Undo {
        Undo::with(StopServices { at: self.at.clone(), services: self.services.clone(), time: self.time })
    }

    fn patience(&self) -> Duration {
        patience_with(self.time)
    }

    fn settle(&self, cx: &Asking) -> Duration {
        services_settle(cx)
    }

    fn skippable(&self) -> bool {
        true
    }
}
