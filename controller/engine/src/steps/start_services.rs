//! Starts the services of the active host.

use super::{Asking, Found, Progress, Sight, Step, StopServices, Undo, services_settle};
use crate::{settings::Place, text};
use model::{Ledger, agent_status::ServiceState};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Starts the services on a host that is active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartServices {
    pub at: Place,
    pub services: Vec<String>,
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
        Undo::with(StopServices { at: self.at.clone(), services: self.services.clone() })
    }

    fn settle(&self, cx: &Asking) -> Duration {
        services_settle(cx)
    }

    fn skippable(&self) -> bool {
        true
    }
}
