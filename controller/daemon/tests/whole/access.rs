//! Every message of the control protocol, by everybody who is not allowed to send it.

use crate::{
    agent::{Line, hello},
    fixture::Fixture,
};
use model::{AgentStatus, HostName, Timestamp};
use wire::{
    control::{PROTOCOL, ToAgent, ToController},
    identity::{Authority, CertificateRequest, Identity},
    tls::{client_config, joining_config},
    token::Token,
};

/// Whoever sends a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Nobody,
    Agent,
    Other,
    Controller,
}

/// One of each kind, so that a new message cannot be forgotten.
fn every_message(host: &str, token: &Token) -> Vec<ToController> {
    let join = ToController::Join {
        protocol: PROTOCOL,
        host: HostName::from(host),
        token_id: token.id.clone(),
        token_secret: token.secret().to_owned(),
        certificate_request: CertificateRequest::create().unwrap().pem().to_owned(),
    };
    let status = AgentStatus { host: HostName::from(host), ..AgentStatus::default() };
    let renew = ToController::Renew {
        host: HostName::from(host),
        certificate_request: CertificateRequest::create().unwrap().pem().to_owned(),
    };
    let all = vec![hello(host, "x"), join, ToController::Status(Box::new(status)), renew];
    for message in &all {
        match message {
            ToController::Hello { .. }
            | ToController::Join { .. }
            | ToController::Status(_)
            | ToController::Renew { .. } => {}
        }
    }
    all
}

/// What may open a connection; everything else is refused.
fn may_open(who: Who, message: &ToController) -> bool {
    matches!((who, message), (Who::Nobody, ToController::Join { .. }) | (Who::Agent, ToController::Hello { .. }))
}

#[tokio::test]
async fn what_is_not_allowed_is_refused() {
    let fixture = Fixture::start().await;
    let (mx1, mx2) = (fixture.join("mx1").await, fixture.join("mx2").await);
    let authority = Authority::load(&fixture.temp.path().join("state/authority")).unwrap();
    let controller = authority.issue_controller(&[]).unwrap();
    let pin = authority.fingerprint().unwrap();
    // The one who may join comes last: mx1 has another key from then on.
    for who in [Who::Agent, Who::Other, Who::Controller, Who::Nobody] {
        let token: Token = fixture.token("mx1").await.token.parse().unwrap();
        for message in every_message("mx1", &token) {
            let config = match who {
                Who::Nobody => joining_config(&pin).unwrap(),
                Who::Agent => client_config(&mx1).unwrap(),
                Who::Other => client_config(&mx2).unwrap(),
                Who::Controller => client_config(&controller).unwrap(),
            };
            let mut line = Line::dial(*fixture.address.borrow(), &config).await.unwrap();
            line.say(&message).await.unwrap();
            let answer = line.hear().await.unwrap();
            let refused = matches!(answer, ToAgent::Refused { .. });
            assert_eq!(refused, !may_open(who, &message), "{who:?} {message:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_session_says_nothing_but_its_own_status() {
    let fixture = Fixture::start().await;
    let identity = fixture.join("mx1").await;
    fixture.join("mx2").await;
    let token: Token = fixture.token("mx2").await.token.parse().unwrap();
    for message in every_message("mx2", &token).into_iter().chain([hello("mx1", "again")]) {
        let mut line = Line::dial(*fixture.address.borrow(), &client_config(&identity).unwrap()).await.unwrap();
        line.say(&hello("mx1", "x")).await.unwrap();
        line.say(&message).await.unwrap();
        while line.hear().await.is_ok() {}
        let version: wire::api::Version = fixture.get("/v1/version").await.ok();
        assert!(version.agents.is_empty(), "{message:?} was taken: {version:?}");
    }
}

#[tokio::test]
async fn certificates_of_others_end_in_the_handshake() {
    let fixture = Fixture::start().await;
    let theirs = Authority::create().unwrap();
    let ours = Authority::load(&fixture.temp.path().join("state/authority")).unwrap();
    let forged = Identity {
        authority: ours.certificate_pem().to_owned(),
        ..theirs.issue_agent(&HostName::from("mx1")).unwrap()
    };
    let Ok(mut line) = Line::dial(*fixture.address.borrow(), &client_config(&forged).unwrap()).await else { return };
    let _ = line.say(&hello("mx1", "x")).await;
    assert!(line.hear().await.is_err());
}

#[tokio::test]
async fn another_protocol_and_an_unjoined_host_are_told_so() {
    let fixture = Fixture::start().await;
    let ours = Authority::load(&fixture.temp.path().join("state/authority")).unwrap();
    let stranger = ours.issue_agent(&HostName::from("mx9")).unwrap();
    let mut line = Line::dial(*fixture.address.borrow(), &client_config(&stranger).unwrap()).await.unwrap();
    line.say(&hello("mx9", "x")).await.unwrap();
    assert!(line.refusal().await.contains("joined"), "a certificate of ours is not enough");
    let identity = fixture.join("mx1").await;
    let mut line = Line::dial(*fixture.address.borrow(), &client_config(&identity).unwrap()).await.unwrap();
    let ToController::Hello { version, host, boot_id, instance, .. } = hello("mx1", "x") else { panic!() };
    line.say(&ToController::Hello { protocol: 99, version, host, boot_id, instance }).await.unwrap();
    assert!(line.refusal().await.contains("protocol"));
    assert!(Timestamp(0) < fixture.token("mx1").await.expires);
}
