//! How clients follow the active role.

use crate::{names::PointName, units::Period};
use serde::{Deserialize, Serialize};

/// One way of redirecting clients: exactly one method.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redirection {
    /// Name of this redirection point, unique in the scenario.
    #[schemars(example = &"forwarder")]
    pub name: PointName,
    /// A script, run by the agent of the host that becomes active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"command": ["forward"], "check": ["forward", "--check"]}))]
    pub script: Option<ScriptRedirection>,
}

/// Redirection by a script. It finds `STANDIN_ACTIVE_HOST`, `STANDIN_SCENARIO`, `STANDIN_EPOCH` and
/// `STANDIN_POINT` in its environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptRedirection {
    /// Name of a file in the agent's scripts directory, then its arguments. Never a path.
    #[schemars(example = serde_json::json!(["forward"]))]
    pub command: Vec<String>,
    /// Exits 0 when clients already reach `STANDIN_ACTIVE_HOST`; asked before and after `command`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["forward", "--check"]))]
    pub check: Vec<String>,
    /// Longest time each of the two may take.
    #[serde(default = "script_timeout")]
    #[schemars(example = &"30s")]
    pub timeout: Period,
}

fn script_timeout() -> Period {
    Period::from_secs(30)
}
