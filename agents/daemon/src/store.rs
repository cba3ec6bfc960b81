//! The last spec and the highest epochs, on disk before anything acts on them.
//!
//! A spec is refused whole when its revision is older than the stored one. An assignment whose epoch is older than the
//! stored one is kept, but its part treats it as stale (`part::plan`): it may stop things, never start any.

use crate::disk::{self, DiskError};
use model::{AgentSpec, Epoch, HostName, ScenarioName};
use replication::failpoint;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Why a spec was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    #[error("spec {got} is older than the stored one, {stored}")]
    Stale { got: u64, stored: u64 },
    #[error("the spec is for host {0}")]
    OtherHost(HostName),
    #[error("`{0}` cannot name a scenario")]
    Name(String),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What is known across restarts.
#[derive(Debug)]
pub struct SpecStore {
    directory: PathBuf,
    host: HostName,
    spec: Option<AgentSpec>,
    epochs: BTreeMap<ScenarioName, Epoch>,
    confirmed: bool,
    boot_id: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    /// The boot of the host in which the spec came.
    boot_id: String,
    spec: AgentSpec,
}

impl SpecStore {
    /// Reads what is there. A spec that came in another boot of the host is not confirmed: everything rests.
    pub fn open(directory: &Path, host: HostName, boot_id: &str) -> Result<Self, DiskError> {
        let stored: Option<Stored> = disk::read_json(&directory.join("spec.json"))?;
        let epochs = disk::read_json(&directory.join("epochs.json"))?.unwrap_or_default();
        let confirmed = stored.as_ref().is_some_and(|stored| stored.boot_id == boot_id);
        let spec = stored.map(|stored| stored.spec);
        Ok(Self { directory: directory.to_owned(), host, spec, epochs, confirmed, boot_id: boot_id.to_owned() })
    }

    pub fn spec(&self) -> Option<&AgentSpec> {
        self.spec.as_ref()
    }

    pub fn revision(&self) -> u64 {
        self.spec.as_ref().map_or(0, |spec| spec.revision)
    }

    /// False from a boot of the host until the controller has sent a spec.
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// The highest epoch ever heard for `scenario`.
    pub fn epoch(&self, scenario: &ScenarioName) -> Epoch {
        self.epochs.get(scenario).copied().unwrap_or_default()
    }

    /// Stores a spec that the controller sent. When this returns, the spec and every epoch in it are on disk.
    ///
    /// **Guarantees** epochs are durable before the spec that brings them: a crash between the two leaves the host
    /// fenced, never active at an epoch it has forgotten.
    pub fn accept(&mut self, spec: AgentSpec) -> Result<(), SpecError> {
        let stored = self.revision();
        if spec.revision < stored {
            return Err(SpecError::Stale { got: spec.revision, stored });
        }
        if spec.host != self.host {
            return Err(SpecError::OtherHost(spec.host));
        }
        if let Some(name) = spec.scenarios.keys().find(|name| !model::names::is_name(name.as_str())) {
            return Err(SpecError::Name(name.0.clone()));
        }
        let mut epochs = self.epochs.clone();
        for (scenario, assignment) in &spec.scenarios {
            let known = epochs.entry(scenario.clone()).or_default();
            *known = assignment.epoch.max(*known);
        }
        self.write_epochs(epochs)?;
        if !self.confirmed || self.spec.as_ref() != Some(&spec) {
            let stored = Stored { boot_id: self.boot_id.clone(), spec };
            disk::write_json(&self.directory.join("spec.json"), &stored)?;
            self.spec = Some(stored.spec);
            failpoint::pass("agent.spec.stored");
        }
        self.confirmed = true;
        Ok(())
    }

    /// Remembers an epoch heard from a peer. Returns whether it was higher than any heard before.
    pub fn raise(&mut self, scenario: &ScenarioName, epoch: Epoch) -> Result<bool, DiskError> {
        if epoch <= self.epoch(scenario) {
            return Ok(false);
        }
        let mut epochs = self.epochs.clone();
        epochs.insert(scenario.clone(), epoch);
        self.write_epochs(epochs)?;
        Ok(true)
    }

    fn write_epochs(&mut self, epochs: BTreeMap<ScenarioName, Epoch>) -> Result<(), DiskError> {
        if epochs != self.epochs {
            disk::write_json(&self.directory.join("epochs.json"), &epochs)?;
            self.epochs = epochs;
            failpoint::pass("agent.epoch.stored");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Assignment;

    fn spec(revision: u64, epoch: u64) -> AgentSpec {
        let assignment = Assignment { epoch: Epoch(epoch), ..Assignment::default() };
        AgentSpec { revision, host: "mx1".into(), scenarios: [("mail".into(), assignment)].into() }
    }

    fn open(directory: &Path, boot_id: &str) -> SpecStore {
        SpecStore::open(directory, "mx1".into(), boot_id).unwrap()
    }

    #[test]
    fn a_spec_survives_and_rests_after_a_reboot() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path(), "boot-1");
        assert!(!store.confirmed() && store.spec().is_none());
        store.accept(spec(4, 2)).unwrap();
        let again = open(directory.path(), "boot-1");
        assert!(again.confirmed());
        assert_eq!((again.revision(), again.epoch(&"mail".into())), (4, Epoch(2)));
        let mut rebooted = open(directory.path(), "boot-2");
        assert!(!rebooted.confirmed());
        rebooted.accept(spec(4, 2)).unwrap();
        assert!(open(directory.path(), "boot-2").confirmed());
    }

    #[test]
    fn epochs_never_sink_and_old_specs_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path(), "boot-1");
        store.accept(spec(4, 7)).unwrap();
        assert!(matches!(store.accept(spec(3, 9)), Err(SpecError::Stale { got: 3, stored: 4 })));
        store.accept(spec(5, 6)).unwrap();
        assert_eq!(store.epoch(&"mail".into()), Epoch(7));
        assert!(!store.raise(&"mail".into(), Epoch(7)).unwrap());
        assert!(store.raise(&"mail".into(), Epoch(8)).unwrap());
        store.accept(AgentSpec { revision: 6, scenarios: BTreeMap::new(), ..spec(6, 0) }).unwrap();
        assert_eq!(open(directory.path(), "boot-1").epoch(&"mail".into()), Epoch(8));
    }

    #[test]
    fn specs_of_others_and_names_that_are_paths_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path(), "boot-1");
        let other = AgentSpec { host: "mx2".into(), ..spec(1, 1) };
        assert!(matches!(store.accept(other), Err(SpecError::OtherHost(_))));
        let mut path = spec(1, 1);
        path.scenarios.insert("../../etc".into(), Assignment::default());
        assert!(matches!(store.accept(path), Err(SpecError::Name(_))));
        assert!(!directory.path().join("spec.json").exists());
    }

    #[test]
    fn a_damaged_store_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        open(directory.path(), "b").accept(spec(1, 1)).unwrap();
        std::fs::write(directory.path().join("epochs.json"), b"{").unwrap();
        assert!(SpecStore::open(directory.path(), "mx1".into(), "b").is_err());
    }

    /// A write that stops anywhere leaves the earlier spec, and an epoch that is at least as high.
    #[test]
    fn a_store_interrupted_between_its_files_is_fenced_not_forgetful() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path(), "b");
        store.accept(spec(1, 1)).unwrap();
        let before = std::fs::read(directory.path().join("spec.json")).unwrap();
        store.accept(spec(2, 2)).unwrap();
        std::fs::write(directory.path().join("spec.json"), before).unwrap();
        let after = open(directory.path(), "b");
        assert_eq!((after.revision(), after.epoch(&"mail".into())), (1, Epoch(2)));
    }
}
