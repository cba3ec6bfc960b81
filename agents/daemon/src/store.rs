//! The last spec and the highest epochs, on disk before anything acts on them.
//!
//! A spec is refused whole when its revision is older than the stored one. An assignment whose epoch is older than the
//! stored one is kept, but its part treats it as stale (`part::plan`): it may stop things, never start any.

use crate::{
    agent::lock,
    disk::{self, DiskError},
};
use model::{AgentSpec, Epoch, HostName, ScenarioName};
use replication::failpoint;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
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

/// What is known across restarts. Whoever only asks never waits for the disk.
#[derive(Debug)]
pub struct SpecStore {
    directory: PathBuf,
    host: HostName,
    boot_id: String,
    /// What is on the disk; held for moments.
    known: Mutex<Known>,
    /// Held while the disk is written to; taken before `known`.
    writing: Mutex<()>,
}

/// What was stored last.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub spec: Option<AgentSpec>,
    epochs: BTreeMap<ScenarioName, Epoch>,
    /// False from a boot of the host until the controller has sent a spec.
    pub confirmed: bool,
}

impl Known {
    /// The highest epoch ever heard for `scenario`.
    pub fn epoch(&self, scenario: &ScenarioName) -> Epoch {
        self.epochs.get(scenario).copied().unwrap_or_default()
    }

    fn revision(&self) -> u64 {
        self.spec.as_ref().map_or(0, |spec| spec.revision)
    }
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
        let known = Mutex::new(Known { spec: stored.map(|stored| stored.spec), epochs, confirmed });
        let (directory, boot_id) = (directory.to_owned(), boot_id.to_owned());
        Ok(Self { directory, host, boot_id, known, writing: Mutex::default() })
    }

    /// Everything that is stored, at one moment.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    /// Stores a spec that the controller sent. Blocks on the disk. When this returns, the spec and every epoch in it are on disk.
    ///
    /// **Guarantees** epochs are durable before the spec that brings them: a crash between the two leaves the host
    /// fenced, never active at an epoch it has forgotten.
    pub fn accept(&self, spec: AgentSpec) -> Result<(), SpecError> {
        let _writing = lock(&self.writing);
        let stored = self.known().clone();
        self.check(&spec, stored.revision())?;
        let mut epochs = stored.epochs.clone();
        for (scenario, assignment) in &spec.scenarios {
            let known = epochs.entry(scenario.clone()).or_default();
            *known = assignment.epoch.max(*known);
        }
        self.write_epochs(&stored.epochs, epochs)?;
        if !stored.confirmed || stored.spec.as_ref() != Some(&spec) {
            let stored = Stored { boot_id: self.boot_id.clone(), spec };
            disk::write_json(&self.directory.join("spec.json"), &stored)?;
            self.known().spec = Some(stored.spec);
            failpoint::pass("agent.spec.stored");
        }
        self.known().confirmed = true;
        Ok(())
    }

    fn check(&self, spec: &AgentSpec, stored: u64) -> Result<(), SpecError> {
        if spec.revision < stored {
            return Err(SpecError::Stale { got: spec.revision, stored });
        }
        if spec.host != self.host {
            return Err(SpecError::OtherHost(spec.host.clone()));
        }
        match spec.scenarios.keys().find(|name| !model::names::is_name(name.as_str())) {
            Some(name) => Err(SpecError::Name(name.0.clone())),
            None => Ok(()),
        }
    }

    /// Remembers an epoch heard from a peer. Returns whether it was higher than any heard before. Blocks on the disk.
    pub fn raise(&self, scenario: &ScenarioName, epoch: Epoch) -> Result<bool, DiskError> {
        let _writing = lock(&self.writing);
        let stored = self.known().clone();
        if epoch <= stored.epoch(scenario) {
            return Ok(false);
        }
        let mut epochs = stored.epochs.clone();
        epochs.insert(scenario.clone(), epoch);
        self.write_epochs(&stored.epochs, epochs)?;
        Ok(true)
    }

    fn write_epochs(
        &self,
        stored: &BTreeMap<ScenarioName, Epoch>,
        epochs: BTreeMap<ScenarioName, Epoch>,
    ) -> Result<(), DiskError> {
        if epochs != *stored {
            disk::write_json(&self.directory.join("epochs.json"), &epochs)?;
            self.known().epochs = epochs;
            failpoint::pass("agent.epoch.stored");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Assignment;
    use std::{sync::Arc, time::Duration};

    fn spec(revision: u64, epoch: u64) -> AgentSpec {
        let assignment = Assignment { epoch: Epoch(epoch), ..Assignment::default() };
        AgentSpec { revision, host: "mx1".into(), scenarios: [("mail".into(), assignment)].into() }
    }

    fn open(directory: &Path, boot_id: &str) -> SpecStore {
        SpecStore::open(directory, "mx1".into(), boot_id).unwrap()
    }

    fn stored(store: &SpecStore) -> (bool, u64, Epoch) {
        let known = store.known();
        (known.confirmed, known.revision(), known.epoch(&"mail".into()))
    }

    #[test]
    fn a_spec_survives_and_rests_after_a_reboot() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), "boot-1");
        assert!(stored(&store) == (false, 0, Epoch(0)));
        store.accept(spec(4, 2)).unwrap();
        let again = open(directory.path(), "boot-1");
        assert_eq!(stored(&again), (true, 4, Epoch(2)));
        let rebooted = open(directory.path(), "boot-2");
        assert!(!rebooted.known().confirmed);
        rebooted.accept(spec(4, 2)).unwrap();
        assert!(open(directory.path(), "boot-2").known().confirmed);
    }

    #[test]
    fn epochs_never_sink_and_old_specs_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), "boot-1");
        store.accept(spec(4, 7)).unwrap();
        assert!(matches!(store.accept(spec(3, 9)), Err(SpecError::Stale { got: 3, stored: 4 })));
        store.accept(spec(5, 6)).unwrap();
        assert_eq!(store.known().epoch(&"mail".into()), Epoch(7));
        assert!(!store.raise(&"mail".into(), Epoch(7)).unwrap());
        assert!(store.raise(&"mail".into(), Epoch(8)).unwrap());
        store.accept(AgentSpec { revision: 6, scenarios: BTreeMap::new(), ..spec(6, 0) }).unwrap();
        assert_eq!(open(directory.path(), "boot-1").known().epoch(&"mail".into()), Epoch(8));
    }

    #[test]
    fn specs_of_others_and_names_that_are_paths_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), "boot-1");
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
        let store = open(directory.path(), "b");
        store.accept(spec(1, 1)).unwrap();
        let before = std::fs::read(directory.path().join("spec.json")).unwrap();
        store.accept(spec(2, 2)).unwrap();
        std::fs::write(directory.path().join("spec.json"), before).unwrap();
        let after = open(directory.path(), "b");
        assert_eq!(stored(&after), (true, 1, Epoch(2)));
    }

    #[test]
    fn a_slow_disk_keeps_nobody_from_asking() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(open(directory.path(), "b"));
        store.accept(spec(1, 1)).unwrap();
        let under_way = lock(&store.writing);
        let (asked, answer) = std::sync::mpsc::channel();
        let (raised, raise) = std::sync::mpsc::channel();
        let (asking, raising) = (Arc::clone(&store), Arc::clone(&store));
        std::thread::spawn(move || asked.send(asking.known().epoch(&"mail".into())));
        std::thread::spawn(move || raised.send(raising.raise(&"mail".into(), Epoch(2)).unwrap()));
        assert_eq!(answer.recv_timeout(Duration::from_secs(30)), Ok(Epoch(1)));
        drop(under_way);
        assert_eq!(raise.recv_timeout(Duration::from_secs(30)), Ok(true));
        assert_eq!(store.known().epoch(&"mail".into()), Epoch(2));
    }
}
