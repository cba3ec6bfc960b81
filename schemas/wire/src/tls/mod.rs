//! TLS as every connection uses it: version 1.3 only, our own authority only, no resumption.
//!
//! Resumption is off so that every connection proves its key anew. Deadlines are the caller's.

mod api;
mod config;
mod pin;

pub use api::{ApiDistrust, ApiTrust, api_client_config, api_server_config, connect_api};
pub use config::{ClientCertificate, client_config, joining_config, server_config};
pub use pin::WrongAuthority;

use crate::identity::{IdentityError, Peer, PeerRole, SERVER_NAME, short};
use model::HostName;
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use std::{io, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the TLS configuration is not usable")]
    Config(#[from] rustls::Error),
    #[error("the certificates cannot be checked")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
    #[error("the identity is not usable")]
    Identity(#[from] IdentityError),
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("the peer showed no certificate")]
    NoCertificate,
    #[error("the peer is {got}, not {expected}")]
    WrongPeer { expected: String, got: String },
}

/// Whom a client means to reach.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    Controller,
    /// The agent of this host with this key (`Peer::key`).
    Agent {
        host: &'a HostName,
        key: &'a str,
    },
}

/// Connects and checks that the peer is the one that was meant.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ClientConfig>,
    stream: S,
    expected: Expected<'_>,
) -> Result<(client::TlsStream<S>, Peer), TlsError> {
    let name = ServerName::try_from(SERVER_NAME).map_err(|e| TlsError::Handshake(io::Error::other(e)))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name, stream).await.map_err(TlsError::Handshake)?;
    let peer = peer(stream.get_ref().1.peer_certificates())?.ok_or(TlsError::NoCertificate)?;
    check(&peer, expected)?;
    Ok((stream, peer))
}

/// Accepts a connection and tells who is at the other end; `None` when no certificate was asked for or shown.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ServerConfig>,
    stream: S,
) -> Result<(server::TlsStream<S>, Option<Peer>), TlsError> {
    let acceptor = TlsAcceptor::from(Arc::clone(config));
    let stream = acceptor.accept(stream).await.map_err(TlsError::Handshake)?;
    let peer = peer(stream.get_ref().1.peer_certificates())?;
    Ok((stream, peer))
}

fn peer(certificates: Option<&[rustls::pki_types::CertificateDer<'_>]>) -> Result<Option<Peer>, TlsError> {
    certificates.and_then(<[_]>::first).map(|leaf| Ok(Peer::from_der(leaf)?)).transpose()
}

fn check(peer: &Peer, expected: Expected<'_>) -> Result<(), TlsError> {
    let (right, expected) = match expected {
        Expected::Controller => (peer.role == PeerRole::Controller, "the controller".to_owned()),
        Expected::Agent { host, key } => {
            (peer.is_agent(host) && peer.key == key, format!("the agent of {host} with key {}", short(key)))
        }
    };
    let got = match &peer.host {
        Some(host) => format!("the agent of {host} with key {}", short(&peer.key)),
        None => "the controller".to_owned(),
    };
    if right { Ok(()) } else { Err(TlsError::WrongPeer { expected, got }) }
}

#[cfg(test)]
mod tests;
