//! What runs on the active host only.

use crate::units::Period;
use serde::{Deserialize, Serialize};

/// The services of a scenario: started in this order on the active host, stopped in reverse everywhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Services {
    /// Services as scripts of the agent.
    #[schemars(example = serde_json::json!([
        {"name": "shop", "start": ["shop", "start"], "stop": ["shop", "stop"], "check": ["shop", "check"]}
    ]))]
    pub commands: Vec<ServiceCommand>,
}

/// One service, started, stopped and checked by scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCommand {
    /// Name of the service, unique in the scenario.
    #[schemars(example = &"shop")]
    pub name: String,
    /// Starts it: name of a file in the agent's scripts directory, then its arguments.
    #[schemars(example = serde_json::json!(["shop", "start"]))]
    pub start: Vec<String>,
    /// Stops it.
    #[schemars(example = serde_json::json!(["shop", "stop"]))]
    pub stop: Vec<String>,
    /// Exits 0 when the service runs and 1 when it does not; any other answer is unknown.
    #[schemars(example = serde_json::json!(["shop", "check"]))]
    pub check: Vec<String>,
    /// Longest time each of the three may take.
    #[serde(default = "service_timeout")]
    #[schemars(example = &"1m")]
    pub timeout: Period,
}

fn service_timeout() -> Period {
    Period::from_secs(60)
}
