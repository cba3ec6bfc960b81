//! Messages between controller and agents (port 25002) and the greeting between two agents (port 25001).
//! Each is one frame with a JSON body.

use model::{AgentSpec, AgentStatus, Epoch, HostName, MemberName, ScenarioName};
use serde::{Deserialize, Serialize};

/// Version of the control protocol.
pub const PROTOCOL: u32 = 1;

/// Largest control message either side reads.
pub const CONTROL_BYTES_MAX: usize = 16 << 20;

/// From an agent to the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToController {
    /// First message of a joined agent.
    Hello { protocol: u32, version: String, host: HostName, boot_id: String, instance: String, spec_revision: u64 },
    /// First and only request of an agent that has no certificate yet.
    Join { protocol: u32, host: HostName, token_id: String, token_secret: String, certificate_request: String },
    /// Everything the agent sees now; the newest replaces all older ones.
    Status(Box<AgentStatus>),
}

/// From the controller to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToAgent {
    Welcome {
        protocol: u32,
        version: String,
    },
    /// The answer to `Join`: PEM texts.
    Joined {
        certificate: String,
        authority: String,
    },
    /// Everything the host should be; the newest replaces all older ones.
    Spec(Box<AgentSpec>),
    /// The session ends; `retry` tells whether trying again can help.
    Refused {
        reason: String,
        retry: bool,
    },
}

/// First message of a source agent that dials a target agent. Checked against the target's own spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamHello {
    pub protocol: u32,
    pub scenario: ScenarioName,
    pub source: MemberName,
    pub target: MemberName,
    pub epoch: Epoch,
}

/// The target's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamAnswer {
    /// Data frames may follow.
    Accepted,
    /// `epoch` is the target's own. A source that hears a higher one fences itself; nobody is ever promoted by it.
    Refused { reason: String, epoch: Epoch },
}
