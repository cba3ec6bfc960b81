//! Who may ask: decided before anything of the request is looked at.

use super::{
    Refusal,
    accounts::{Accounts, Peer},
};
use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderValue, Method, header::CONNECTION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use wire::access::{Call, Caller, allowed};

/// The person who asks, as recorded with what they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person(pub String);

/// Lets a request pass when the table allows it to the peer's user, and notes who that is.
pub async fn check(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request, next: Next) -> Response {
    let accounts = Accounts::read();
    let own = rustix::process::geteuid().as_raw();
    let caller = if accounts.admit(peer, own) { Caller::Operator } else { Caller::Nobody };
    let call = call_of(request.method(), request.uri().path());
    if !allowed(caller, call) {
        tracing::warn!(uid = peer.uid, ?call, "a local request was refused");
        let name = accounts.name(peer.uid);
        let refusal = Refusal::forbidden(format!("{name} may not administer this controller"))
            .help("ask root, or be made a member of the group `standin`");
        let mut response = refusal.into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    request.extensions_mut().insert(Person(accounts.name(peer.uid)));
    next.run(request).await
}

/// What a request asks for. Whatever is not known to be harmless is the most that can be asked.
fn call_of(method: &Method, path: &str) -> Call {
    if *method == Method::GET || *method == Method::HEAD {
        return Call::Read;
    }
    let change = ["/v1/diff", "/v1/apply", "/v1/plans", "/v1/runs"];
    let known = change.contains(&path) || path.starts_with("/v1/runs/");
    if known { Call::Change } else { Call::Admin }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_needs_the_most() {
        assert_eq!(call_of(&Method::GET, "/v1/runs"), Call::Read);
        assert_eq!(call_of(&Method::POST, "/v1/runs"), Call::Change);
        assert_eq!(call_of(&Method::POST, "/v1/runs/r-abcd/abort"), Call::Change);
        assert_eq!(call_of(&Method::POST, "/v1/tokens"), Call::Admin);
        assert_eq!(call_of(&Method::DELETE, "/v1/runs-of-something"), Call::Admin);
    }
}
