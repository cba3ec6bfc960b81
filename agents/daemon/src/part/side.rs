//! The side of the streams a part has open: the source of some, the target of one, or nothing.

use crate::{disk::DiskError, state::StateDirectory, text};
use model::{
    Assignment, Direction, Epoch, MemberName, ScenarioName, Stream,
    elements::{mass_change::MassChange, roots::Root, spool::Spool},
};
use replication::{
    preserve::Preserve,
    root::RootConfig,
    source::{self, Source, SourceConfig},
    target::{self, Target, TargetConfig},
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What is open.
#[derive(Default)]
pub struct Open {
    pub side: Side,
}

#[derive(Default)]
pub enum Side {
    #[default]
    Nothing,
    Source(OpenSource),
    Target(OpenTarget),
}

pub struct OpenSource {
    pub shape: SourceShape,
    pub source: Source,
    /// The epoch that its new batches carry.
    pub epoch: Epoch,
}

pub struct OpenTarget {
    pub shape: TargetShape,
    pub target: Target,
    /// Ends the sessions of all sources.
    pub stop: CancellationToken,
    pub sessions: TaskTracker,
}

/// What a source was opened with. It has to be opened anew when this changes; a new epoch is told to it instead.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceShape {
    pub member: MemberName,
    pub roots: Vec<Root>,
    pub spool: Spool,
    pub preserve: Preserve,
    pub mass_change: MassChange,
    pub targets: Vec<MemberName>,
}

/// What a target was opened with.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetShape {
    pub member: MemberName,
    pub source: MemberName,
    /// A source that joined anew has another key: sessions with the one from before end.
    pub source_key: Option<String>,
    pub epoch: Epoch,
    pub roots: Vec<Root>,
    pub preserve: Preserve,
}

/// What should be open.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Nothing,
    Source(SourceShape),
    Target(TargetShape),
}

impl SourceShape {
    pub fn of(given: &Assignment) -> Self {
        let out = given.streams.iter().filter(|stream| stream.direction == Direction::Out);
        let mut targets: Vec<MemberName> = out.map(|stream| stream.target.clone()).collect();
        // Replicas that only moved in their list are the same ones.
        targets.sort();
        // What it may be without says nothing of a root while it is the original.
        let original = |root: &Root| Root { lossy: BTreeSet::new(), ..root.clone() };
        let roots = given.roots.iter().map(original).collect();
        let preserve = Preserve::of(&given.replication);
        let (spool, mass_change) = (given.spool.clone(), given.mass_change.clone());
        Self { member: given.member.clone(), roots, spool, preserve, mass_change, targets }
    }
}

impl TargetShape {
    /// `None` when no stream leads here.
    pub fn of(given: &Assignment) -> Option<Self> {
        let stream = given.streams.iter().find(|stream| stream.direction == Direction::In)?;
        let (member, roots) = (given.member.clone(), given.roots.clone());
        let (source, source_key) = (stream.source.clone(), stream.peer_key.clone());
        let preserve = Preserve::of(&given.replication);
        Some(Self { member, source, source_key, epoch: stream.epoch, roots, preserve })
    }

    pub fn is_end_of(&self, stream: &Stream) -> bool {
        self.member == stream.target
            && self.source == stream.source
            && self.source_key == stream.peer_key
            && self.epoch == stream.epoch
    }
}

impl Open {
    pub fn fits(&self, shape: &Shape) -> bool {
        match (&self.side, shape) {
            (Side::Nothing, Shape::Nothing) => true,
            (Side::Source(open), Shape::Source(shape)) => open.shape == *shape,
            (Side::Target(open), Shape::Target(shape)) => open.shape == *shape,
            _ => false,
        }
    }

    pub fn source(&self) -> Option<&Source> {
        match &self.side {
            Side::Source(open) => Some(&open.source),
            _ => None,
        }
    }

    pub fn target(&self) -> Option<&OpenTarget> {
        match &self.side {
            Side::Target(open) => Some(open),
            _ => None,
        }
    }
}

/// Where the state of a part lies, and for whom.
#[derive(Clone, Debug)]
pub struct Place {
    pub scenario: ScenarioName,
    pub directory: PathBuf,
}

impl Place {
    /// A spool outside the state directory has a directory of its own in the one that was given.
    fn spool(&self, spool: &Spool) -> PathBuf {
        match &spool.directory {
            Some(directory) => Path::new(directory).join(self.scenario.as_str()),
            None => self.directory.join("spool"),
        }
    }

    pub fn of(state: &StateDirectory, scenario: &ScenarioName) -> Self {
        Self { scenario: scenario.clone(), directory: state.scenario(scenario) }
    }

    /// Forgets both sides' state. What cannot be removed only takes up room. Blocks on the disk.
    pub fn forget(&self, spool: &Spool) {
        let forgotten = target::forget(&self.directory).and(source::forget(&self.directory, &self.spool(spool)));
        if let Err(e) = forgotten {
            tracing::warn!(scenario = %self.scenario, %e, "the state of a scenario that is gone could not be removed");
        }
    }

    /// Opens what `shape` says. The other side's state is forgotten first: a host that was a target must not go on
    /// from an old index, nor a former source from an old map. Blocks on the disk.
    pub fn open(&self, shape: Shape, epoch: Epoch, spool: &Spool) -> Result<Side, String> {
        let disk = |e: DiskError| text::chain(&e);
        crate::disk::private_directory(&self.directory).map_err(disk)?;
        match shape {
            Shape::Nothing => Ok(Side::Nothing),
            Shape::Source(shape) => {
                target::forget(&self.directory).map_err(|e| format!("cannot forget the target's map: {e}"))?;
                let source = Source::open(self.source_config(&shape, epoch)).map_err(|e| text::chain(&e))?;
                Ok(Side::Source(OpenSource { shape, source, epoch }))
            }
            Shape::Target(shape) => {
                source::forget(&self.directory, &self.spool(spool))
                    .map_err(|e| format!("cannot forget the source's index: {e}"))?;
                let target = Target::open(self.target_config(&shape)).map_err(|e| text::chain(&e))?;
                let (stop, sessions) = (CancellationToken::new(), TaskTracker::new());
                Ok(Side::Target(OpenTarget { shape, target, stop, sessions }))
            }
        }
    }

    fn source_config(&self, shape: &SourceShape, epoch: Epoch) -> SourceConfig {
        SourceConfig {
            scenario: self.scenario.0.clone(),
            epoch,
            roots: roots(&shape.roots, shape.preserve),
            preserve: shape.preserve,
            state: self.directory.clone(),
            spool: self.spool(&shape.spool),
            spool_bytes_max: shape.spool.max_size.bytes(),
            disk_free_min: shape.spool.min_disk_free.bytes(),
            on_full: shape.spool.on_full,
            scan_every: source::SCAN_EVERY,
            scrub_every: source::SCRUB_EVERY,
            mass_change: shape.mass_change.clone(),
            targets: shape.targets.iter().map(|target| target.0.clone()).collect(),
        }
    }

    fn target_config(&self, shape: &TargetShape) -> TargetConfig {
        TargetConfig {
            scenario: self.scenario.0.clone(),
            member: shape.member.0.clone(),
            roots: roots(&shape.roots, shape.preserve),
            state: self.directory.clone(),
        }
    }

    /// Writes a new identity for what is at the root now. Blocks on the disk.
    pub fn adopt(&self, root: &Root) -> std::io::Result<()> {
        replication::root::adopt(self.scenario.as_str(), &root_config(root, Preserve::ALL), &self.directory)
    }
}

impl Side {
    /// Ends every session and thread. Links that use a source have to be closed before.
    pub async fn close(self) {
        let blocking = match self {
            Side::Nothing => return,
            Side::Source(open) => tokio::task::spawn_blocking(move || open.source.stop()),
            Side::Target(open) => {
                open.stop.cancel();
                open.sessions.close();
                open.sessions.wait().await;
                tokio::task::spawn_blocking(move || drop(open.target))
            }
        };
        let _ = blocking.await;
    }
}

fn root_config(root: &Root, preserve: Preserve) -> RootConfig {
    let (name, path, exclude) = (root.name.clone(), PathBuf::from(&root.path), root.exclude.clone());
    RootConfig { name, path, exclude, preserve: preserve.without_all(&root.lossy) }
}

fn roots(roots: &[Root], preserve: Preserve) -> Vec<RootConfig> {
    roots.iter().map(|root| root_config(root, preserve)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_leaves_the_role_and_what_roots_are_known_by() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(&directory.path().join("state")).unwrap();
        let (scenario, spools) = (ScenarioName::from("mail"), directory.path().join("spools"));
        let place = Place::of(&state, &scenario);
        std::fs::create_dir_all(spools.join("mail/segment")).unwrap();
        std::fs::create_dir_all(&place.directory).unwrap();
        for file in ["source.db", "source.db-wal", "target.db", "role.json", "root-data.json"] {
            std::fs::write(place.directory.join(file), "x").unwrap();
        }
        assert_eq!(state.scenarios(), [scenario]);
        place.forget(&Spool { directory: Some(spools.display().to_string()), ..Spool::default() });
        let left = std::fs::read_dir(&place.directory).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["role.json", "root-data.json"]);
        assert!(spools.exists() && !spools.join("mail").exists(), "only what is the scenario's own");
        place.forget(&Spool::default());
    }
}
