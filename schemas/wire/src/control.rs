//! Messages between controller and agents (port 25002) and the greeting between two agents (port 25001).
//! Each is one frame with a JSON body.

use crate::frame::{FrameError, FrameReader, FrameWriter, TYPE_CONTROL};
use model::{AgentSpec, AgentStatus, Epoch, HostName, MemberName, ScenarioName, elements::replication::Replication};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};

/// Version of the control protocol.
pub const PROTOCOL: u32 = 2;

/// Largest control message either side reads.
pub const CONTROL_BYTES_MAX: usize = 16 << 20;

/// Largest message read from a peer before it has said who it is: `Join`, `Hello` and `StreamHello` fit.
pub const GREETING_BYTES_MAX: usize = 64 << 10;

/// From an agent to the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToController {
    /// First message of a joined agent.
    Hello { protocol: u32, version: String, host: HostName, boot_id: String, instance: String },
    /// First and only request of an agent that has no certificate yet.
    Join { protocol: u32, host: HostName, token_id: String, token_secret: String, certificate_request: String },
    /// Everything the agent sees now; the newest replaces all older ones.
    Status(Box<AgentStatus>),
    /// Asks for the next certificate of the key that the agent has. Only sent to a controller that `renews`: an older
    /// one would end the session over it.
    Renew { host: HostName, certificate_request: String },
}

/// From the controller to an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToAgent {
    Welcome {
        protocol: u32,
        version: String,
        /// Whether `Renew` is understood; an older controller does not say so.
        #[serde(default)]
        renews: bool,
    },
    /// The answer to `Join`: PEM texts.
    Joined { certificate: String, authority: String },
    /// The answer to `Renew`: the certificate as PEM.
    Renewed { certificate: String },
    /// The answer to `Renew` where there is no certificate; the session goes on.
    NotRenewed { reason: String },
    /// Everything the host should be; the newest replaces all older ones.
    Spec(Box<AgentSpec>),
    /// The session ends; `retry` tells whether trying again can help.
    Refused { reason: String, retry: bool },
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
    /// What the source was told of how changes are carried; an older one says nothing, and does as is usual.
    #[serde(default)]
    pub replication: Replication,
    /// What the source can do beyond the protocol, such as `zstd`; an older one does not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// The target's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamAnswer {
    /// Data frames may follow.
    Accepted,
    /// As `Accepted`; these of the features that were offered may be used. Only said to a source that offered some: an
    /// older one would not understand it.
    AcceptedWith { features: Vec<String> },
    /// `epoch` is the target's own. A source that hears a higher one fences itself; nobody is ever promoted by it.
    Refused { reason: String, epoch: Epoch },
}

/// Why a control message did not travel.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("the frame did not travel")]
    Frame(#[from] FrameError),
    #[error("a frame of type {0:#06x} came where a control message was due")]
    Kind(u16),
    #[error("the message is not the JSON it should be")]
    Json(#[from] serde_json::Error),
}

/// Sends one message and flushes it. The caller sets the deadline.
pub async fn send<W: AsyncWrite + Unpin, M: Serialize>(
    writer: &mut FrameWriter<W>,
    message: &M,
) -> Result<(), ControlError> {
    let body = serde_json::to_vec(message)?;
    if body.len() > CONTROL_BYTES_MAX {
        return Err(FrameError::TooLarge { length: body.len(), limit: CONTROL_BYTES_MAX }.into());
    }
    writer.write(TYPE_CONTROL, &body).await?;
    Ok(writer.flush().await?)
}

/// Waits for one message. The caller sets the deadline, and drops the reader when it has passed.
pub async fn receive<R: AsyncRead + Unpin, M: DeserializeOwned>(
    reader: &mut FrameReader<R>,
) -> Result<M, ControlError> {
    let frame = reader.read().await?;
    if frame.kind != TYPE_CONTROL {
        return Err(ControlError::Kind(frame.kind));
    }
    Ok(serde_json::from_slice(&frame.payload)?)
}

#[cfg(test)]
mod tests;
