//! Asking for the next certificate in time. The key stays, so streams and peers know this host as before.

use crate::{agent::Agent, clock, text};
use std::{sync::Arc, time::Duration};
use tokio::time::{Interval, MissedTickBehavior, interval};
use wire::control::ToController;

/// Time between two looks, and between two requests: the first look is when a session begins.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// When the next certificate is asked for in one session.
pub struct Renewal {
    agent: Arc<Agent>,
    /// Whether this controller understands the request.
    renews: bool,
    looks: Interval,
}

impl Renewal {
    pub fn new(agent: Arc<Agent>, renews: bool) -> Self {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { agent, renews, looks }
    }

    /// Waits for the next look; the request when it is time for one. Safe to cancel.
    pub async fn look(&mut self) -> Option<ToController> {
        self.looks.tick().await;
        let credentials = self.agent.credentials();
        let until = credentials.due(clock::now())?;
        if !self.renews {
            tracing::warn!(until = until.0, "the certificate of this host ends; its controller is too old to renew it");
            return None;
        }
        match credentials.request() {
            Ok(certificate_request) => {
                let host = self.agent.context.config.host.clone();
                Some(ToController::Renew { host, certificate_request })
            }
            Err(e) => {
                tracing::warn!(why = text::chain(&e), "the next certificate could not be asked for");
                None
            }
        }
    }
}

/// Keeps a new certificate; one that does not fit changes nothing.
pub async fn take(agent: &Arc<Agent>, certificate: String) {
    let own = Arc::clone(agent);
    let taken = tokio::task::spawn_blocking(move || own.credentials().renew(certificate)).await;
    match taken {
        Ok(Ok(until)) => tracing::info!(until = until.0, "the certificate of this host was renewed"),
        Ok(Err(e)) => tracing::warn!(why = text::chain(&e), "a certificate was not taken"),
        Err(e) => tracing::error!(why = text::chain(&e), "a certificate was not taken"),
    }
}
