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
    identity::{key_of, short},
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
    let _one_at_a_time = hub.membership.lock().await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apply,
        store::{StateDirectory, Store},
        tokens as requests,
    };
    use model::Kind;
    use wire::{
        api::{ApplyRequest, DeleteRequest, ManifestFile, TokenRequest},
        identity::{Authority, CertificateRequest},
        token::Token,
    };

    fn hub(state: &std::path::Path) -> Arc<Hub> {
        let store = Store::open(StateDirectory::open(state, "0").unwrap(), "0").unwrap();
        let authority = Authority::create().unwrap();
        let pin = authority.fingerprint().unwrap();
        Arc::new(Hub::new(Arc::new(store), authority, pin, "0".to_owned(), "ctl:1".to_owned()))
    }

    async fn declare(hub: &Arc<Hub>) {
        let text = "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: mx1}\nspec: {replicationAddress: '10.0.0.1:1'}\n";
        let files = vec![ManifestFile { path: "mx1.yaml".to_owned(), text: text.to_owned() }];
        apply::apply(hub, ApplyRequest { files, ..ApplyRequest::default() }, "anna").await.unwrap();
    }

    async fn application(hub: &Hub) -> Application {
        let request = TokenRequest { host: HostName::from("mx1"), ttl_seconds: 60 };
        let token: Token = requests::create(hub, request, "anna").await.unwrap().token.parse().unwrap();
        Application {
            host: HostName::from("mx1"),
            token_id: token.id.clone(),
            token_secret: token.secret().to_owned(),
            certificate_request: CertificateRequest::create().unwrap().pem().to_owned(),
        }
    }

    /// Whatever is stored last is what is known: neither may store anything while the other has yet to say so in memory.
    #[tokio::test]
    async fn who_joins_and_who_deletes_a_host_take_turns() {
        const MOMENT: Duration = Duration::from_millis(200);
        let temp = tempfile::tempdir().unwrap();
        let hub = hub(&temp.path().join("state"));
        declare(&hub).await;
        let host = HostName::from("mx1");
        let is_stored = || !hub.store.read(agents::all).unwrap().is_empty();

        let held = hub.membership.lock().await;
        let (own, application) = (Arc::clone(&hub), application(&hub).await);
        let mut joining = tokio::spawn(async move { admit(&own, application).await.map_err(|e| e.to_string()) });
        assert!(timeout(MOMENT, &mut joining).await.is_err() && !is_stored());
        drop(held);
        joining.await.unwrap().unwrap().unwrap();
        assert!(is_stored() && hub.key_of(&host).is_some());

        let held = hub.membership.lock().await;
        let own = Arc::clone(&hub);
        let gone = DeleteRequest { kind: Kind::Host, name: "mx1".to_owned(), expect: None };
        let mut deleting = tokio::spawn(async move { apply::delete(&own, gone, "anna").await.is_ok() });
        assert!(timeout(MOMENT, &mut deleting).await.is_err() && is_stored());
        drop(held);
        assert!(deleting.await.unwrap() && !is_stored() && hub.key_of(&host).is_none());
    }
}
