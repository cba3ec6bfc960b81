//! Making join tokens.

use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    state::now,
    store::{events, tokens},
};
use model::{HostName, Timestamp, names::is_name, object::API_VERSION, view::EventView};
use wire::{
    api::{Token, TokenRequest},
    token,
};

/// Longest life of a token.
pub const TTL_SECONDS_MAX: u64 = 3600;

/// Makes a token that lets one host join, once.
pub async fn create(hub: &Hub, request: TokenRequest, by: &str) -> Result<Token, Refusal> {
    let TokenRequest { host, ttl_seconds } = request;
    if !is_name(host.as_str()) {
        return Err(Refusal::malformed(format!("`{}` is not a host name", host.as_str().escape_debug())));
    }
    if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
        return Err(Refusal::malformed("a token lives for at least a second and at most an hour"));
    }
    if !hub.board.lock().await.hosts.contains_key(&host) {
        let declare = format!(
            "{{apiVersion: {API_VERSION}, kind: Host, metadata: {{name: {host}}}, spec: {{replicationAddress: ADDRESS}}}}"
        );
        return Err(Refusal::refused(format!("no host {host} is declared, so nothing could be ordered of it"))
            .fact("no token was made")
            .help(format!("declare it first:  echo '{declare}' | standin apply --yes -f -"))
            .help("standin get hosts  shows those that are"));
    }
    let fresh = token::Token::create(&hub.pin).map_err(|error| Refusal::failed(error.to_string()))?;
    let now = now();
    let expires = Timestamp(now.0 + ttl_seconds * 1000);
    let stored = stored(&fresh, &host, expires);
    let made = event(Severity::Info, "TokenCreated", format!("{by} made a join token for {host}"));
    let made = EventView { host: Some(host), ..made };
    let added = hub.store.writing(move |c| {
        if !tokens::add(c, &stored, now)? {
            return Ok(None);
        }
        events::add(c, made).map(Some)
    });
    let Some(made) = added.await? else {
        return Err(Refusal::refused("too many tokens wait to be used; they expire within the hour"));
    };
    hub.show(made);
    Ok(Token { token: fresh.to_string(), address: hub.advertise.clone(), expires })
}

fn stored(fresh: &token::Token, host: &HostName, expires: Timestamp) -> tokens::StoredToken {
    let hash = token::hash(fresh.secret());
    tokens::StoredToken { id: fresh.id.clone(), hash, host: host.clone(), expires, used: None }
}
