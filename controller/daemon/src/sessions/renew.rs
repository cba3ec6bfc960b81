//! A joined agent asks for the next certificate of its key.

use super::greeting::SessionError;
use crate::{
    hub::{Hub, Severity, event},
    state::now,
    store::{agents, events},
    time::utc,
};
use model::{HostName, view::EventView};
use std::sync::Arc;
use wire::{
    control::ToAgent,
    identity::{IdentityError, Lifetime},
};

/// Certifies the host's key anew, or says why not; the session goes on either way.
pub async fn answer(hub: &Arc<Hub>, host: &HostName, request: String) -> Result<ToAgent, SessionError> {
    let (own, of) = (Arc::clone(hub), host.clone());
    // Detached: what is stored has to be known in memory too, even if the host hangs up.
    match hub.detached(async move { renew(&own, &of, &request).await }).await? {
        Ok(certificate) => Ok(ToAgent::Renewed { certificate }),
        Err(reason) => {
            let message = format!("the certificate of {host} was not renewed: {reason}");
            let told = event(Severity::Warning, "RenewalRefused", message);
            hub.note_rarely(EventView { host: Some(host.clone()), ..told }).await;
            Ok(ToAgent::NotRenewed { reason })
        }
    }
}

/// Answers with the certificate that is stored while that one is young: asking twice is asking once.
async fn renew(hub: &Hub, host: &HostName, request: &str) -> Result<Result<String, String>, SessionError> {
    let _one_at_a_time = hub.membership.lock().await;
    let Some(agent) = hub.agent(host) else { return Ok(Err("it has not joined".to_owned())) };
    let certificate = match hub.authority.renew_agent(request, host, &agent.key) {
        Ok(certificate) => certificate,
        Err(IdentityError::OtherKey) => return Ok(Err("its request is for a key it did not join with".to_owned())),
        Err(error) => return Ok(Err(error.to_string())),
    };
    if Lifetime::of(&agent.certificate).is_ok_and(|lifetime| !lifetime.is_due(now())) {
        return Ok(Ok(agent.certificate));
    }
    let until =
        Lifetime::of(&certificate).map_or_else(|_| "an unknown time".to_owned(), |lifetime| utc(lifetime.until));
    let told = event(Severity::Info, "CertificateRenewed", format!("the certificate of {host} is good until {until}"));
    let told = EventView { host: Some(host.clone()), ..told };
    let renewed = agents::StoredAgent { certificate: certificate.clone(), ..agent };
    let stored = hub.store.writing({
        let (host, renewed) = (host.clone(), renewed.clone());
        move |c| {
            agents::put(c, &host, &renewed)?;
            events::add(c, told)
        }
    });
    let told = stored.await?;
    hub.renewed(host.clone(), renewed);
    hub.show(told);
    Ok(Ok(certificate))
}
