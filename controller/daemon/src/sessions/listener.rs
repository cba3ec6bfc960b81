//! Accepts connections, a bounded number at a time.

use super::greeting;
use crate::{fresh::Fresh, hub::Hub};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;
use wire::tls::TlsError;

/// Connections that have not said who they are; more wait in the kernel's queue.
const GREETINGS_MAX: usize = 128;

/// Agents with a session at the same time.
const SESSIONS_MAX: usize = 1024;

/// Pause after a failed accept, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves agents until `stop`; sessions that are open then end by themselves.
pub async fn listen(hub: Arc<Hub>, listener: TcpListener, mut tls: Fresh<TlsError>, stop: CancellationToken) {
    let greetings = Arc::new(Semaphore::new(GREETINGS_MAX));
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = accept(&listener, &greetings) => accepted,
        };
        let Some((stream, address, turn)) = accepted else { continue };
        let guest = greeting::Guest {
            hub: Arc::clone(&hub),
            address: address.ip(),
            turn,
            places: Arc::clone(&places),
            stop: stop.clone(),
        };
        let tls = tls.config();
        hub.tasks.spawn(async move {
            if let Err(error) = greeting::receive(guest, &tls, stream).await {
                tracing::debug!(%address, %error, "an agent's connection ended");
            }
        });
    }
}

type Accepted = (tokio::net::TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, greetings: &Arc<Semaphore>) -> Option<Accepted> {
    let turn = Arc::clone(greetings).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, address, turn))
        }
        Err(error) => {
            tracing::warn!(%error, "an agent's connection was not accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
