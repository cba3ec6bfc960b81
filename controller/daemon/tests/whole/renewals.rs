//! The next certificate of a host, over real sessions.

use crate::{
    agent::{Line, hello},
    fixture::Fixture,
};
use model::{HostName, view::EventView};
use std::time::Duration;
use tokio::time::Instant;
use wire::{
    api::List,
    control::{ToAgent, ToController},
    identity::{CertificateRequest, Identity, LEAF_LIFETIME, Lifetime},
    tls::client_config,
};

/// So short that it is due as soon as it is made: a certificate begins an hour before.
const SHORT: Duration = Duration::from_secs(600);

const DEADLINE: Duration = Duration::from_secs(30);

/// A controller whose hosts have certificates that end soon, and which signs longer ones from now on.
async fn with_an_old_certificate() -> (Fixture, Identity) {
    let mut fixture = Fixture::start().await;
    fixture.stop().await.unwrap();
    fixture.certificate_lifetime = SHORT;
    fixture.open().await;
    let identity = fixture.join("mx1").await;
    fixture.stop().await.unwrap();
    fixture.certificate_lifetime = LEAF_LIFETIME;
    fixture.open().await;
    (fixture, identity)
}

async fn session(fixture: &Fixture, identity: &Identity) -> Line {
    let mut line = Line::dial(*fixture.address.borrow(), &client_config(identity).unwrap()).await.unwrap();
    line.say(&hello("mx1", "x")).await.unwrap();
    assert!(matches!(line.hear().await, Ok(ToAgent::Welcome { renews: true, .. })));
    line
}

/// How many events of this kind there are.
async fn told(fixture: &Fixture, kind: &str) -> usize {
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    events.items.iter().filter(|event| event.kind == kind).count()
}

async fn asked(line: &mut Line, request: &CertificateRequest) -> ToAgent {
    let certificate_request = request.pem().to_owned();
    line.say(&ToController::Renew { host: HostName::from("mx1"), certificate_request }).await.unwrap();
    loop {
        match line.hear().await.unwrap() {
            ToAgent::Spec(_) => {}
            other => return other,
        }
    }
}

#[tokio::test]
async fn an_agent_gets_its_next_certificate_in_its_session_and_stays_who_it_is() {
    let (fixture, old) = with_an_old_certificate().await;
    let mut line = session(&fixture, &old).await;
    let request = CertificateRequest::renewing(&old).unwrap();
    let ToAgent::Renewed { certificate } = asked(&mut line, &request).await else { panic!("not renewed") };
    assert_eq!(asked(&mut line, &request).await, ToAgent::Renewed { certificate: certificate.clone() }, "asked twice");
    let new = request.into_identity(certificate, old.authority.clone()).unwrap();
    assert_eq!((new.subject().unwrap(), &new.key), (old.subject().unwrap(), &old.key));
    let until = |identity: &Identity| Lifetime::of(&identity.certificate).unwrap().until;
    assert!(until(&new).since(until(&old)) > LEAF_LIFETIME / 2);
    let mut again = session(&fixture, &new).await;
    let answer = asked(&mut again, &CertificateRequest::renewing(&new).unwrap()).await;
    assert!(matches!(answer, ToAgent::Renewed { certificate } if certificate == new.certificate));
    assert_eq!(told(&fixture, "CertificateRenewed").await, 1);
}

#[tokio::test]
async fn a_request_for_another_key_is_refused_and_the_session_goes_on() {
    let (fixture, old) = with_an_old_certificate().await;
    let mut line = session(&fixture, &old).await;
    let answer = asked(&mut line, &CertificateRequest::create().unwrap()).await;
    assert!(matches!(&answer, ToAgent::NotRenewed { reason } if reason.contains("key")), "{answer:?}");
    let answer = asked(&mut line, &CertificateRequest::renewing(&old).unwrap()).await;
    assert!(matches!(answer, ToAgent::Renewed { .. }), "{answer:?}");
    assert_eq!(told(&fixture, "RenewalRefused").await, 1);
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_of() {
    let (fixture, _) = with_an_old_certificate().await;
    let deadline = Instant::now() + DEADLINE;
    while told(&fixture, "CertificateEnds").await == 0 {
        assert!(Instant::now() < deadline, "never told");
    }
}
