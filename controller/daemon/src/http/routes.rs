//! The table of routes.

use super::{Refusal, Socket, accounts::Peer, changes, gate, reads, watch::watch};
use crate::hub::Hub;
use axum::{
    Router,
    http::{StatusCode, Uri},
    middleware::from_fn,
    routing::{get, post},
};
use std::{io, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Serves the API until `stop`; requests that are being answered are finished.
pub async fn serve(hub: Arc<Hub>, socket: Socket, stop: CancellationToken) -> io::Result<()> {
    let service = router(hub, stop.clone()).into_make_service_with_connect_info::<Peer>();
    axum::serve(socket, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

pub(super) fn router(hub: Arc<Hub>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/v1/version", get(reads::version))
        .route("/v1/scenarios", get(reads::scenarios))
        .route("/v1/scenarios/{name}", get(reads::scenario))
        .route("/v1/hosts", get(reads::hosts))
        .route("/v1/hosts/{name}", get(reads::host))
        .route("/v1/events", get(reads::events))
        .route("/v1/runs", get(reads::runs).post(changes::start))
        .route("/v1/runs/{id}", get(reads::run))
        .route("/v1/runs/{id}/resume", post(changes::resume))
        .route("/v1/runs/{id}/abort", post(changes::abort))
        .route("/v1/watch", get(move |state, query| watch(state, query, stop.clone())))
        .route("/v1/diff", post(changes::diff))
        .route("/v1/apply", post(changes::apply))
        .route("/v1/delete", post(changes::delete))
        .route("/v1/plans", post(changes::plan))
        .route("/v1/tokens", post(changes::token))
        .fallback(|uri: Uri| async move { Refusal::missing(format!("there is no {}", uri.path())) })
        .method_not_allowed_fallback(|uri: Uri| async move {
            let message = format!("{} does not take this method", uri.path());
            Refusal::malformed(message).with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(from_fn(gate::check))
        .with_state(hub)
}
