//! What the controller shows: status with conditions, runs, events. Written by it alone, read by people and tools.

use crate::{
    agent_status::{BandwidthStatus, Lag, Progress, Sent},
    errand::Comparison,
    ledger::Role,
    mark::{Epoch, Mark},
    names::{HostName, MemberName, PlanName, RootName, RunId, ScenarioName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// What a scenario is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScenarioState {
    #[default]
    Unknown,
    /// Suspended by a person.
    Stopped,
    /// Agents have not taken up their parts yet.
    Preparing,
    Synchronizing,
    Protecting,
    /// A run moves the roles.
    SwitchingOver,
    /// Active away from home.
    SwitchedOver,
    /// A root is halted.
    Halted,
}

/// Whether that is all right, in rising order of attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    Ok,
    Suspended,
    Degraded,
    #[default]
    Unknown,
    Failed,
}

/// One fact about a scenario: true, false or unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `AgentsConnected`, `Synchronized`, `Protected`, `SpoolHealthy`, `RootsReady`, `ServicesHealthy`, `ManifestCurrent`, `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word in CamelCase.
    pub reason: String,
    pub message: String,
    pub last_transition_time: Option<Timestamp>,
}

/// `status` of a Scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScenarioView {
    /// The generation in force, which lags behind the stored one while a run is going on.
    pub observed_generation: u64,
    pub state: ScenarioState,
    pub health: Health,
    /// The most important reason for `health`.
    pub why: String,
    pub epoch: Epoch,
    pub active: Option<ActiveView>,
    pub reverse: bool,
    /// The run that is going on or paused.
    pub run: Option<RunId>,
    pub members: Vec<MemberView>,
    pub conditions: Vec<Condition>,
}

/// Who is active, since when and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActiveView {
    pub member: MemberName,
    pub host: HostName,
    pub since: Option<Timestamp>,
    /// `initial`, or the verb of the run that made it so.
    pub cause: String,
}

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MemberView {
    pub name: MemberName,
    pub host: HostName,
    pub role: Role,
    pub connected: bool,
    pub last_seen: Option<Timestamp>,
    /// In words: `following`, `synchronizing`, `link down: ...`, `no stream`, `halted: ...`.
    pub stream: String,
    /// `None` is unknown or, for the active member, not applicable.
    pub lag: Option<Lag>,
    pub synced: Option<Mark>,
    pub unsent_bytes: Option<u64>,
    /// What may be sent to it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<BandwidthStatus>,
    /// What was sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    pub spool_bytes: Option<u64>,
    pub spool_limit: Option<u64>,
    pub files: Option<u64>,
    pub bytes: Option<u64>,
    pub capture: Option<String>,
    pub progress: Option<Progress>,
    pub set_aside: Option<crate::agent_status::SetAside>,
    /// Whether this member may hold changes that nobody else has.
    pub diverged: bool,
    /// What of its roots is not kept, as somebody has said or as cannot be helped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_kept: Vec<NotKept>,
}

/// Something of a root that is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NotKept {
    pub root: RootName,
    /// Such as `acls`, or `3 entries`.
    pub what: String,
    pub why: String,
}

/// `status` of a Host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostView {
    pub joined: bool,
    pub connected: bool,
    pub last_seen: Option<Timestamp>,
    pub version: Option<String>,
    pub key: Option<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventView {
    pub id: u64,
    pub at: Timestamp,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// UpperCamel, such as `RunStarted`.
    pub kind: String,
    pub scenario: Option<ScenarioName>,
    pub host: Option<HostName>,
    pub run: Option<RunId>,
    pub message: String,
}

/// What a person asks a run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    Switchover,
    Failover,
    Switchback,
    Suspend,
    Resume,
    Synchronize,
    Compare,
    AdoptRoot,
    Approve,
}

impl Verb {
    /// As typed on the command line and shown in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Switchover => "switchover",
            Verb::Failover => "failover",
            Verb::Switchback => "switchback",
            Verb::Suspend => "suspend",
            Verb::Resume => "resume",
            Verb::Synchronize => "sync",
            Verb::Compare => "compare",
            Verb::AdoptRoot => "adopt-root",
            Verb::Approve => "approve",
        }
    }
}

/// How a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    #[default]
    Running,
    /// Waits for a person; can be resumed.
    Paused,
    Done,
    /// Failed before the point of no return, and everything was taken back.
    RolledBack,
    /// Final: needs a person and a new run.
    Stuck,
}

/// One run, as shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunView {
    pub id: RunId,
    pub scenario: ScenarioName,
    pub verb: String,
    /// In words, such as `mx1 -> dublin (mx2)`.
    pub title: String,
    /// The RecoveryPlan it carries out; `None` for the built-in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSource>,
    pub by: String,
    pub started: Timestamp,
    pub finished: Option<Timestamp>,
    pub state: RunState,
    /// Why it is paused, rolled back or stuck.
    pub why: Option<String>,
    pub steps: Vec<StepView>,
    /// What is true now, in sentences; filled when the run is over or paused.
    pub true_now: Vec<String>,
    /// The step at which it waits for a person, by its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_step: Option<String>,
    /// What a person is asked, while the run waits for a yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Commands that go on from here.
    pub choices: Vec<String>,
    /// The outcome of a comparison run.
    pub comparison: Option<Comparison>,
}

/// Which RecoveryPlan a plan is made from, as it was then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanSource {
    pub name: PlanName,
    pub generation: u64,
}

/// One step of a plan or run, as shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StepView {
    /// As in run logs: `3`.
    pub path: String,
    /// Short, such as `stop services`.
    pub name: String,
    /// The whole move, such as `stop shop on mx1`.
    pub title: String,
    /// Whether there is no way back once this was asked.
    pub point_of_no_return: bool,
    /// `untouched`, `asked`, `reached`, `failed`, `skipped`, `undoing`, `undone`, `undoFailed`.
    pub state: String,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    /// What it waits for, found or failed with.
    pub note: String,
}

/// A plan before anything is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanView {
    pub scenario: ScenarioName,
    pub verb: String,
    pub title: String,
    /// The ledger revision it was made for; refused at any other.
    pub ledger_revision: u64,
    pub generation: u64,
    /// The RecoveryPlan it is made from; `None` for the built-in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSource>,
    /// What was looked at and holds, in sentences.
    pub checks: Vec<String>,
    /// What will be lost or set aside, in sentences; empty when nothing is.
    pub losses: Vec<String>,
    pub steps: Vec<StepView>,
    /// Why the plan cannot be run; all reasons at once.
    pub blockers: Vec<BlockerView>,
}

/// Why a plan cannot be run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockerView {
    pub message: String,
    /// Facts behind it, one a line.
    pub facts: Vec<String>,
    /// What to do, with the exact command where there is one.
    pub help: Vec<String>,
    /// A flag that accepts this risk, such as `--allow-data-loss`.
    pub accepted_by: Option<String>,
    /// What the person looked at has changed since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_conflict: bool,
}
