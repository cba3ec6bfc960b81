//! The conditions of a scenario, each true, false or unknown.

use super::{Scene, progress_text};
use crate::text;
use model::{
    agent_status::{LinkState, RootState, ServiceState, SpoolState, TargetState},
    view::{Condition, Health},
};
use std::time::Duration;

/// A condition in the making, with what it means for the health when it does not hold.
pub(super) struct Fact {
    kind: &'static str,
    /// `None` is unknown.
    holds: Option<bool>,
    reason: &'static str,
    message: String,
    means: Health,
}

impl Fact {
    fn holds(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind, holds: Some(true), reason, message: message.into(), means: Health::Ok }
    }

    fn fails(kind: &'static str, reason: &'static str, message: impl Into<String>, means: Health) -> Self {
        Self { kind, holds: Some(false), reason, message: message.into(), means }
    }

    fn unknown(kind: &'static str, reason: &'static str, message: impl Into<String>, means: Health) -> Self {
        Self { kind, holds: None, reason, message: message.into(), means }
    }

    /// The one condition that lists, pages and exit codes read.
    pub fn ready(health: Health, why: &str) -> Self {
        match health {
            Health::Ok => Self::holds("Ready", "Ok", "all is well"),
            Health::Unknown => Self::unknown("Ready", "Unknown", why, health),
            Health::Suspended => Self::fails("Ready", "Suspended", why, health),
            Health::Degraded => Self::fails("Ready", "Degraded", why, health),
            Health::Failed => Self::fails("Ready", "Failed", why, health),
        }
    }

    pub fn alarm(&self) -> Option<(Health, String)> {
        (self.means != Health::Ok).then(|| (self.means, self.message.clone()))
    }

    pub fn condition(&self) -> Condition {
        let status = match self.holds {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        Condition {
            kind: self.kind.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message.clone(),
            last_transition_time: None,
        }
    }
}

impl Scene<'_> {
    /// In the order in which they give the reason for the health.
    pub(super) fn facts(&self) -> Vec<Fact> {
        vec![
            self.agents_connected(),
            self.roots_ready(),
            self.services_healthy(),
            self.synchronized(),
            self.protected(),
            self.spool_healthy(),
            self.manifest_current(),
        ]
    }

    fn agents_connected(&self) -> Fact {
        let places = self.settings.places();
        let silent: Vec<_> = places.iter().filter(|place| !self.observed.connected(&place.host)).collect();
        let reasons: Vec<String> = silent.iter().map(|place| self.observed.silence(&place.host)).collect();
        let active = self.ledger.active();
        if silent.is_empty() {
            let hosts: Vec<_> = places.iter().map(|place| &place.host).collect();
            Fact::holds("AgentsConnected", "Connected", text::list(&hosts))
        } else {
            let lost_active = silent.iter().any(|place| Some(&place.member) == active);
            let means = if lost_active { Health::Unknown } else { Health::Degraded };
            Fact::fails("AgentsConnected", "Silent", text::list(&reasons), means)
        }
    }

    fn roots_ready(&self) -> Fact {
        let kind = "RootsReady";
        let halted: Vec<String> = self.halted().into_iter().map(|(_, message)| message).collect();
        if !halted.is_empty() {
            return Fact::fails(kind, "Halted", halted.join("; "), Health::Failed);
        }
        let mut count = 0;
        for place in self.settings.places() {
            let Some(report) = self.fresh(&place) else {
                return Fact::unknown(kind, "Silent", self.observed.silence(&place.host), Health::Ok);
            };
            let unreadable: u64 = report.roots.iter().map(|root| root.unreadable).sum();
            if unreadable > 0 {
                let entries = text::count(unreadable, "entry", "entries");
                let message = format!("{entries} on {} could not be read", place.host);
                return Fact::fails(kind, "Unreadable", message, Health::Degraded);
            }
            // What an earlier assignment had open says nothing about this one.
            let is_source = self.ledger.active() == Some(&place.member) && self.ledger.suspended.is_none();
            if is_source && report.roots.iter().any(|root| root.state == RootState::Unknown) {
                let message = format!("{} has not opened its roots yet", place.host);
                return Fact::unknown(kind, "NotOpened", message, Health::Ok);
            }
            count = count.max(report.roots.len() as u64);
        }
        let ready = std::iter::once(text::count(count, "root", "roots"));
        Fact::holds(kind, "Ready", ready.chain(self.told_of_roots()).collect::<Vec<_>>().join("; "))
    }

    /// What should be known of roots that are replicated: mounts in them, and content that changed without a trace.
    fn told_of_roots(&self) -> Vec<String> {
        let mut told = Vec::new();
        for place in self.settings.places() {
            for root in self.fresh(&place).iter().flat_map(|report| &report.roots) {
                let (name, host) = (&root.name, &place.host);
                if !root.mounts.is_empty() {
                    told.push(format!(
                        "not replicated, for it is mounted in {name} on {host}: {}",
                        text::list(&root.mounts)
                    ));
                }
                let changed = root.scrub.as_ref().map_or(0, |scrub| scrub.differences);
                if changed > 0 {
                    let files = text::count(changed, "file", "files");
                    told.push(format!(
                        "{files} of {name} on {host} had changed without their times: see the agent's log"
                    ));
                }
            }
        }
        told
    }

    fn services_healthy(&self) -> Fact {
        let kind = "ServicesHealthy";
        let spec = self.settings.spec;
        if spec.services.commands.is_empty() && spec.monitoring.checks.is_empty() {
            return Fact::holds(kind, "NotConfigured", "no services and no checks");
        }
        let Some(place) = self.active() else {
            return Fact::fails(kind, "NobodyActive", "no host is active", Health::Failed);
        };
        let Some(report) = self.fresh(&place) else {
            return Fact::unknown(kind, "Silent", self.observed.silence(&place.host), Health::Ok);
        };
        if self.ledger.serving.as_ref() != Some(&place.member) && !spec.services.commands.is_empty() {
            return Fact::fails(
                kind,
                "NotServing",
                format!("services are ordered to rest on {}", place.host),
                // A planned move stops them on purpose, and says so by its state.
                if self.run.is_some() { Health::Degraded } else { Health::Failed },
            );
        }
        for name in self.settings.services() {
            let status = report.services.iter().find(|status| status.name == name);
            let (state, message) = status.map_or((ServiceState::Unknown, ""), |s| (s.state, s.message.as_str()));
            let tail = if message.is_empty() { String::new() } else { format!(": {message}") };
            let host = &place.host;
            match state {
                ServiceState::Running => {}
                ServiceState::Changing => {
                    return Fact::unknown(kind, "Changing", format!("{name} is changing on {host}"), Health::Degraded);
                }
                ServiceState::Unknown => {
                    let message = format!("whether {name} runs on {host} is unknown{tail}");
                    return Fact::unknown(kind, "Unknown", message, Health::Degraded);
                }
                ServiceState::Stopped | ServiceState::Failed => {
                    let message = format!("{name} does not run on {host}{tail}");
                    return Fact::fails(kind, "NotRunning", message, Health::Failed);
                }
            }
        }
        match report.failing_since.map(|since| self.observed.now.since(since)) {
            Some(time) if time >= spec.monitoring.timeout.0 => {
                let message = format!("every check on {} has failed for {}", place.host, text::duration(time));
                Fact::fails(kind, "ChecksFailed", message, Health::Failed)
            }
            Some(time) => {
                let message = format!("checks on {} have failed for {}", place.host, text::duration(time));
                Fact::unknown(kind, "ChecksFailing", message, Health::Degraded)
            }
            None => Fact::holds(kind, "Running", format!("as wanted on {}", place.host)),
        }
    }

    /// Every stream there should be has completed a synchronization in its source's lineage.
    fn synchronized(&self) -> Fact {
        let kind = "Synchronized";
        if self.ledger.suspended.is_some() {
            return Fact::unknown(kind, "Suspended", "replication is suspended", Health::Ok);
        }
        if let Some(home) = self.home_left_behind() {
            let message =
                format!("{} receives no changes: standin resume {} --reverse", home.host, self.settings.scenario);
            return Fact::fails(kind, "NotReversed", message, Health::Degraded);
        }
        let edges = self.edges();
        for (source, target) in &edges {
            let Some(report) = self.fresh(target) else {
                return Fact::unknown(kind, "Silent", self.observed.silence(&target.host), Health::Ok);
            };
            let member = &target.member;
            let status = report.target.as_ref().filter(|status| status.source == source.member);
            let state = status.map_or(TargetState::NeverSynced, |status| status.state);
            let own = self.fresh(source).and_then(|report| report.source.as_ref());
            let stream = own.and_then(|own| own.streams.iter().find(|stream| stream.target == *member));
            if state != TargetState::Synced {
                let progress = stream.and_then(|stream| stream.progress.as_ref()).map(progress_text);
                let down = stream.filter(|stream| stream.state == LinkState::Down).and_then(|s| s.problem.clone());
                let tail = progress.or(down).map_or(String::new(), |tail| format!(", {tail}"));
                let (reason, words) = match state {
                    TargetState::NeverSynced => ("NeverSynced", "is not synchronized yet"),
                    _ => ("Synchronizing", "is being synchronized"),
                };
                return Fact::fails(kind, reason, format!("{member} {words}{tail}"), Health::Degraded);
            }
            let lineage = status.and_then(|status| status.lineage.as_deref());
            if own.is_some_and(|own| lineage != Some(own.lineage.as_str())) {
                let message = format!("{member} holds an older lineage");
                return Fact::fails(kind, "Synchronizing", message, Health::Degraded);
            }
        }
        Fact::holds(kind, "Synced", text::count(edges.len() as u64, "replica", "replicas"))
    }

    /// Changes are followed, and the replica is not further behind than the manifest's guard.
    fn protected(&self) -> Fact {
        let kind = "Protected";
        if self.ledger.suspended.is_some() {
            return Fact::fails(kind, "Suspended", "replication is suspended", Health::Ok);
        }
        let limit = self.settings.spec.switchover.guards.max_lag;
        let edges = self.edges();
        if edges.is_empty() {
            return Fact::fails(kind, "NoStream", "nobody follows", Health::Degraded);
        }
        let mut worst = Duration::ZERO;
        for (source, target) in &edges {
            let member = &target.member;
            let own = self.fresh(source).and_then(|report| report.source.as_ref());
            let stream = own.and_then(|own| own.streams.iter().find(|stream| stream.target == *member));
            if let Some(down) = stream.filter(|stream| stream.state == LinkState::Down) {
                let tail = down.problem.as_ref().map_or(String::new(), |problem| format!(": {problem}"));
                let message = format!("the link to {member} is down{tail}");
                return Fact::fails(kind, "LinkDown", message, Health::Degraded);
            }
            let status = self.fresh(target).and_then(|report| report.target.as_ref());
            if let Some(problem) = status.and_then(|status| status.problem.as_ref()) {
                return Fact::fails(kind, "StandsStill", format!("{member} stands still: {problem}"), Health::Degraded);
            }
            let Some(lag) = status.and_then(|status| status.lag) else {
                let message = format!("how far {member} is behind is unknown");
                return Fact::unknown(kind, "LagUnknown", message, Health::Degraded);
            };
            worst = worst.max(Duration::from_millis(lag.millis));
        }
        let message = format!("{} behind, limit {limit}", text::duration(worst));
        match worst > limit.0 {
            true => Fact::fails(kind, "Lagging", message, Health::Degraded),
            false => Fact::holds(kind, "Following", message),
        }
    }

    fn spool_healthy(&self) -> Fact {
        let kind = "SpoolHealthy";
        let Some(place) = self.active() else {
            return Fact::unknown(kind, "NobodyActive", "no host is active", Health::Ok);
        };
        let Some(source) = self.fresh(&place).and_then(|report| report.source.as_ref()) else {
            return Fact::unknown(kind, "Silent", format!("{} reports no spool", place.host), Health::Ok);
        };
        let (used, limit) = (text::bytes(source.spool_bytes), text::bytes(source.spool_limit));
        match source.spool {
            SpoolState::Normal => Fact::holds(kind, "Normal", format!("{used} of {limit}")),
            SpoolState::Full => {
                let message = format!("the spool on {} is full ({limit}); what changes is copied later", place.host);
                Fact::fails(kind, "Full", message, Health::Degraded)
            }
        }
    }

    fn manifest_current(&self) -> Fact {
        let kind = "ManifestCurrent";
        let generation = self.settings.generation;
        if let Some((host, epoch)) = self.observed.ahead(self.settings, self.ledger) {
            let own = self.ledger.epoch;
            let message = format!(
                "{host} knows epoch {epoch}, the controller only {own}: its state is older than its agents', restore a \
                 newer one; nothing is ordered until then"
            );
            return Fact::fails(kind, "StateOutdated", message, Health::Failed);
        }
        for place in self.settings.places() {
            let host = &place.host;
            let Some(report) = self.fresh(&place) else {
                let message = format!("whether {host} has taken up generation {generation} is unknown");
                return Fact::unknown(kind, "Silent", message, Health::Ok);
            };
            if let Some(problem) = &report.problem {
                return Fact::fails(kind, "Problem", format!("{host}: {problem}"), Health::Degraded);
            }
            if report.generation != generation || report.ledger_revision < self.ledger.revision {
                let message = format!("{host} has not taken up generation {generation} yet");
                return Fact::fails(kind, "Pending", message, Health::Degraded);
            }
        }
        Fact::holds(kind, "Current", format!("generation {generation}"))
    }
}
