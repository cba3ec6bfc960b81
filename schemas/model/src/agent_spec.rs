//! Everything one host should be. Carried to its agent whole and kept there on disk.

use crate::{
    elements::{
        mass_change::MassChange, monitoring::Monitoring, preserve::Loss, replication::Replication, roots::Root,
        services::Services, spool::Spool, synchronization::Synchronization,
    },
    errand::{ErrandId, Work},
    ledger::Role,
    mark::Epoch,
    names::{HostName, MemberName, RootName, ScenarioName},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the controller wants of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentSpec {
    /// Rises with every published change; the agent's status names the one it is based on.
    pub revision: u64,
    pub host: HostName,
    pub scenarios: BTreeMap<ScenarioName, Assignment>,
}

/// One host's part in one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Assignment {
    /// The manifest generation this was composed from.
    pub generation: u64,
    /// The ledger revision this was composed from; the status echoes it.
    pub ledger_revision: u64,
    pub epoch: Epoch,
    pub member: MemberName,
    pub role: Role,
    /// Streams rest; roles stay.
    pub suspended: bool,
    /// Paths as this host sees them.
    pub roots: Vec<Root>,
    pub spool: Spool,
    pub replication: Replication,
    pub synchronization: Synchronization,
    pub mass_change: MassChange,
    pub monitoring: Monitoring,
    pub services: Services,
    /// Whether the services should run here. Otherwise they should not.
    pub serving: bool,
    pub streams: Vec<Stream>,
    pub errands: BTreeMap<ErrandId, Work>,
}

/// One edge between two members, as one of its ends sees it. A session between agents must match the
/// stream of both ends exactly: scenario, members, epoch, direction and the peer's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stream {
    pub direction: Direction,
    pub source: MemberName,
    pub target: MemberName,
    pub peer_host: HostName,
    /// blake3 of the peer's public key (SPKI), in hexadecimal; `None` until that host has joined: no session.
    pub peer_key: Option<String>,
    /// Where the target listens; only the source dials.
    pub address: String,
    pub epoch: Epoch,
    /// When set, what differs at the target is moved to `.standin/quarantine/EPOCH/` before it is replaced.
    pub set_aside: Option<Epoch>,
    /// What the target's roots may be without; those that may be without nothing are not listed.
    #[serde(default)]
    pub lossy: BTreeMap<RootName, BTreeSet<Loss>>,
}

impl Stream {
    /// A key that is the same at both ends.
    pub fn id(&self) -> String {
        format!("{}>{}", self.source, self.target)
    }
}

/// Which end of a stream this host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// This host is the source and dials.
    Out,
    /// This host is the target and listens.
    In,
}
