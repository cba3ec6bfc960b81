//! When and under which conditions the work moves.

use crate::{names::PlanName, units::Period};
use serde::{Deserialize, Serialize};

/// How a switchover is started and what may stop it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Switchover {
    /// Who starts it.
    #[schemars(example = &"manual")]
    pub trigger: Trigger,
    /// Name of the RecoveryPlan that a switchover follows. Left out: the built-in plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"mail-switchover")]
    pub plan: Option<PlanName>,
    /// What must hold before a switchover starts.
    #[schemars(example = serde_json::json!({"maxLag": "30s", "requireDrain": true}))]
    pub guards: Guards,
}

/// Who starts a switchover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// A person.
    #[default]
    Manual,
}

/// What must hold before a switchover starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Guards {
    /// A switchover is refused while the replica is further behind than this, or while that is unknown.
    #[schemars(example = &"30s")]
    pub max_lag: Period,
    /// Refuse `--skip-drain`: everything captured must have reached the target before it is promoted.
    #[schemars(example = true)]
    pub require_drain: bool,
}

impl Default for Guards {
    fn default() -> Self {
        Self { max_lag: Period::from_secs(30), require_drain: true }
    }
}
