//! The handshake and the first message: who is it, and may it say that?

use super::{join, session};
use crate::{hub::Hub, rooms::Place};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::Semaphore,
    time::{error::Elapsed, timeout},
};
use tokio_rustls::{rustls::ServerConfig, server::TlsStream};
use tokio_util::sync::CancellationToken;
use wire::{
    access::{Call, Caller, allowed},
    control::{ControlError, GREETING_BYTES_MAX, PROTOCOL, ToAgent, ToController, receive as receive_message, send},
    frame::{FrameReader, FrameWriter},
    identity::Peer,
    tls::{self, TlsError},
};

/// Longest time for the handshake, and again for the first message.
const GREETING_WAIT: Duration = Duration::from_secs(10);

/// Longest time for one message to be taken by its receiver.
pub const SEND_WAIT: Duration = Duration::from_secs(10);

pub type Reader = FrameReader<ReadHalf<TlsStream<TcpStream>>>;
pub type Writer = FrameWriter<WriteHalf<TlsStream<TcpStream>>>;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("the peer was silent for too long")]
    Silent(#[from] Elapsed),
    #[error("the peer is not who it should be")]
    Tls(#[from] TlsError),
    #[error("a message did not travel")]
    Control(#[from] ControlError),
    #[error("refused: {0}")]
    Refused(String),
    #[error("a newer session of the same agent has taken over")]
    Replaced,
    #[error("the store failed")]
    Store(#[from] crate::store::StoreError),
}

/// A connection before it has said who it is.
pub struct Guest {
    pub hub: Arc<Hub>,
    pub address: IpAddr,
    /// Held until it has said it.
    pub turn: Place,
    pub places: Arc<Semaphore>,
    pub stop: CancellationToken,
}

/// Hears the first message and passes the connection on.
pub async fn receive(guest: Guest, tls: &Arc<ServerConfig>, stream: TcpStream) -> Result<(), SessionError> {
    let (stream, peer) = timeout(GREETING_WAIT, tls::accept(tls, stream)).await??;
    let (reader, writer) = split(stream);
    let (mut reader, mut writer) = (FrameReader::new(reader, GREETING_BYTES_MAX), FrameWriter::new(writer));
    let first: ToController = timeout(GREETING_WAIT, receive_message(&mut reader)).await??;
    if let Err(reason) = permit(peer.as_ref(), &first) {
        return refuse(&mut writer, &reason, false).await;
    }
    match first {
        ToController::Join { protocol, .. } | ToController::Hello { protocol, .. } if protocol != PROTOCOL => {
            let reason = format!("this controller speaks protocol {PROTOCOL}, not {protocol}");
            refuse(&mut writer, &reason, false).await
        }
        ToController::Join { host, token_id, token_secret, certificate_request, .. } => {
            let application = join::Application { host, token_id, token_secret, certificate_request };
            join::answer(&guest, application, &mut writer).await
        }
        ToController::Hello { host, instance, version, .. } => {
            let Some(peer) = peer else { return refuse(&mut writer, "hello needs a certificate", false).await };
            let arrival = session::Arrival { host, instance, version, peer };
            session::run(guest, arrival, reader, writer).await
        }
        ToController::Status(_) | ToController::Renew { .. } => refuse(&mut writer, "hello comes first", false).await,
    }
}

/// Asks the one table whether the peer may say this about that host.
pub fn permit(peer: Option<&Peer>, message: &ToController) -> Result<(), String> {
    let (call, host) = match message {
        ToController::Hello { host, .. } => (Call::Hello, host),
        ToController::Join { host, .. } => (Call::Join, host),
        ToController::Status(status) => (Call::Status, &status.host),
        ToController::Renew { host, .. } => (Call::Renew, host),
    };
    let caller = Caller::of(peer, host);
    if allowed(caller, call) { Ok(()) } else { Err(format!("{call:?} is not allowed for {caller:?}")) }
}

/// Says why, and ends the connection in such a way that the peer reads it.
pub async fn refuse(writer: &mut Writer, reason: &str, retry: bool) -> Result<(), SessionError> {
    let message = ToAgent::Refused { reason: reason.to_owned(), retry };
    timeout(SEND_WAIT, send(writer, &message)).await??;
    let _ = timeout(SEND_WAIT, writer.shutdown()).await;
    Err(SessionError::Refused(reason.to_owned()))
}
