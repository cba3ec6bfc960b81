//! A host that has no certificate shows its token and gets one.

use super::{
    greeting::{Guest, SEND_WAIT, SessionError, Writer, refuse},
    limit::{Bucket, Failures},
};
use crate::{
    hub::{Hub, Severity, event},
    state::now,
    store::{
        agents::{self, StoredAgent},
        events, tokens,
    },
};
use model::{HostName, view::EventView};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use wire::{
    control::{ToAgent, send},
    identity::key_of,
    token::verify,
};

/// Failed joins from one address before it has to wait.
const FAILURES_EACH: Bucket = Bucket::new(10, Duration::from_secs(6));

/// Failed joins from everywhere before everybody has to wait.
const FAILURES_TOTAL: Bucket = Bucket::new(100, Duration::from_secs(1));

/// One answer for every reason, so that nobody learns which part of a guess was right.
const NO: &str = "the token is not valid for this host: it is unknown, used, expired, or was made for another host";

/// How often joining may fail.
#[derive(Debug)]
pub struct JoinLimits(Failures);

impl Default for JoinLimits {
    fn default() -> Self {
        Self(Failures::new(FAILURES_TOTAL, FAILURES_EACH))
    }
}

/// What a host shows.
pub struct Application {
    pub host: HostName,
    pub token_id: String,
    pub token_secret: String,
    pub certificate_request: String,
}

/// Certifies the host's key, or refuses.
pub async fn answer(guest: &Guest, application: Application, writer: &mut Writer) -> Result<(), SessionError> {
    if !guest.hub.joins.0.open(guest.address) {
        return refuse(writer, "too many failed attempts to join; try again in a minute", true).await;
    }
    let (hub, host) = (Arc::clone(&guest.hub), application.host.clone());
    // Detached: once the token is used up, the rest has to happen even if the host hangs up.
    let admitted = guest.hub.detached(async move { admit(&hub, application).await }).await?;
    let Some(certificate) = admitted else {
        guest.hub.joins.0.count(guest.address);
        let message = format!("a join as {} from {} was refused", host.as_str().escape_debug(), guest.address);
        guest.hub.note_rarely(event(Severity::Warning, "JoinRefused", message)).await;
        return refuse(writer, NO, false).await;
    };
    let authority = guest.hub.authority.certificate_pem().to_owned();
    timeout(SEND_WAIT, send(writer, &ToAgent::Joined { certificate, authority })).await??;
    let _ = timeout(SEND_WAIT, writer.shutdown()).await;
    Ok(())
}

/// Uses the token up and stores the host's key, both or neither.
async fn admit(hub: &Arc<Hub>, application: Application) -> Result<Option<String>, SessionError> {
    let Application { host, token_id, token_secret, certificate_request } = application;
    let now = now();
    let stored = hub.store.reading({
        let id = token_id.clone();
        move |c| tokens::get(c, &id)
    });
    let genuine = stored.await?.is_some_and(|token| {
        verify(&token_secret, &token.hash) && token.host == host && token.used.is_none() && token.expires > now
    });
    if !genuine {
        return Ok(None);
    }
    let signed = hub.authority.sign_agent(&certificate_request, &host);
    let Ok((certificate, key)) = signed.and_then(|pem| key_of(&pem).map(|key| (pem, key))) else {
        return Ok(None);
    };
    let agent = StoredAgent { key, certificate: certificate.clone(), joined_at: now };
    let joined = event(Severity::Info, "AgentJoined", format!("{host} joined with key {}", short(&agent.key)));
    let joined = EventView { host: Some(host.clone()), ..joined };
    let taken = hub.store.writing({
        let (host, agent) = (host.clone(), agent.clone());
        move |c| {
            if !tokens::take(c, &token_id, now)? {
                return Ok(None);
            }
            agents::put(c, &host, &agent)?;
            events::add(c, joined).map(Some)
        }
    });
    let Some(joined) = taken.await? else { return Ok(None) };
    hub.joined(host, agent, joined);
    Ok(Some(certificate))
}

fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}
