//! Who may ask: decided before anything of the request is looked at.

use super::{
    Refusal,
    accounts::{Accounts, Peer},
    extract::BODY_BYTES_MAX,
};
use crate::{
    hub::{Hub, Severity, event},
    people::{Pass, Unknown},
    state::now,
    store::people,
    time::utc,
};
use axum::{
    body::HttpBody,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;
use wire::access::{Call, allowed};

/// Most bytes of a request that are taken in from somebody unknown, only to throw them away.
const STRANGERS_BODY_MAX: usize = 1 << 20;

/// Longest time for that.
const DISCARD_WAIT: Duration = Duration::from_secs(5);

/// The person who asks, as recorded with what they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person(pub String);

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The Unix socket: the kernel says who it is.
    Socket(Peer),
    /// The network: only a token says who it is.
    Network(IpAddr),
}

/// What the gate decides by.
#[derive(Clone)]
pub struct Gate {
    pub hub: Arc<Hub>,
    /// What each route is, by method and path as in the router.
    pub calls: Arc<[(Method, &'static str, Call)]>,
}

/// Lets a request pass when the table allows it to whoever asks, and notes who that is. A route that is not in the
/// table is refused to everybody.
pub async fn check(
    State(gate): State<Gate>,
    ConnectInfo(origin): ConnectInfo<Origin>,
    mut request: Request,
    next: Next,
) -> Response {
    let pass = match origin {
        Origin::Socket(peer) => local(peer).await,
        Origin::Network(address) => remote(&gate.hub, address, bearer(&request)).await,
    };
    let pass = match pass {
        Ok(pass) => pass,
        Err(response) => return closing(*response, request, STRANGERS_BODY_MAX).await,
    };
    // A path that no route has is answered by the router: there is nothing to guard.
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        let what = format!("{} {}", request.method(), request.uri().path().escape_debug());
        let call = gate.call_of(request.method(), path.as_str());
        let Some(call) = call else {
            let refusal = Refusal::forbidden(format!("{what}: there is no such request"));
            return closing(refusal.into_response(), request, BODY_BYTES_MAX).await;
        };
        if let Err(refusal) = ensure_allowed(&pass, call, &what) {
            tracing::warn!(name = pass.name, %what, "a request was refused");
            return closing(refusal.into_response(), request, BODY_BYTES_MAX).await;
        }
    }
    request.extensions_mut().insert(Person(pass.name.clone()));
    request.extensions_mut().insert(pass);
    next.run(request).await
}

/// Refuses what the table does not allow to this person.
pub fn ensure_allowed(pass: &Pass, call: Call, what: &str) -> Result<(), Refusal> {
    if allowed(pass.role.caller(), call) {
        return Ok(());
    }
    let needed = call.role_needed().map_or("no role at all", |role| role.as_str());
    let message = format!("not allowed: {} has the role {}, {what} needs {needed}", pass.name, pass.role);
    Err(Refusal::forbidden(message)
        .fact("nothing was changed")
        .help(format!("ask for a token with more rights: standin token create --role {needed} --name NAME")))
}

impl Gate {
    fn call_of(&self, method: &Method, path: &str) -> Option<Call> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.calls.iter().find(|(known, at, _)| known == method && *at == path).map(|(_, _, call)| *call)
    }
}

async fn local(peer: Peer) -> Result<Pass, Box<Response>> {
    // Files are read where blocking holds nobody up; without them only root and the own user are admitted.
    let accounts = tokio::task::spawn_blocking(Accounts::read).await.unwrap_or_default();
    let name = accounts.name(peer.uid);
    if accounts.admit(peer, rustix::process::geteuid().as_raw()) {
        return Ok(Pass::local(name));
    }
    tracing::warn!(uid = peer.uid, "a local request was refused");
    let refusal = Refusal::forbidden(format!("{name} may not administer this controller"))
        .help("ask root, or be made a member of the group `standin`");
    Err(Box::new(refusal.into_response()))
}

async fn remote(hub: &Arc<Hub>, address: IpAddr, token: Option<String>) -> Result<Pass, Box<Response>> {
    let Some(token) = token else {
        return Err(unknown("a token is needed here, and none was sent"));
    };
    let reason = match hub.people.find(&token, now()) {
        Ok((pass, due)) => {
            if let Some(id) = due {
                note_use(hub, id);
            }
            return Ok(pass);
        }
        Err(reason) => reason,
    };
    if !hub.people.count_failure(address) {
        let refusal = Refusal::unknown_person("too many wrong tokens from this address; try again in a minute");
        let mut response = refusal.with_status(StatusCode::TOO_MANY_REQUESTS).into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        return Err(Box::new(response));
    }
    let (told, said) = match reason {
        Unknown::Expired { name, at } => {
            let at = utc(at);
            (format!("the token {name}, which expired at {at},"), format!("the token {name} expired at {at}"))
        }
        Unknown::Wrong => {
            ("a wrong token".to_owned(), "the token is not known here: it is wrong, or was revoked".to_owned())
        }
    };
    let message = format!("a request from {address} with {told} was refused");
    hub.note_rarely(event(Severity::Warning, "TokenRefused", message)).await;
    Err(unknown(said))
}

fn unknown(message: impl Into<String>) -> Box<Response> {
    let refusal = Refusal::unknown_person(message)
        .help("an administrator makes one:  standin token create --role viewer|operator|admin --name NAME");
    let mut response = refusal.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"standin\""));
    Box::new(response)
}

/// Ends the connection with the answer, so that each guess costs a new one.
///
/// What was sent along is thrown away first: closing on top of it would tear the answer out of the client's hands,
/// and "not allowed" would become "nobody knows whether it was done".
async fn closing(mut response: Response, request: Request, bytes_max: usize) -> Response {
    let announced = request.body().size_hint().lower();
    let mut body = request.into_body().into_data_stream();
    let discard = async {
        let mut left = bytes_max;
        while let Some(Ok(chunk)) = body.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { return };
            left = rest;
        }
    };
    if announced <= bytes_max as u64 {
        let _ = timeout(DISCARD_WAIT, discard).await;
    }
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The text after `Bearer`. No other place is looked at: what stands in an address ends up in logs.
fn bearer(request: &Request) -> Option<String> {
    let mut all = request.headers().get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Stored beside the request, which does not wait for it: it is for people who look for tokens nobody uses.
fn note_use(hub: &Arc<Hub>, id: String) {
    let store = Arc::clone(&hub.store);
    hub.tasks.spawn(async move {
        if let Err(error) = store.writing(move |c| people::used(c, &id, now())).await {
            tracing::warn!(%error, "the use of a token was not stored");
        }
    });
}
