//! What must hold before the roles move. Each guard adds a check when it holds and a blocker when it does not.

use super::draft::Draft;
use crate::{compose::upstream, settings::Place, status::progress_text, text};
use model::{
    AssignmentStatus, ScenarioName,
    agent_status::{HaltReason, OutStatus, RootState, RootStatus, ServiceState, ServiceStatus, TargetState},
};
use std::time::Duration;

/// The command that ends the halt of a root, once a person has looked.
pub(crate) fn way_on(scenario: &ScenarioName, place: &Place, root: &RootStatus) -> String {
    match &root.held_removal {
        Some(held) => format!("standin approve {scenario} --digest {}", held.digest),
        None => format!("standin adopt-root {scenario} {} --host {}", root.name, place.host),
    }
}

impl Draft<'_> {
    pub fn fresh(&self, place: &Place) -> Option<&AssignmentStatus> {
        self.observed.fresh(self.settings.scenario, &place.host)
    }

    pub fn last(&self, place: &Place) -> Option<&AssignmentStatus> {
        self.observed.last(self.settings.scenario, &place.host)
    }

    /// What `from` last said about its stream to `to`.
    pub fn stream(&self, from: &Place, to: &Place) -> Option<&OutStatus> {
        let source = self.last(from)?.source.as_ref()?;
        source.streams.iter().find(|stream| stream.target == to.member)
    }

    /// Blocks with `message` unless the host answers and knows this scenario.
    pub fn require_answer(&mut self, place: &Place, message: String) -> bool {
        if !self.observed.connected(&place.host) {
            let silence = self.observed.silence(&place.host);
            self.block(message).facts = vec![silence];
            return false;
        }
        if self.last(place).is_none() {
            self.block(message).facts = vec![format!("{} has not reported on this scenario yet", place.host)];
            return false;
        }
        true
    }

    /// Nobody may know of a later order than the ledger does: that would be a ledger restored from the past.
    pub fn require_newest_ledger(&mut self) {
        let own = self.ledger.epoch;
        if let Some((host, epoch)) = self.observed.ahead(self.settings, self.ledger) {
            self.block(format!("{host} knows epoch {epoch}, the controller only {own}")).help =
                vec!["the controller's state is older than its agents': restore a newer one".to_owned()];
            return;
        }
        for place in self.settings.places() {
            // Taken for an answer, such a report would answer orders that were never given to it.
            let Some(known) = self.last(&place).map(|report| report.ledger_revision) else { continue };
            if known > self.ledger.revision {
                let message = format!("{} has not taken up the orders of this controller yet", place.host);
                self.block(message).facts =
                    vec![format!("it holds ledger revision {known}, the controller is at {}", self.ledger.revision)];
            }
        }
    }

    pub fn require_not_suspended(&mut self) {
        if let Some(suspended) = &self.ledger.suspended {
            let fact = format!("by {}: {}", suspended.by, suspended.reason);
            let help = format!("standin resume {}", self.settings.scenario);
            let blocker = self.block("replication is suspended");
            blocker.facts = vec![fact];
            blocker.help = vec![help];
        }
    }

    /// No root may be halted at any of `places`.
    pub fn require_roots(&mut self, places: &[&Place]) {
        let mut halted = Vec::new();
        for place in places {
            for root in self.fresh(place).map(|report| &report.roots).into_iter().flatten() {
                if let RootState::Halted { message, reason } = &root.state {
                    let way_on = way_on(self.settings.scenario, place, root);
                    halted.push((root.name.clone(), place.host.clone(), message.clone(), *reason, way_on));
                }
            }
        }
        if halted.is_empty() {
            let hosts: Vec<_> = places.iter().map(|place| &place.host).collect();
            self.check(format!("no root is halted on {}", text::list(&hosts)));
        }
        for (root, host, message, reason, way_on) in halted {
            let blocker = self.block(format!("root {root} on {host} is halted"));
            blocker.facts = vec![message];
            blocker.help = match reason {
                HaltReason::CannotHold => vec![
                    format!("put {root} on {host} on another file system"),
                    "or accept the loss by name with `lossy` at this root in the manifest".to_owned(),
                ],
                _ => vec![format!("look at it, then  {way_on}")],
            };
        }
    }

    /// No service at `places` may be one that cannot be asked: it would never count as stopped or as started.
    pub fn require_answering_services(&mut self, places: &[&Place]) {
        let mut odd = Vec::new();
        for place in places {
            let services = self.fresh(place).map(|report| report.services.as_slice()).unwrap_or_default();
            let unknown = |service: &&ServiceStatus| service.state == ServiceState::Unknown;
            for service in services.iter().filter(unknown).filter(|service| !service.message.is_empty()) {
                odd.push((place.host.clone(), service.clone()));
            }
        }
        for (host, service) in odd {
            let blocker = self.block(format!("whether {} runs on {host} cannot be found out", service.name));
            blocker.facts = vec![service.message];
            blocker.help = vec![format!("mend its scripts on {host}; check must answer 0 (runs) or 1 (does not)")];
        }
    }

    /// The target follows the source and is equal but for what is on its way.
    pub fn require_synced(&mut self, from: &Place, to: &Place) -> bool {
        let target = self.fresh(to).and_then(|report| report.target.clone());
        let follows = upstream(self.ledger, &to.member) == Some(&from.member);
        let member = to.called();
        let Some(target) = target.filter(|target| follows && target.source == from.member) else {
            self.block(format!("{member} does not follow {}", from.host));
            return false;
        };
        match target.state {
            TargetState::Synced => {}
            TargetState::NeverSynced => {
                self.block(format!("{member} was never synchronized"));
                return false;
            }
            TargetState::Synchronizing => {
                let progress = self.stream(from, to).and_then(|stream| stream.progress.as_ref()).map(progress_text);
                self.block(format!("{member} is being synchronized")).facts = progress.into_iter().collect();
                return false;
            }
        }
        if let Some(problem) = target.problem {
            self.block(format!("{member} stands still")).facts = vec![problem];
            return false;
        }
        true
    }

    /// The target is not further behind than the manifest's guard allows.
    pub fn require_small_lag(&mut self, to: &Place) {
        let limit = self.settings.spec.switchover.guards.max_lag;
        let lag = self.fresh(to).and_then(|report| report.target.as_ref()?.lag);
        let member = to.called();
        match lag.map(|lag| Duration::from_millis(lag.millis)) {
            None => {
                self.block(format!("how far {member} is behind is unknown"));
            }
            Some(lag) if lag > limit.0 => {
                let behind = text::duration(lag);
                self.block(format!("{member} is {behind} behind, more than switchover.guards.maxLag: {limit}"));
            }
            Some(lag) => {
                let behind = text::duration(lag);
                self.check(format!("{member} is {behind} behind; all of it can be drained: no data will be lost"));
            }
        }
    }

    pub fn check_redirection(&mut self) {
        let points = self.settings.spec.redirection.iter().filter(|point| point.script.is_some());
        let points: Vec<_> = points.map(|point| &point.name).collect();
        if !points.is_empty() {
            let names = text::list(&points);
            self.check(format!("redirection: {names}"));
        }
    }
}
