use super::*;
use crate::identity::{Authority, Identity, tests::expired};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(10);

fn host() -> HostName {
    HostName::from("mx1")
}

/// What each end made of one connection over loopback. A byte travels each way, because in TLS 1.3 a client learns
/// only from its first read that its certificate was refused.
async fn meet(
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    expected: Expected<'_>,
) -> (Result<Option<Peer>, TlsError>, Result<Peer, TlsError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut stream, peer) = accept(&server, stream).await?;
        stream.write_all(b"x").await.map_err(TlsError::Handshake)?;
        stream.flush().await.map_err(TlsError::Handshake)?;
        let _ = stream.read_u8().await;
        Ok(peer)
    };
    let dial = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut stream, peer) = connect(&client, stream, expected).await?;
        stream.read_u8().await.map_err(TlsError::Handshake)?;
        stream.write_all(b"y").await.map_err(TlsError::Handshake)?;
        Ok(peer)
    };
    timeout(DEADLINE, async { tokio::join!(serve, dial) }).await.expect("no end hangs")
}

fn controller(authority: &Authority) -> Identity {
    authority.issue_controller(&["127.0.0.1".to_owned()]).unwrap()
}

fn agent(authority: &Authority) -> Identity {
    authority.issue_agent(&host()).unwrap()
}

#[tokio::test]
async fn an_agent_and_its_controller_know_each_other() {
    let authority = Authority::create().unwrap();
    let (controller, agent) = (controller(&authority), agent(&authority));
    for client in [ClientCertificate::Optional, ClientCertificate::Required] {
        let server = server_config(&controller, client).unwrap();
        let (seen, met) = meet(server, client_config(&agent).unwrap(), Expected::Controller).await;
        assert_eq!(seen.unwrap(), Some(agent.subject().unwrap()));
        assert_eq!(met.unwrap(), controller.subject().unwrap());
    }
}

#[tokio::test]
async fn two_agents_know_each_other_by_host_and_key() {
    let authority = Authority::create().unwrap();
    let (target, other) = (agent(&authority), HostName::from("mx2"));
    let source = authority.issue_agent(&other).unwrap();
    let key = target.subject().unwrap().key;
    let server = || server_config(&target, ClientCertificate::Required).unwrap();
    let client = || client_config(&source).unwrap();
    let (seen, met) = meet(server(), client(), Expected::Agent { host: &host(), key: &key }).await;
    assert!(seen.unwrap().unwrap().is_agent(&other) && met.is_ok());
    let strange = "0".repeat(64);
    for expected in [Expected::Agent { host: &host(), key: &strange }, Expected::Agent { host: &other, key: &key }] {
        let (_, met) = meet(server(), client(), expected).await;
        assert!(matches!(met, Err(TlsError::WrongPeer { .. })), "{expected:?}");
    }
}

#[tokio::test]
async fn an_agent_cannot_stand_for_the_controller() {
    let authority = Authority::create().unwrap();
    let server = server_config(&agent(&authority), ClientCertificate::Optional).unwrap();
    let (_, met) = meet(server, client_config(&agent(&authority)).unwrap(), Expected::Controller).await;
    assert!(matches!(met, Err(TlsError::WrongPeer { .. })));
}

#[tokio::test]
async fn an_agent_cannot_stand_for_the_controller_when_a_host_joins() {
    let authority = Authority::create().unwrap();
    let server = server_config(&agent(&authority), ClientCertificate::Optional).unwrap();
    let joining = joining_config(&authority.fingerprint().unwrap()).unwrap();
    assert!(matches!(meet(server, joining, Expected::Controller).await.1, Err(TlsError::WrongPeer { .. })));
}

#[tokio::test]
async fn a_joining_agent_trusts_the_pinned_authority_only() {
    let (authority, other) = (Authority::create().unwrap(), Authority::create().unwrap());
    let server = || server_config(&controller(&authority), ClientCertificate::Optional).unwrap();
    let joining = |pin: &Authority| joining_config(&pin.fingerprint().unwrap()).unwrap();
    let (seen, met) = meet(server(), joining(&authority), Expected::Controller).await;
    assert!(seen.unwrap().is_none() && met.is_ok());
    let (seen, met) = meet(server(), joining(&other), Expected::Controller).await;
    let why = ApiDistrust::of(&met.unwrap_err()).unwrap();
    let (pinned, seen_authority) = (other.fingerprint().unwrap(), authority.fingerprint().unwrap());
    assert_eq!(why, ApiDistrust::Authority(WrongAuthority { pinned, seen: seen_authority }));
    assert!(seen.is_err());
}

/// The pinned certificate is public: showing it beside a leaf somebody else signed must not help.
#[tokio::test]
async fn showing_the_pinned_authority_is_not_enough() {
    let (authority, impostor) = (Authority::create().unwrap(), Authority::create().unwrap());
    let mut identity = controller(&impostor);
    identity.authority = authority.certificate_pem().to_owned();
    let server = server_config(&identity, ClientCertificate::Optional).unwrap();
    let joining = joining_config(&authority.fingerprint().unwrap()).unwrap();
    assert!(matches!(meet(server, joining, Expected::Controller).await.1, Err(TlsError::Handshake(_))));
}

#[tokio::test]
async fn a_foreign_authority_is_refused_by_both_ends() {
    let (ours, theirs) = (Authority::create().unwrap(), Authority::create().unwrap());
    let server = || server_config(&controller(&ours), ClientCertificate::Optional).unwrap();
    let (seen, met) = meet(server(), client_config(&agent(&theirs)).unwrap(), Expected::Controller).await;
    assert!(seen.is_err() && met.is_err());
    // Trusts our controller, but shows a certificate of its own authority.
    let mut mixed = agent(&theirs);
    mixed.authority = ours.certificate_pem().to_owned();
    let (seen, met) = meet(server(), client_config(&mixed).unwrap(), Expected::Controller).await;
    assert!(seen.is_err() && met.is_err(), "a wrong certificate is not the same as none");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_at_either_end() {
    let authority = Authority::create().unwrap();
    let old = expired(&authority, &host());
    let server = server_config(&controller(&authority), ClientCertificate::Optional).unwrap();
    assert!(meet(server, client_config(&old).unwrap(), Expected::Controller).await.0.is_err());
    let server = server_config(&old, ClientCertificate::Required).unwrap();
    let key = old.subject().unwrap().key;
    let expected = Expected::Agent { host: &host(), key: &key };
    assert!(meet(server, client_config(&agent(&authority)).unwrap(), expected).await.1.is_err());
}

#[tokio::test]
async fn a_target_insists_on_a_certificate() {
    let authority = Authority::create().unwrap();
    let target = agent(&authority);
    let key = target.subject().unwrap().key;
    let joining = || joining_config(&authority.fingerprint().unwrap()).unwrap();
    let expected = Expected::Agent { host: &host(), key: &key };
    let required = server_config(&target, ClientCertificate::Required).unwrap();
    let (seen, met) = meet(required, joining(), expected).await;
    assert!(seen.is_err() && met.is_err());
    let optional = server_config(&target, ClientCertificate::Optional).unwrap();
    assert!(meet(optional, joining(), expected).await.0.unwrap().is_none());
}

/// TLS 1.2 is not even compiled in, so no configuration can turn it on.
#[test]
fn tls_1_3_is_the_only_version() {
    let versions: Vec<_> = rustls::ALL_VERSIONS.iter().map(|v| v.version).collect();
    assert_eq!(versions, [rustls::ProtocolVersion::TLSv1_3]);
}
