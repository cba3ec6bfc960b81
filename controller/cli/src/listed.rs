//! The kinds that lists show: where they are asked for, and how they look.

use crate::{
    output::{Clock, Table},
    show::{self, lists},
    sorted::{self, Field},
};
use model::view::{EventView, RunView};
use serde::{Serialize, de::DeserializeOwned};
use wire::api::{StoredHost, StoredPlan, StoredScenario, WatchEvent};

/// A kind of thing that is listed.
pub trait Listed: Serialize + DeserializeOwned + Clone + 'static {
    /// In names, such as `scenario/mail`, and as the kind of a watch.
    const KIND: &'static str;
    /// Path of the list.
    const PATH: &'static str;

    fn name(&self) -> String;
    /// Whether all of these labels are there.
    fn labelled(&self, labels: &[(String, String)]) -> bool;
    fn table(items: &[Self], wide: bool, clock: &Clock) -> Table;
    fn of(event: WatchEvent) -> Option<Self>;
    /// What has to differ for a change to be worth a line; lag changes all the time.
    fn essence(&self) -> String;
    /// Columns that a wide list leaves out in all but the first of the rows that belong together.
    const LEFT_OUT: usize = 0;
    /// Whether each is a manifest that can be applied again.
    const IS_MANIFEST: bool = false;
    /// What a list can be sorted by.
    const FIELDS: &'static [Field<Self>];
}

fn has_labels(metadata: &model::Metadata, wanted: &[(String, String)]) -> bool {
    wanted.iter().all(|(key, value)| metadata.labels.get(key) == Some(value))
}

impl Listed for StoredScenario {
    const KIND: &'static str = "scenario";
    const IS_MANIFEST: bool = true;
    const PATH: &'static str = "/v1/scenarios";

    fn name(&self) -> String {
        self.metadata.name.clone()
    }

    fn labelled(&self, labels: &[(String, String)]) -> bool {
        has_labels(&self.metadata, labels)
    }

    fn table(items: &[Self], wide: bool, _: &Clock) -> Table {
        lists::scenarios(items, wide)
    }

    fn of(event: WatchEvent) -> Option<Self> {
        event.scenario
    }

    fn essence(&self) -> String {
        let status = &self.status;
        let active = status.active.as_ref().map(|active| &active.host);
        format!("{:?} {:?} {} {active:?} {}", status.state, status.health, status.why, status.observed_generation)
    }

    const LEFT_OUT: usize = 4;
    const FIELDS: &'static [Field<Self>] = sorted::SCENARIOS;
}

impl Listed for StoredHost {
    const KIND: &'static str = "host";
    const IS_MANIFEST: bool = true;
    const PATH: &'static str = "/v1/hosts";

    fn name(&self) -> String {
        self.metadata.name.clone()
    }

    fn labelled(&self, labels: &[(String, String)]) -> bool {
        has_labels(&self.metadata, labels)
    }

    fn table(items: &[Self], wide: bool, clock: &Clock) -> Table {
        lists::hosts(items, wide, clock)
    }

    fn of(event: WatchEvent) -> Option<Self> {
        event.host
    }

    fn essence(&self) -> String {
        let status = &self.status;
        format!("{} {} {:?} {:?} {:?}", status.joined, status.connected, status.version, status.key, self.spec)
    }

    const FIELDS: &'static [Field<Self>] = sorted::HOSTS;
}

impl Listed for StoredPlan {
    const KIND: &'static str = "plan";
    const IS_MANIFEST: bool = true;
    const PATH: &'static str = "/v1/plans";

    fn name(&self) -> String {
        self.metadata.name.clone()
    }

    fn labelled(&self, labels: &[(String, String)]) -> bool {
        has_labels(&self.metadata, labels)
    }

    fn table(items: &[Self], wide: bool, _: &Clock) -> Table {
        show::recovery_plan::table(items, wide)
    }

    fn of(event: WatchEvent) -> Option<Self> {
        event.plan
    }

    fn essence(&self) -> String {
        format!("{:?} {:?}", self.metadata.labels, self.spec)
    }

    const FIELDS: &'static [Field<Self>] = sorted::PLANS;
}

impl Listed for RunView {
    const KIND: &'static str = "run";
    const PATH: &'static str = "/v1/runs";

    fn name(&self) -> String {
        self.id.0.clone()
    }

    fn labelled(&self, labels: &[(String, String)]) -> bool {
        labels.is_empty()
    }

    fn table(items: &[Self], _: bool, clock: &Clock) -> Table {
        lists::runs(items, clock)
    }

    fn of(event: WatchEvent) -> Option<Self> {
        event.run
    }

    fn essence(&self) -> String {
        format!("{:?} {:?}", self.state, self.why)
    }

    const FIELDS: &'static [Field<Self>] = sorted::RUNS;
}

impl Listed for EventView {
    const KIND: &'static str = "event";
    const PATH: &'static str = "/v1/events";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn labelled(&self, labels: &[(String, String)]) -> bool {
        labels.is_empty()
    }

    fn table(items: &[Self], _: bool, clock: &Clock) -> Table {
        lists::events(items, clock)
    }

    fn of(event: WatchEvent) -> Option<Self> {
        event.event
    }

    fn essence(&self) -> String {
        String::new()
    }

    const FIELDS: &'static [Field<Self>] = sorted::EVENTS;
}
