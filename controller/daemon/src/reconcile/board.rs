//! What decisions rest on: the stored objects, ledgers and runs, and what was made of them last.

use crate::{hub::Hub, state::now, store::ledgers::StoredLedger};
use engine::{Observed, Report, Run, Settings};
use model::{
    AgentSpec, HostName, HostSpec, Kind, Metadata, Object, RootName, RunId, ScenarioName, ScenarioSpec, Timestamp,
    object::API_VERSION,
    view::{HostView, RunView, ScenarioView},
};
use std::collections::BTreeMap;
use wire::api::{StoredHost, StoredScenario, WatchEvent};

/// Everything decisions rest on. It is never ahead of the store: what is in it was committed before.
#[derive(Default)]
pub struct Board {
    pub hosts: BTreeMap<HostName, HostSpec>,
    pub host_metadata: BTreeMap<HostName, Metadata>,
    pub host_views: BTreeMap<HostName, HostView>,
    pub scenarios: BTreeMap<ScenarioName, Entry>,
    /// What was published to each host last.
    pub specs: BTreeMap<HostName, AgentSpec>,
    /// Scenarios that were deleted: one that comes back must not forget who was active.
    pub former: BTreeMap<ScenarioName, Former>,
}

/// What is kept of a deleted scenario.
#[derive(Clone)]
pub struct Former {
    pub stored: StoredLedger,
    pub generation: u64,
    pub spec: ScenarioSpec,
}

/// One scenario.
#[derive(Default)]
pub struct Entry {
    pub metadata: Metadata,
    pub spec: ScenarioSpec,
    pub stored: StoredLedger,
    pub run: Option<Current>,
    pub view: ScenarioView,
    /// An agent knows a later epoch than the ledger: nothing is decided or published.
    pub outdated: bool,
    /// Halted roots that were told of, with the reason.
    pub halted: BTreeMap<(HostName, RootName), String>,
}

/// The run that holds a scenario.
#[derive(Clone)]
pub struct Current {
    pub run: Run,
    /// The settings it was planned from; they are in force until it ends.
    pub spec: ScenarioSpec,
    pub generation: u64,
    /// How many events its stored log has.
    pub logged: usize,
    pub view: RunView,
}

impl Entry {
    pub fn generation(&self) -> u64 {
        self.metadata.generation.unwrap_or(1)
    }

    /// Generation and settings in force: those the open run has pinned, else the newest.
    pub fn in_force(&self) -> (u64, &ScenarioSpec) {
        self.run.as_ref().map_or((self.generation(), &self.spec), |run| (run.generation, &run.spec))
    }
}

/// What the engine is given about a scenario.
pub(crate) fn settings<'a>(
    name: &'a ScenarioName,
    entry: &'a Entry,
    hosts: &'a BTreeMap<HostName, HostSpec>,
    keys: &'a BTreeMap<HostName, String>,
) -> Settings<'a> {
    let (generation, spec) = entry.in_force();
    Settings { scenario: name, generation, spec, hosts, keys }
}

/// What agents last reported, as the engine takes it.
pub(crate) fn observed(hub: &Hub) -> Observed {
    let seen = hub.roster.seen().into_iter();
    let report = |seen: crate::state::Seen| Report {
        status: seen.status,
        connected: seen.connected,
        last_seen: seen.last_seen.unwrap_or_default(),
    };
    let reported = seen.filter(|(_, seen)| seen.last_seen.is_some());
    Observed { hosts: reported.map(|(host, seen)| (host, report(seen))).collect(), now: now() }
}

impl Board {
    /// Takes over a stored object; `ledger` is set for a scenario that is new.
    pub fn take(&mut self, object: Object, ledger: Option<StoredLedger>) {
        match object {
            Object::Host(metadata, spec) => {
                let name = HostName::from(metadata.name.as_str());
                self.hosts.insert(name.clone(), spec);
                self.host_metadata.insert(name, metadata);
            }
            Object::Scenario(metadata, spec) => {
                let name = ScenarioName::from(metadata.name.as_str());
                self.former.remove(&name);
                let entry = self.scenarios.entry(name).or_default();
                entry.metadata = metadata;
                entry.spec = spec;
                if let Some(ledger) = ledger {
                    entry.stored = ledger;
                }
            }
        }
    }

    /// Takes a stored removal over.
    pub fn drop_object(&mut self, object: &Object) {
        match object.kind() {
            Kind::Host => {
                let name = HostName::from(object.name());
                self.hosts.remove(&name);
                self.host_metadata.remove(&name);
                self.host_views.remove(&name);
            }
            Kind::Scenario => {
                let name = ScenarioName::from(object.name());
                let Some(entry) = self.scenarios.remove(&name) else { return };
                let former = Former { generation: entry.generation(), stored: entry.stored, spec: entry.spec };
                self.former.insert(name, former);
            }
        }
    }

    pub fn object(&self, kind: Kind, name: &str) -> Option<Object> {
        match kind {
            Kind::Host => {
                let name = HostName::from(name);
                Some(Object::Host(self.host_metadata.get(&name)?.clone(), self.hosts.get(&name)?.clone()))
            }
            Kind::Scenario => {
                let entry = self.scenarios.get(&ScenarioName::from(name))?;
                Some(Object::Scenario(entry.metadata.clone(), entry.spec.clone()))
            }
        }
    }

    /// Every stored object.
    pub fn objects(&self) -> Vec<Object> {
        let hosts = self.hosts.keys().filter_map(|name| self.object(Kind::Host, name.as_str()));
        let scenarios = self.scenarios.keys().filter_map(|name| self.object(Kind::Scenario, name.as_str()));
        hosts.chain(scenarios).collect()
    }

    /// Lets every open run count by the clock as it is now.
    pub fn clock_was_set(&mut self, before: Timestamp, after: Timestamp) {
        let open = self.scenarios.values_mut().filter_map(|entry| entry.run.as_mut());
        open.for_each(|current| current.run.clock_was_set(before, after));
    }

    /// The run that holds a scenario.
    pub fn run_of(&self, scenario: &ScenarioName) -> Option<&RunId> {
        self.scenarios.get(scenario)?.run.as_ref().map(|run| &run.view.id)
    }

    /// Every run that is not over, as shown.
    pub fn runs(&self) -> impl Iterator<Item = RunView> {
        self.scenarios.values().filter_map(|entry| entry.run.as_ref()).map(|run| run.view.clone())
    }

    pub fn shown_run(&self, id: &str) -> Option<RunView> {
        self.runs().find(|run| run.id.as_str() == id)
    }

    pub fn shown_scenario(&self, name: &ScenarioName) -> Option<StoredScenario> {
        let entry = self.scenarios.get(name)?;
        Some(StoredScenario {
            api_version: API_VERSION.to_owned(),
            kind: Kind::Scenario.as_str().to_owned(),
            metadata: entry.metadata.clone(),
            spec: entry.spec.clone(),
            status: entry.view.clone(),
            ledger: entry.stored.ledger.clone(),
        })
    }

    pub fn shown_host(&self, name: &HostName) -> Option<StoredHost> {
        Some(StoredHost {
            api_version: API_VERSION.to_owned(),
            kind: Kind::Host.as_str().to_owned(),
            metadata: self.host_metadata.get(name)?.clone(),
            spec: self.hosts.get(name)?.clone(),
            status: self.host_views.get(name).cloned().unwrap_or_default(),
        })
    }

    pub fn scenario_change(&self, name: &ScenarioName) -> Option<WatchEvent> {
        Some(WatchEvent { scenario: Some(self.shown_scenario(name)?), ..WatchEvent::default() })
    }

    pub fn host_change(&self, name: &HostName) -> Option<WatchEvent> {
        Some(WatchEvent { host: Some(self.shown_host(name)?), ..WatchEvent::default() })
    }
}
