//! The table of routes: method, path, what it is to the table of access, and what answers. There is no other way to
//! add a route, so none can be forgotten in the one or the other.

use super::{
    Refusal, Socket, changes,
    gate::{self, Gate, Origin},
    reads,
    watch::watch,
};
use crate::hub::Hub;
use axum::{
    Router,
    http::{Method, Uri},
    middleware::from_fn_with_state,
    routing::{MethodRouter, delete, get, post},
};
use std::{io, sync::Arc};
use tokio_util::sync::CancellationToken;
use wire::access::Call::{self, Admin, Change, Operate, Read};

pub(super) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub call: Call,
    answer: MethodRouter<Arc<Hub>>,
}

type Answering = MethodRouter<Arc<Hub>>;

fn route(method: Method, path: &'static str, call: Call, answer: Answering) -> Route {
    Route { method, path, call, answer }
}

#[rustfmt::skip] // a table is read by its columns
pub(super) fn routes(stop: &CancellationToken) -> Vec<Route> {
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const DELETE: Method = Method::DELETE;
    let stop = stop.clone();
    vec![
        route(GET,    "/v1/version",          Read,    get(reads::version)),
        route(GET,    "/v1/whoami",           Read,    get(reads::whoami)),
        route(GET,    "/v1/scenarios",        Read,    get(reads::scenarios)),
        route(GET,    "/v1/scenarios/{name}", Read,    get(reads::scenario)),
        route(GET,    "/v1/hosts",            Read,    get(reads::hosts)),
        route(GET,    "/v1/hosts/{name}",     Read,    get(reads::host)),
        route(GET,    "/v1/events",           Read,    get(reads::events)),
        route(GET,    "/v1/runs",             Read,    get(reads::runs)),
        route(GET,    "/v1/runs/{id}",        Read,    get(reads::run)),
        route(GET,    "/v1/watch",            Read,    get(move |state, pass, query| watch(state, pass, query, stop.clone()))),
        route(GET,    "/v1/follow",           Read,    get(reads::follow)),
        // Only brings forward what the interval does anyway: a git server's hook needs no more.
        route(POST,   "/v1/follow",           Read,    post(changes::follow)),
        route(POST,   "/v1/diff",             Read,    post(changes::diff)),
        route(GET,    "/v1/plans",            Read,    get(reads::plans)),
        route(GET,    "/v1/plans/{name}",     Read,    get(reads::plan)),
        route(POST,   "/v1/plans",            Read,    post(changes::plan)),
        route(POST,   "/v1/plan-manifest",    Read,    post(changes::plan_manifest)),
        // `changes::start` asks the table again for the verb: not every run is an operator's.
        route(POST,   "/v1/runs",             Operate, post(changes::start)),
        route(POST,   "/v1/runs/{id}/resume", Operate, post(changes::resume)),
        route(POST,   "/v1/runs/{id}/abort",  Operate, post(changes::abort)),
        route(POST,   "/v1/apply",            Change,  post(changes::apply)),
        route(POST,   "/v1/delete",           Change,  post(changes::delete)),
        route(POST,   "/v1/tokens",           Admin,   post(changes::token)),
        route(GET,    "/v1/people",           Admin,   get(reads::people)),
        route(POST,   "/v1/people",           Admin,   post(changes::create_person)),
        route(DELETE, "/v1/people/{name}",    Admin,   delete(changes::revoke_person)),
    ]
}

/// Serves the API on the socket until `stop`; requests that are being answered are finished.
pub async fn serve(hub: Arc<Hub>, socket: Socket, stop: CancellationToken) -> io::Result<()> {
    let service = router(hub, &stop).into_make_service_with_connect_info::<Origin>();
    axum::serve(socket, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

pub(super) fn router(hub: Arc<Hub>, stop: &CancellationToken) -> Router {
    let routes = routes(stop);
    let calls = routes.iter().map(|route| (route.method.clone(), route.path, route.call)).collect();
    let gate = Gate { hub: Arc::clone(&hub), calls };
    let router = routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.answer));
    router
        .fallback(|uri: Uri| async move { Refusal::missing(format!("there is no {}", uri.path())) })
        .layer(from_fn_with_state(gate, gate::check))
        .with_state(hub)
}
