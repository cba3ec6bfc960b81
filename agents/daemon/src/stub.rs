//! Stands in for the two halves of the replication crate until they are there.
#![allow(dead_code, unused_variables)]
use model::{
    Epoch, Mark,
    agent_status::*,
    elements::{spool::OnFull, synchronization::Synchronization},
    errand::Comparison,
};
use replication::{peer::Peer, root::RootConfig, session::SessionError};
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

pub mod source {
    use super::*;
    pub struct SourceConfig {
        pub scenario: String,
        pub member: String,
        pub epoch: Epoch,
        pub roots: Vec<RootConfig>,
        pub state: PathBuf,
        pub spool: PathBuf,
        pub spool_bytes_max: u64,
        pub disk_free_min: u64,
        pub on_full: OnFull,
        pub targets: Vec<String>,
    }
    #[derive(Clone)]
    pub struct Source;
    #[derive(Debug, thiserror::Error)]
    #[error("not there yet")]
    pub struct SourceError;
    pub struct StreamReport {
        pub target: String,
        pub synced: Option<Mark>,
        pub unsent_bytes: Option<u64>,
    }
    pub struct SourceReport {
        pub lineage: String,
        pub scanned: bool,
        pub last: Mark,
        pub spool_bytes: u64,
        pub spool_limit: u64,
        pub spool: SpoolState,
        pub roots: Vec<RootStatus>,
        pub streams: Vec<StreamReport>,
    }
    pub struct FollowOptions {
        pub set_aside: Option<Epoch>,
        pub synchronization: Synchronization,
        pub force_mirror: bool,
    }
    pub struct Follow {
        pub state: LinkState,
        pub progress: Option<Progress>,
        pub synced: Option<Mark>,
    }
    impl Source {
        pub fn open(cfg: SourceConfig) -> Result<Self, SourceError> {
            Err(SourceError)
        }
        pub fn report(&self) -> SourceReport {
            unreachable!()
        }
        pub fn barrier(&self, deadline: std::time::Instant) -> Result<Mark, SourceError> {
            Err(SourceError)
        }
        pub fn set_epoch(&self, epoch: Epoch) {}
        pub fn stop(&self) {}
    }
    pub fn follow(
        source: &Source,
        target: &str,
        options: FollowOptions,
        peer: &mut dyn Peer,
        progress: &dyn Fn(Follow),
        stop: &AtomicBool,
    ) -> Result<(), SessionError> {
        Ok(())
    }
    pub fn compare(source: &Source, peer: &mut dyn Peer, stop: &AtomicBool) -> Result<Comparison, SessionError> {
        Ok(Comparison::default())
    }
    pub fn forget(state: &Path, spool: &Path) -> std::io::Result<()> {
        Ok(())
    }
}
pub mod target {
    use super::*;
    pub struct TargetConfig {
        pub scenario: String,
        pub member: String,
        pub epoch: Epoch,
        pub roots: Vec<RootConfig>,
        pub state: PathBuf,
    }
    #[derive(Clone)]
    pub struct Target;
    #[derive(Debug, thiserror::Error)]
    #[error("not there yet")]
    pub struct TargetError;
    pub struct TargetReport {
        pub state: TargetState,
        pub lineage: Option<String>,
        pub synced: Option<Mark>,
        pub lag: Option<Lag>,
        pub set_aside: Option<SetAside>,
        pub problem: Option<String>,
        pub roots: Vec<RootStatus>,
    }
    impl Target {
        pub fn open(cfg: TargetConfig) -> Result<Self, TargetError> {
            Err(TargetError)
        }
        pub fn report(&self) -> TargetReport {
            unreachable!()
        }
    }
    pub fn serve(target: &Target, peer: &mut dyn Peer, stop: &AtomicBool) -> Result<(), SessionError> {
        Ok(())
    }
    pub fn forget(state: &Path) -> std::io::Result<()> {
        Ok(())
    }
}
