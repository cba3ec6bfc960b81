//! The controller's HTTP API, as spoken on its Unix socket and, with a token, over the network. JSON everywhere; errors are `Problem` with the status code given there.
//!
//! | method and path | request | answer |
//! | --- | --- | --- |
//! | `GET /v1/version` | | `Version` |
//! | `GET /v1/scenarios`, `/v1/hosts` | | `List<StoredScenario>`, `List<StoredHost>` |
//! | `GET /v1/scenarios/NAME`, `/v1/hosts/NAME` | | one of them, or 404 |
//! | `GET /v1/plans`, `/v1/plans/NAME` | | `List<StoredPlan>`, `StoredPlan` |
//! | `GET /v1/events?scenario=&since=&severity=&kind=&run=&limit=` | | `List<EventView>` |
//! | `GET /v1/runs?scenario=`, `/v1/runs/ID` | | `List<RunView>`, `RunView` |
//! | `GET /v1/watch?kind=scenario|host|plan|run|event[&name=]` | | server-sent events, `data:` is `WatchEvent` |
//! | `POST /v1/diff`, `/v1/apply` | `ApplyRequest` | `ApplyResult` |
//! | `POST /v1/delete` | `DeleteRequest` | `Deleted`; 412 while something rests on it |
//! | `POST /v1/plans` | `RunRequest` | `PlanView` (with blockers, if any) |
//! | `POST /v1/plan-manifest` | `RunRequest` | `PlanManifest`: the same as people write it |
//! | `POST /v1/runs` | `RunRequest` | `RunView`; 409 stale or busy, 412 refused with `Problem.plan` |
//! | `POST /v1/runs/ID/resume`, `/v1/runs/ID/abort` | `ResumeRequest`, `AbortRequest` | `RunView` |
//! | `GET /v1/follow` | | `FollowView`, or 404 where nothing is followed |
//! | `POST /v1/follow` | | looks now; `FollowView` |
//! | `POST /v1/tokens` | `TokenRequest` | `Token` |
//! | `GET /v1/whoami` | | `people::WhoAmI` |
//! | `GET /v1/people`, `POST /v1/people` | , `people::PersonRequest` | `List<people::PersonView>`, `people::NewPerson` |
//! | `DELETE /v1/people/NAME` | | nothing, or 404 |

pub use model::change::{Effect, FieldChange, ObjectChange, Stake};
use model::{
    HostName, HostSpec, Kind, Ledger, MemberName, Metadata, PlanName, RecoveryPlanSpec, RootName, ScenarioName,
    ScenarioSpec, Timestamp,
    view::{EventView, HostView, PlanSource, PlanView, RunView, ScenarioView, Verb},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version words of machine output.
pub const LIST_SCHEMA: &str = "standin.list/v1";
pub const RUN_SCHEMA: &str = "standin.run/v1";
pub const DIFF_SCHEMA: &str = "standin.diff/v1";
pub const PLAN_SCHEMA: &str = "standin.plan/v1";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub version: String,
    /// SHA-256 of the public key of the CA certificate, in hexadecimal: what tokens pin.
    pub authority: String,
    pub agents: Vec<(HostName, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    pub schema: String,
    pub items: Vec<T>,
}

impl<T> List<T> {
    pub fn new(items: Vec<T>) -> Self {
        Self { schema: LIST_SCHEMA.to_owned(), items }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredScenario {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: ScenarioSpec,
    pub status: ScenarioView,
    pub ledger: Ledger,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredHost {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: HostSpec,
    pub status: HostView,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredPlan {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: RecoveryPlanSpec,
}

/// A plan as people write it, and the name it goes by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanManifest {
    pub name: PlanName,
    pub spec: RecoveryPlanSpec,
}

/// One change seen by a watch. One of the five is set, or `deleted`, which names an object that is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WatchEvent {
    pub scenario: Option<StoredScenario>,
    pub host: Option<StoredHost>,
    pub plan: Option<StoredPlan>,
    pub run: Option<RunView>,
    pub event: Option<EventView>,
    pub deleted: Option<String>,
    /// What `deleted` is a name of.
    pub deleted_kind: Option<Kind>,
}

/// How what is followed, a directory or a git repository, stands against what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FollowView {
    /// Such as `git https://git.example/dr.git main`.
    pub source: String,
    pub overlay: Option<String>,
    pub state: FollowState,
    /// Why it is not current.
    pub why: String,
    /// What belongs to that: findings, differences, what to do.
    pub facts: Vec<String>,
    /// What the last look has applied.
    pub changed: Vec<String>,
    pub looked_at: Timestamp,
    /// The commit that was looked at.
    pub commit: Option<String>,
    /// The last one that was applied, and when.
    pub applied_commit: Option<String>,
    pub applied_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FollowState {
    /// What is followed is what is stored.
    #[default]
    Current,
    /// It is wrong, or a guard says no; what is stored is from before.
    Refused,
    /// Something else was stored since it was applied.
    Drifted,
    /// It could not be read, so that nothing is known.
    Unreadable,
}

/// A manifest file as its reader found it: the controller reads it again with the same code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestFile {
    pub path: String,
    pub text: String,
}

/// A whole set to compare or to store; all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplyRequest {
    pub files: Vec<ManifestFile>,
    /// Digest that `diff` answered: refused with 409 when anything it rests on has moved since.
    pub expect: Option<String>,
    /// What is accepted to be given up, such as `scenario/mail/root/archive`.
    pub allow_destroy: Vec<String>,
    /// Store nothing, answer as if.
    pub dry_run: bool,
    /// Take away what the same project applied before and that is not in the set any more.
    pub prune: bool,
    /// The project of which nothing at all is left, on purpose.
    pub allow_empty: Option<String>,
    pub origin: Option<Origin>,
    /// Asks `diff` for a plan of this, to be applied later.
    pub make_plan: bool,
    /// The plan that is applied.
    pub plan: Option<Plan>,
}

/// Where a set comes from, as its reader found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Origin {
    /// Address of the git repository, without credentials.
    pub repository: Option<String>,
    pub commit: Option<String>,
    /// Whether the files differ from that commit.
    pub local_changes: bool,
    /// What `prune` is limited to.
    pub project: Option<String>,
    /// Paths in the repository of the files that lie in it, by the path in the request.
    pub paths: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplyResult {
    /// `DIFF_SCHEMA`.
    pub schema: String,
    pub changes: Vec<ObjectChange>,
    pub unchanged: usize,
    /// Those by name.
    pub unchanged_objects: Vec<ObjectName>,
    /// Identifies the stored state and the set it was compared with.
    pub digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// One object by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    pub kind: Kind,
    pub name: String,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// What a saved plan rests on. Sealed by the controller that made it: it takes back only what it has handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Plan {
    /// Accepted once.
    pub id: String,
    /// `Version::authority` of the controller.
    pub controller: String,
    pub made: Timestamp,
    pub by: String,
    pub expires: Timestamp,
    /// Of the files and of all that goes with them.
    pub set: String,
    /// `ApplyResult::digest`.
    pub digest: String,
    pub basis: Vec<Basis>,
    pub seal: String,
}

/// One object as a plan found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    pub kind: Kind,
    pub name: String,
    /// `None`: there was no such object.
    pub generation: Option<u64>,
    pub resource_version: Option<String>,
    /// Set where it matters who is active.
    pub ledger_revision: Option<u64>,
}

/// A plan with its files, as it is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanFile {
    /// `PLAN_SCHEMA`.
    pub schema: String,
    pub plan: Plan,
    pub files: Vec<ManifestFile>,
    pub prune: bool,
    pub allow_empty: Option<String>,
    pub origin: Option<Origin>,
}

/// Takes one object away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteRequest {
    pub kind: Kind,
    pub name: String,
    /// The version that was shown: refused with 409 at any other.
    #[serde(default)]
    pub expect: Option<String>,
}

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    pub kind: Kind,
    pub name: String,
    pub generation: u64,
}

/// Asks for a plan or a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    pub verb: Verb,
    pub scenario: ScenarioName,
    #[serde(default)]
    pub options: RunOptions,
    /// The ledger revision the plan was shown for; refused with 409 at any other.
    #[serde(default)]
    pub expect_revision: Option<u64>,
    /// The RecoveryPlan the plan was shown for, as it was then; refused with 409 when another one would be followed now.
    #[serde(default)]
    pub expect_plan: Option<PlanSource>,
}

/// What the person has accepted or chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunOptions {
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
    /// The RecoveryPlan to follow; `built-in` for none, left out for what the scenario says.
    pub plan: Option<PlanName>,
    /// Values of the plan's parameters.
    pub parameters: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResumeRequest {
    /// The step that was shown as waiting: refused with a conflict when another one waits. A yes needs it.
    pub step: Option<String>,
    /// A step to leave out, by its path.
    pub skip: Option<String>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AbortRequest {
    /// Ends the run where it stands, past its point of no return; takes nothing back and needs a reason.
    pub as_it_is: bool,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    pub host: HostName,
    pub ttl_seconds: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// `v1.<sha256 of the CA certificate's public key>.<id>.<secret>`
    pub token: String,
    /// Where agents reach this controller.
    pub address: String,
    pub expires: model::Timestamp,
}

/// Every answer that is not a success.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Problem {
    /// What happened, in one line.
    pub message: String,
    /// Facts, one a line.
    pub facts: Vec<String>,
    pub help: Vec<String>,
    /// Exit code of the one table in the documentation: 1 no, 2 malformed, 3 no answer, 4 conflict, 5 failed, 6 refused.
    pub exit: u8,
    /// Findings as `standin.diag/v1`, when a manifest is the cause.
    pub findings: Vec<serde_json::Value>,
    /// The plan whose blockers are the cause.
    pub plan: Option<PlanView>,
}
