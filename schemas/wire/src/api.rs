//! The controller's HTTP API, as spoken on its Unix socket and, with a token, over the network. JSON everywhere; errors are `Problem` with the status code given there.
//!
//! | method and path | request | answer |
//! | --- | --- | --- |
//! | `GET /v1/version` | | `Version` |
//! | `GET /v1/scenarios`, `/v1/hosts` | | `List<StoredScenario>`, `List<StoredHost>` |
//! | `GET /v1/scenarios/NAME`, `/v1/hosts/NAME` | | one of them, or 404 |
//! | `GET /v1/events?scenario=&since=&severity=&run=&limit=` | | `List<EventView>` |
//! | `GET /v1/runs?scenario=`, `/v1/runs/ID` | | `List<RunView>`, `RunView` |
//! | `GET /v1/watch?kind=scenario|host|run|event[&name=]` | | server-sent events, `data:` is `WatchEvent` |
//! | `POST /v1/diff`, `/v1/apply` | `ApplyRequest` | `ApplyResult` |
//! | `POST /v1/plans` | `RunRequest` | `PlanView` (with blockers, if any) |
//! | `POST /v1/runs` | `RunRequest` | `RunView`; 409 stale or busy, 412 refused with `Problem.plan` |
//! | `POST /v1/runs/ID/resume`, `/v1/runs/ID/abort` | `ResumeRequest`, `AbortRequest` | `RunView` |
//! | `POST /v1/tokens` | `TokenRequest` | `Token` |
//! | `GET /v1/whoami` | | `people::WhoAmI` |
//! | `GET /v1/people`, `POST /v1/people` | , `people::PersonRequest` | `List<people::PersonView>`, `people::NewPerson` |
//! | `DELETE /v1/people/NAME` | | nothing, or 404 |

use model::{
    HostName, HostSpec, Kind, Ledger, MemberName, Metadata, RootName, ScenarioName, ScenarioSpec,
    view::{EventView, HostView, PlanView, RunView, ScenarioView, Verb},
};
use serde::{Deserialize, Serialize};

/// Version words of machine output.
pub const LIST_SCHEMA: &str = "standin.list/v1";
pub const RUN_SCHEMA: &str = "standin.run/v1";

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

/// One change seen by a watch. Exactly one of the four is set; `deleted` names an object that is gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WatchEvent {
    pub scenario: Option<StoredScenario>,
    pub host: Option<StoredHost>,
    pub run: Option<RunView>,
    pub event: Option<EventView>,
    pub deleted: Option<String>,
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
    /// Removals of replicated data that are accepted, such as `scenario/mail/root/archive`.
    pub allow_destroy: Vec<String>,
    /// Store nothing, answer as if.
    pub dry_run: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplyResult {
    pub changes: Vec<ObjectChange>,
    pub unchanged: usize,
    /// Identifies the stored state and the set it was compared with.
    pub digest: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    pub kind: Kind,
    pub name: String,
    pub file: String,
    /// `None` when the object is new.
    pub generation_before: Option<u64>,
    pub generation: u64,
    pub fields: Vec<FieldChange>,
    /// Said when a run holds the scenario: the change is in force after it.
    pub deferred_by: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldChange {
    /// Such as `spec.primary.spool.maxSize` or `spec.replicas[dublin].roots[+archive]`.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub effect: Effect,
}

/// What a changed field leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    #[default]
    Live,
    /// Replication starts anew; nothing is copied again that is equal.
    Restart,
    /// Data is compared and copied.
    Resync,
    Destroys,
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
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResumeRequest {
    /// A step to leave out, by its path.
    pub skip: Option<String>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AbortRequest {
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
