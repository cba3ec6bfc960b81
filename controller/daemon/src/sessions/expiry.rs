//! Certificates that end soon although their agents should have renewed them.

use crate::{
    hub::{Hub, Severity, event},
    state::now,
    store::agents::StoredAgent,
    time::utc,
};
use model::{HostName, Timestamp, view::EventView};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use wire::identity::Lifetime;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long before its end a certificate is told of. An agent that is connected has renewed it three months before.
const TOLD_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Tells people once of each certificate that ends soon, and once when it has ended, until `stop`.
pub async fn watch_certificates(hub: Arc<Hub>, stop: CancellationToken) {
    let (mut told, mut looks) = (Told::default(), interval(LOOK_EVERY));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        for event in told.look(hub.agents(), now()) {
            hub.note(event).await;
        }
    }
}

/// What was told of each host: the end of its certificate, and whether that had come.
#[derive(Debug, Default)]
struct Told(BTreeMap<HostName, (Timestamp, bool)>);

impl Told {
    fn look(&mut self, agents: BTreeMap<HostName, StoredAgent>, now: Timestamp) -> Vec<EventView> {
        self.0.retain(|host, _| agents.contains_key(host));
        let mut events = Vec::new();
        for (host, agent) in agents {
            let Ok(Lifetime { until, .. }) = Lifetime::of(&agent.certificate) else { continue };
            let ended = until <= now;
            if until.since(now) > TOLD_BEFORE || self.0.get(&host) == Some(&(until, ended)) {
                continue;
            }
            self.0.insert(host.clone(), (until, ended));
            events.push(ending(host, until, ended));
        }
        events
    }
}

fn ending(host: HostName, until: Timestamp, ended: bool) -> EventView {
    let at = utc(until);
    let told = if ended {
        let message = format!(
            "the certificate of {host} ended at {at}: it is let in nowhere any more; have it join anew: \
             standin token create --host {host}"
        );
        event(Severity::Error, "CertificateEnded", message)
    } else {
        let message = format!(
            "the certificate of {host} ends at {at} and was not renewed: its agent does that by itself once it is \
             connected and not older than this controller"
        );
        event(Severity::Warning, "CertificateEnds", message)
    };
    EventView { host: Some(host), ..told }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::identity::Authority;

    #[test]
    fn a_certificate_is_told_of_once_before_its_end_and_once_after_it() {
        let host = HostName::from("mx1");
        let authority = Authority::create().unwrap();
        let certificate = authority.issue_agent(&host).unwrap().certificate;
        let until = Lifetime::of(&certificate).unwrap().until;
        let agent = StoredAgent { key: String::new(), certificate, joined_at: Timestamp(0) };
        let agents = || BTreeMap::from([(host.clone(), agent.clone())]);
        let day = 24 * 60 * 60 * 1000;
        let mut told = Told::default();
        let mut kinds = |at| told.look(agents(), at).into_iter().map(|event| event.kind).collect::<Vec<_>>();
        assert_eq!(kinds(Timestamp(until.0 - 31 * day)), [""; 0]);
        assert_eq!(kinds(Timestamp(until.0 - 30 * day)), ["CertificateEnds"]);
        assert_eq!(kinds(Timestamp(until.0 - 29 * day)), [""; 0], "once");
        assert_eq!(kinds(until), ["CertificateEnded"]);
        assert_eq!(kinds(Timestamp(until.0 + day)), [""; 0]);
    }
}
