//! What the engine is given: the settings in force, what was observed, and what a person chose.

use model::{
    AgentStatus, AssignmentStatus, Epoch, HostName, HostSpec, Ledger, MemberName, RecoveryPlanSpec, RootName,
    ScenarioName, ScenarioSpec, Timestamp, elements::monitoring::Check, units::Period, view::PlanSource,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};

use crate::text;

/// The settings of one scenario, as a run has pinned them.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    pub scenario: &'a ScenarioName,
    pub generation: u64,
    pub spec: &'a ScenarioSpec,
    pub hosts: &'a BTreeMap<HostName, HostSpec>,
    /// Key fingerprints of the hosts that have joined.
    pub keys: &'a BTreeMap<HostName, String>,
}

impl Settings<'_> {
    /// A member with its host; `None` when the manifest has no such member.
    pub fn place(&self, member: &MemberName) -> Option<Place> {
        let host = self.spec.host_of(member)?.clone();
        Some(Place { member: member.clone(), host })
    }

    /// All members in manifest order.
    pub fn places(&self) -> Vec<Place> {
        self.spec.members().map(|(member, host)| Place { member, host: host.clone() }).collect()
    }

    pub fn has_root(&self, name: &RootName) -> bool {
        self.spec.primary.roots.iter().any(|root| root.name == *name)
    }

    /// The names of the services in starting order.
    pub fn services(&self) -> Vec<String> {
        self.spec.services.commands.iter().map(|service| service.name.clone()).collect()
    }

    /// Longest time that all services may take to start or stop, one after the other: the script, as long again until
    /// it has settled, and one more look.
    pub fn services_time(&self) -> Period {
        let times = self.spec.services.commands.iter().map(|service| service.timeout.0.saturating_mul(3));
        Period(times.fold(Duration::ZERO, Duration::saturating_add))
    }

    /// Longest time that one round of the checks in `names` may take.
    pub fn checks_time(&self, names: &[String]) -> Period {
        let checks = self.spec.monitoring.checks.iter().filter(|check| names.contains(&check.name));
        let time = |check: &Check| {
            let tcp = check.tcp.as_ref().map(|tcp| tcp.timeout.0);
            check.exec.as_ref().map(|exec| exec.timeout.0).or(tcp).unwrap_or_default()
        };
        Period(checks.map(time).fold(Duration::ZERO, Duration::saturating_add))
    }
}

/// A member and the host it lives on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub member: MemberName,
    pub host: HostName,
}

impl Place {
    /// What people call it: a replica by its name, home by its host.
    pub fn called(&self) -> &str {
        if self.member.is_primary() { self.host.as_str() } else { self.member.as_str() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.member, self.host)
    }
}

/// What agents last reported. A host that is absent is unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    pub hosts: BTreeMap<HostName, Report>,
    pub now: Timestamp,
}

/// The last report of one host, and whether it still stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub status: AgentStatus,
    pub connected: bool,
    pub last_seen: Timestamp,
}

impl Observed {
    pub fn connected(&self, host: &HostName) -> bool {
        self.hosts.get(host).is_some_and(|report| report.connected)
    }

    /// What `host` reported last, however long ago.
    pub fn last(&self, scenario: &ScenarioName, host: &HostName) -> Option<&AssignmentStatus> {
        self.hosts.get(host)?.status.scenarios.get(scenario)
    }

    /// What `host` reports now; `None` is unknown.
    pub fn fresh(&self, scenario: &ScenarioName, host: &HostName) -> Option<&AssignmentStatus> {
        self.connected(host).then(|| self.last(scenario, host)).flatten()
    }

    /// A host that knows a later epoch than the ledger does: then the ledger is one of the past, restored from a copy.
    pub fn ahead(&self, settings: &Settings<'_>, ledger: &Ledger) -> Option<(HostName, Epoch)> {
        let known = |place: Place| {
            let epoch = self.last(settings.scenario, &place.host)?.epoch;
            (epoch > ledger.epoch).then_some((place.host, epoch))
        };
        settings.places().into_iter().filter_map(known).max_by_key(|(_, epoch)| *epoch)
    }

    /// Why a host that is not connected says nothing.
    pub fn silence(&self, host: &HostName) -> String {
        match self.hosts.get(host).filter(|report| report.last_seen != Timestamp::default()) {
            Some(report) => format!("{host} silent for {}", text::duration(self.now.since(report.last_seen))),
            None => format!("{host} has never connected"),
        }
    }
}

/// What the person has accepted or chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    pub to: Option<MemberName>,
    pub skip_drain: bool,
    pub allow_data_loss: bool,
    pub no_fence: bool,
    /// `home` or `active`: whose changes are given up.
    pub discard: Option<String>,
    pub reason: Option<String>,
    pub reverse: bool,
    pub root: Option<RootName>,
    pub host: Option<HostName>,
    /// Stands for the list of removals that is approved.
    pub digest: Option<String>,
    /// The plan that is followed instead of the built-in one.
    pub plan: Option<Recipe>,
    /// Values of the plan's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The person who asks; recorded with what they vouch for.
    pub by: String,
}

/// A RecoveryPlan as it was when a run was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Recipe {
    pub source: PlanSource,
    pub spec: RecoveryPlanSpec,
}
