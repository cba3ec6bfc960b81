//! Joining: a single-use token against a certificate for this host.

use crate::{link::HANDSHAKE_DEADLINE, net};
use model::HostName;
use std::{io, path::PathBuf};
use tokio::time::timeout;
use wire::{
    control::{self, CONTROL_BYTES_MAX, ControlError, PROTOCOL, ToAgent, ToController},
    frame::{FrameReader, FrameWriter},
    identity::{CertificateRequest, Identity, IdentityError},
    tls::{self, Expected, TlsError},
    token::Token,
};

/// How a host is to join.
#[derive(Debug)]
pub struct JoinRequest {
    /// Address and port of the controller.
    pub controller: String,
    pub token: Token,
    pub host: HostName,
    pub state: PathBuf,
    /// Join anew although this host has an identity already.
    pub replace: bool,
}

/// What a host has become.
#[derive(Clone, Debug)]
pub struct Joined {
    pub host: HostName,
    /// blake3 of the public key, in hexadecimal, as streams name it.
    pub key: String,
}

/// Why a host did not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("this host has an identity already, in {path}")]
    Exists { path: PathBuf },
    #[error("cannot reach the controller at {address}")]
    Connect { address: String, source: io::Error },
    #[error("the controller did not answer in time")]
    Silent,
    #[error("the connection to the controller failed")]
    Tls(#[from] TlsError),
    #[error("the controller could not be understood")]
    Control(#[from] ControlError),
    #[error("the controller refused: {reason}")]
    Refused { reason: String },
    #[error("the controller answered with something else")]
    Unexpected,
    #[error("the certificate is for {0}")]
    OtherHost(String),
    #[error("the identity cannot be made or kept")]
    Identity(#[from] IdentityError),
    #[error("cannot use the state directory")]
    State(#[from] crate::state::StateError),
}

/// Asks the controller for a certificate and stores it. The key never leaves this host.
///
/// **Errors** `Exists` unless `replace`; an identity that is there stays until the new one is whole on disk.
pub async fn join(request: JoinRequest) -> Result<Joined, JoinError> {
    let _held = crate::state::StateDirectory::open(&request.state)?;
    if Identity::exists(&request.state) && !request.replace {
        return Err(JoinError::Exists { path: request.state });
    }
    let certificate_request = CertificateRequest::create()?;
    let answer = timeout(HANDSHAKE_DEADLINE * 3, ask(&request, certificate_request.pem()));
    let (certificate, authority) = answer.await.map_err(|_| JoinError::Silent)??;
    if wire::identity::pin_of(&authority)? != request.token.pin {
        return Err(JoinError::Unexpected);
    }
    let identity = certificate_request.into_identity(certificate, authority)?;
    let subject = identity.subject()?;
    if !subject.is_agent(&request.host) {
        return Err(JoinError::OtherHost(subject.host.map_or_else(|| "the controller".to_owned(), |host| host.0)));
    }
    identity.save(&request.state)?;
    Ok(Joined { host: request.host, key: subject.key })
}

async fn ask(request: &JoinRequest, certificate_request: &str) -> Result<(String, String), JoinError> {
    let stream = net::connect(&request.controller, HANDSHAKE_DEADLINE, net::MESSAGES_UNTAKEN_MAX).await;
    let stream = stream.map_err(|source| JoinError::Connect { address: request.controller.clone(), source })?;
    let config = tls::joining_config(&request.token.pin)?;
    let (stream, _) = tls::connect(&config, stream, Expected::Controller).await?;
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(read, CONTROL_BYTES_MAX), FrameWriter::new(write));
    let message = ToController::Join {
        protocol: PROTOCOL,
        host: request.host.clone(),
        token_id: request.token.id.clone(),
        token_secret: request.token.secret().to_owned(),
        certificate_request: certificate_request.to_owned(),
    };
    control::send(&mut writer, &message).await?;
    match control::receive(&mut reader).await? {
        ToAgent::Joined { certificate, authority } => Ok((certificate, authority)),
        ToAgent::Refused { reason, .. } => Err(JoinError::Refused { reason }),
        _ => Err(JoinError::Unexpected),
    }
}
