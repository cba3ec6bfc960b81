//! How the active host is found to be well.

use crate::units::Period;
use serde::{Deserialize, Serialize};

/// Checks of the active host. A round fails when any check in it fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitoring {
    /// Time between two rounds.
    #[schemars(example = &"30s")]
    pub interval: Period,
    /// The host is reported down when every round has failed for this long.
    #[schemars(example = &"5m")]
    pub timeout: Period,
    /// The checks of a round.
    #[schemars(example = serde_json::json!([{"name": "smtp", "tcp": {"port": 25, "expect": "220 "}}]))]
    pub checks: Vec<Check>,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { interval: Period::from_secs(30), timeout: Period::from_secs(300), checks: Vec::new() }
    }
}

/// One check: exactly one of `exec` and `tcp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Name of the check, unique in the scenario.
    #[schemars(example = &"smtp")]
    pub name: String,
    /// A script of the agent that exits 0 when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"command": ["queue-age", "--max", "10m"]}))]
    pub exec: Option<ExecCheck>,
    /// A TCP port of the host that accepts connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!({"port": 25, "expect": "220 "}))]
    pub tcp: Option<TcpCheck>,
}

/// A check by a script of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecCheck {
    /// Name of a file in the agent's scripts directory, then its arguments. Never a path.
    #[schemars(example = serde_json::json!(["queue-age", "--max", "10m"]))]
    pub command: Vec<String>,
    /// Longest time the script may take.
    #[serde(default = "check_timeout")]
    #[schemars(example = &"10s")]
    pub timeout: Period,
}

/// A check by connecting to a port on the loopback address of the active host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpCheck {
    /// The port.
    #[schemars(example = 25, range(min = 1), extend("x-unit" = "port number"))]
    pub port: u16,
    /// Text that the server must send first. Left out, a connection is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"220 ")]
    pub expect: Option<String>,
    /// Longest time for connecting and, with `expect`, for the text.
    #[serde(default = "check_timeout")]
    #[schemars(example = &"10s")]
    pub timeout: Period,
}

fn check_timeout() -> Period {
    Period::from_secs(10)
}
