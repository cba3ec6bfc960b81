//! Everything one host last reported. What was not reported is unknown, never zero.

use crate::{
    errand::{ErrandId, ErrandOutcome},
    ledger::Role,
    mark::{Epoch, Mark},
    names::{HostName, MemberName, RootName, ScenarioName},
    time::Timestamp,
    units::Rate,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One report of one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentStatus {
    /// The revision of the spec this report is based on.
    pub revision: u64,
    pub host: HostName,
    pub version: String,
    pub boot_id: String,
    /// The agent's wall clock when it reported.
    pub at: Timestamp,
    /// False from a boot of the host until the controller has sent a spec.
    pub confirmed: bool,
    pub scenarios: BTreeMap<ScenarioName, AssignmentStatus>,
}

/// How a host's part in one scenario stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AssignmentStatus {
    pub generation: u64,
    pub ledger_revision: u64,
    /// The highest epoch this agent has stored durably.
    pub epoch: Epoch,
    /// The role the agent has taken, which lags behind the one it was given.
    pub role: Role,
    pub roots: Vec<RootStatus>,
    pub source: Option<SourceStatus>,
    pub target: Option<TargetStatus>,
    pub services: Vec<ServiceStatus>,
    pub checks: Vec<CheckStatus>,
    /// Since when every round of checks has failed.
    pub failing_since: Option<Timestamp>,
    pub errands: BTreeMap<ErrandId, ErrandOutcome>,
    /// Why this part could not be carried out, in words.
    pub problem: Option<String>,
}

/// How a root is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RootStatus {
    pub name: RootName,
    pub path: String,
    pub state: RootState,
    pub capture: Option<Capture>,
    /// Why the capture is not the best there is.
    pub capture_reason: Option<String>,
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    /// Entries that could not be read; they are not treated as deleted.
    pub unreadable: u64,
    /// Sockets, and fifos and device nodes that are not to be replicated.
    pub skipped: u64,
    /// Files with further names outside of what is replicated: at a copy they are files of their own.
    pub linked_outside: u64,
    /// Type of the file system of a copy, such as `ext4`, once it was looked at.
    pub file_system: Option<String>,
    /// What the file system of a copy cannot hold, wanted or not.
    pub lacks: Vec<Lack>,
    /// When everything in it was last looked at, for what no event told.
    pub scanned_at: Option<Timestamp>,
    /// How its content is read again; `None` before the first file of a source was.
    pub scrub: Option<ScrubStatus>,
    /// Paths in it at which something is mounted: what is there is not replicated, and what it covers stays as it was.
    pub mounts: Vec<String>,
    /// What would go, when the root is halted for it.
    pub held_removal: Option<HeldRemoval>,
}

/// Something that a root cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lack {
    /// A word of `lossy`, or `names` or `sizes`.
    pub what: String,
    /// What was tried and what came of it.
    pub why: String,
    /// How much it matters.
    pub weight: Weight,
}

/// How much a lack matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// Nothing of the kind is preserved, or `lossy` says that it may be lost here.
    Harmless,
    /// Only extremes do not fit, such as attributes of 64 KiB: told when it comes to that.
    Limit,
    /// The file system could, and the agent may not: told when it comes to that.
    Rights,
    /// The root is halted for it.
    Halts,
}

/// How far the content of a root was read again and compared with what was read before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScrubStatus {
    /// Begin of the round that is under way.
    pub began: Timestamp,
    /// How much of the scenario's content has been read in this round.
    pub percent: u8,
    /// The file of this root that was read last.
    pub position: String,
    /// End of the last whole round.
    pub ended: Option<Timestamp>,
    /// Files found since the start of the agent whose content had changed without their times.
    pub differences: u64,
}

/// A removal of many names at once that waits for a person's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeldRemoval {
    /// Stands for the list of what would go; an approval names it. blake3, the first half, in hexadecimal.
    pub digest: String,
    /// Names that would go.
    pub removed: u64,
    /// Names the root had.
    pub of: u64,
    /// Some of them, escaped where they are not printable text.
    pub sample: Vec<String>,
    /// File on the host with all of them.
    pub list: String,
}

/// Whether a root may be replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RootState {
    #[default]
    Unknown,
    Ready,
    /// Replication stands still and nothing is deleted until a person has looked.
    Halted {
        reason: HaltReason,
        message: String,
    },
}

/// Why a root is halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HaltReason {
    RootMissing,
    /// The file system, the directory or the identity file is not the one known before.
    RootReplaced,
    /// It had entries and has none.
    SourceEmpty,
    /// The root holds a `.standin` that is not ours.
    ReservedName,
    /// Its file system cannot hold what is to be preserved.
    CannotHold,
    /// More of what it had went within a short time than goes by itself: nothing is removed elsewhere without a word.
    MassChange,
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Capture {
    /// One mark for the whole file system.
    Fanotify,
    /// A mark for each directory.
    FanotifyDirs,
    Inotify,
    Poll,
}

/// The sending side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// Identifies the index; a target that follows another one is compared in full first.
    pub lineage: String,
    /// Whether the first scan since the agent started is complete.
    pub scanned: bool,
    /// The last batch captured.
    pub last: Mark,
    pub spool_bytes: u64,
    pub spool_limit: u64,
    pub spool: SpoolState,
    pub streams: Vec<OutStatus>,
}

/// How the spool stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SpoolState {
    #[default]
    Normal,
    /// At its limit: what changes is remembered and copied later.
    Full,
}

/// One outgoing stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutStatus {
    pub target: MemberName,
    pub state: LinkState,
    /// Why it is not connected, in words.
    pub problem: Option<String>,
    /// The last batch that is durable at the target.
    pub synced: Option<Mark>,
    /// Bytes captured and not yet durable at the target; `None` is unknown.
    pub unsent_bytes: Option<u64>,
    pub progress: Option<Progress>,
    /// What may be sent now; an older agent does not say.
    pub bandwidth: Option<BandwidthStatus>,
    /// Since the link was begun; an older agent does not count it.
    pub sent: Option<Sent>,
}

/// Which bandwidth limit is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BandwidthStatus {
    /// `None` is no limit.
    pub limit: Option<Rate>,
    /// When another one comes into force, in words: `18:00 Europe/Berlin`, or `mon 08:00 Europe/Berlin` on another day.
    pub until: Option<String>,
    /// Why the limits cannot be gone by as they are written, in words.
    pub problem: Option<String>,
}

impl BandwidthStatus {
    /// Such as `limit 50Mbit/s until 18:00 Europe/Berlin`.
    pub fn in_words(&self) -> String {
        let limit = self.limit.map_or_else(|| "no limit".to_owned(), |limit| format!("limit {limit}"));
        let until = self.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        let problem = self.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
        format!("{limit}{until}{problem}")
    }
}

/// What an outgoing link has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sent {
    /// Before compression.
    pub raw_bytes: u64,
    /// On the wire: compressed, encrypted and framed.
    pub wire_bytes: u64,
}

/// How a link stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    #[default]
    Down,
    Connected,
    /// The two sides are compared and copied.
    Synchronizing,
    /// Changes are followed.
    Following,
}

/// How far a synchronization is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    pub phase: String,
    pub entries_done: u64,
    pub entries_total: Option<u64>,
    pub bytes_done: u64,
    pub bytes_total: Option<u64>,
}

/// The receiving side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetStatus {
    pub source: MemberName,
    pub state: TargetState,
    /// The lineage it follows.
    pub lineage: Option<String>,
    /// The last batch that is durable here.
    pub synced: Option<Mark>,
    /// From the last heartbeat; `None` is unknown.
    pub lag: Option<Lag>,
    /// What was moved to the quarantine when this member began to follow.
    pub set_aside: Option<SetAside>,
    /// Why applying stands still, in words.
    pub problem: Option<String>,
}

/// How the receiving side stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TargetState {
    /// Never completed a synchronization: cannot be promoted.
    #[default]
    NeverSynced,
    Synchronizing,
    Synced,
}

/// How far the target is behind the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// Time from the source's heartbeat to its being applied here.
    pub millis: u64,
    pub measured_at: Timestamp,
}

/// What a target moved away because its source does not have it so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetAside {
    pub epoch: Epoch,
    pub entries: u64,
    /// The first hundred, escaped where they are not printable text.
    pub paths: Vec<String>,
    /// File with the whole list.
    pub list: String,
}

/// How a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    pub name: String,
    pub state: ServiceState,
    pub message: String,
}

/// Unknown is a state, not a kind of stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ServiceState {
    #[default]
    Unknown,
    Running,
    Stopped,
    /// Being started or stopped.
    Changing,
    /// It was asked to start or stop and did not.
    Failed,
}

/// How a check went the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckStatus {
    pub name: String,
    pub passed: Option<bool>,
    pub message: String,
    pub at: Option<Timestamp>,
}
