//! Accepts connections, a bounded number at a time.

use super::greeting;
use crate::{
    fresh::Fresh,
    hub::Hub,
    rooms::{Place, Rooms},
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use wire::tls::TlsError;

/// Connections that have not said who they are; more wait in the kernel's queue.
const GREETINGS_MAX: usize = 128;

/// Those of one address, or one /64; more are closed at once, and an agent tries again.
const GREETINGS_EACH_MAX: usize = 16;

/// Agents with a session at the same time.
const SESSIONS_MAX: usize = 1024;

/// Pause after a failed accept, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves agents until `stop`; sessions that are open then end by themselves.
pub async fn listen(hub: Arc<Hub>, listener: TcpListener, mut tls: Fresh<TlsError>, stop: CancellationToken) {
    let greetings = Rooms::new(GREETINGS_MAX, GREETINGS_EACH_MAX);
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = accept(&listener, &greetings) => accepted,
        };
        let Some((stream, address, turn)) = accepted else { continue };
        let guest =
            greeting::Guest { hub: Arc::clone(&hub), address, turn, places: Arc::clone(&places), stop: stop.clone() };
        let tls = tls.config();
        hub.tasks.spawn(async move {
            if let Err(error) = greeting::receive(guest, &tls, stream).await {
                tracing::debug!(%address, %error, "an agent's connection ended");
            }
        });
    }
}

async fn accept(listener: &TcpListener, greetings: &Rooms) -> Option<(TcpStream, IpAddr, Place)> {
    let turn = greetings.turn().await?;
    match listener.accept().await {
        Ok((stream, address)) => {
            let _ = stream.set_nodelay(true);
            let address = address.ip().to_canonical();
            let place = greetings.enter(address, turn);
            if place.is_none() {
                tracing::debug!(%address, "too many connections that say nothing; one more was closed");
            }
            Some((stream, address, place?))
        }
        Err(error) => {
            tracing::warn!(%error, "an agent's connection was not accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
