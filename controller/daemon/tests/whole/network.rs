//! The API over the network, by those who mean it no good.

use crate::fixture::Fixture;
use controller::{ApiCertificate, ApiConfig};
use model::view::EventView;
use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use wire::{
    access::Role,
    api::List,
    identity::Authority,
    people::{NewPerson, PersonRequest, PersonToken},
    tls::{ApiTrust, api_client_config, connect_api},
};

const WAIT: Duration = Duration::from_secs(40);

pub fn api(tls: bool) -> ApiConfig {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    ApiConfig { listen, names: vec!["ctl.example".to_owned()], tls, certificate: None }
}

pub async fn person(fixture: &Fixture, name: &str, role: Role) -> NewPerson {
    let request = PersonRequest { name: Some(name.to_owned()), role, ttl_seconds: 600 };
    fixture.post("/v1/people", &request).await.ok()
}

/// Sends bytes and answers what comes back until the connection ends.
pub async fn say(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &[u8]) -> String {
    // The other end may stop listening before everything is said.
    let _ = stream.write_all(text).await;
    let mut answer = Vec::new();
    let _ = timeout(WAIT, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn plain(fixture: &Fixture) -> TcpStream {
    TcpStream::connect(fixture.api_address.unwrap()).await.unwrap()
}

fn get(path: &str, host: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn only_requests_under_its_own_names_are_answered() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let token = person(&fixture, "ci", Role::Viewer).await.token;
    for own in ["localhost", "127.0.0.1:25000", "ctl.example"] {
        let answer = say(plain(&fixture).await, get("/v1/whoami", own, &token).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"token ci\""), "{own}: {answer}");
    }
    for other in ["evil.example", "ctl.example.evil", ""] {
        let answer = say(plain(&fixture).await, get("/v1/whoami", other, &token).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{other}: {answer}");
    }
}

#[tokio::test]
async fn a_token_stands_in_one_place_only() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let token = person(&fixture, "ci", Role::Admin).await.token;
    let elsewhere = [
        format!("GET /v1/whoami?token={token} HTTP/1.1\r\nHost: localhost\r\n"),
        format!("GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nCookie: token={token}\r\n"),
        format!("GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {token}\r\n"),
        format!("GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"),
        format!(
            "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nAuthorization: Bearer {token}\r\n"
        ),
    ];
    for head in elsewhere {
        let answer = say(plain(&fixture).await, (head.clone() + "\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate"), "{head}: {answer}");
        assert!(!answer.contains(&token));
    }
}

#[tokio::test]
async fn heads_and_bodies_have_their_limits() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let token = person(&fixture, "ci", Role::Viewer).await.token;
    let start = get("/v1/whoami", "localhost", &token);
    let start = start.trim_end();
    let long = format!("{start}\r\nX-Long: {}\r\n\r\n", "x".repeat(64 << 10));
    let many = format!("{start}{}\r\n\r\n", "\r\nX-Many: x".repeat(1000));
    for bomb in [long, many] {
        let answer = say(plain(&fixture).await, bomb.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    // 33 MiB are announced; nobody waits for them, token or not.
    for (token, status) in [("x", "401"), (token.as_str(), "413")] {
        let head = format!(
            "POST /v1/diff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
            33 << 20
        );
        let answer = say(plain(&fixture).await, head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn who_is_slow_is_cut_off_and_others_are_served_meanwhile() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let token = person(&fixture, "ci", Role::Viewer).await.token;
    let begun = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = plain(&fixture).await;
        stream.write_all(b"GET /v1/version HTTP/1.1\r\nHost: localhost\r\nX: ").await.unwrap();
        slow.push(stream);
    }
    let answer = say(plain(&fixture).await, get("/v1/whoami", "localhost", &token).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // One of them goes on dripping: what counts is when its head is whole, not that something moves.
    let mut drip = slow.pop().unwrap();
    let dripped = async {
        let mut answer = [0; 64];
        loop {
            tokio::select! {
                read = drip.read(&mut answer) => return read.unwrap_or(0),
                () = tokio::time::sleep(Duration::from_millis(200)) => if drip.write_all(b"x").await.is_err() { return 0 },
            }
        }
    };
    timeout(WAIT, dripped).await.expect("it is cut off");
    for stream in slow {
        say(stream, b"").await;
    }
    assert!(begun.elapsed() < WAIT);
}

#[tokio::test]
async fn a_thousand_wrong_tokens_are_refused_and_leave_a_few_events() {
    let fixture = Fixture::start_with(Some(api(false))).await;
    let right = person(&fixture, "ci", Role::Viewer).await.token;
    let (mut unknown, mut too_many) = (0, 0);
    for _ in 0..1000 {
        let guess = PersonToken::create().unwrap().to_string();
        let answer = say(plain(&fixture).await, get("/v1/whoami", "localhost", &guess).as_bytes()).await;
        match answer.split(' ').nth(1) {
            Some("401") => unknown += 1,
            Some("429") => too_many += 1,
            _ => panic!("{answer}"),
        }
    }
    assert!(unknown >= 10 && too_many >= 900, "{unknown} and {too_many}");
    let answer = say(plain(&fixture).await, get("/v1/whoami", "localhost", &right).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "the right one is let in all the same: {answer}");
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    let refused: Vec<_> = events.items.iter().filter(|event| event.kind == "TokenRefused").collect();
    assert!((10..=30).contains(&refused.len()), "{}", refused.len());
    assert!(refused[0].message.contains("127.0.0.1") && !refused[0].message.contains("standin_"));
}

fn pinned(fixture: &Fixture) -> ApiTrust {
    let authority = Authority::load(&fixture.temp.path().join("state/authority")).unwrap();
    ApiTrust::Pin(authority.fingerprint().unwrap())
}

#[tokio::test]
async fn over_tls_the_same_is_answered_and_plain_http_is_told_so() {
    let fixture = Fixture::start_with(Some(api(true))).await;
    let made = person(&fixture, "ci", Role::Viewer).await;
    let port = fixture.api_address.unwrap().port();
    assert_eq!(made.url, Some(format!("https://ctl.example:{port}")));
    assert_eq!(ApiTrust::Pin(made.ca_fingerprint.unwrap()), pinned(&fixture));
    let config = api_client_config(&pinned(&fixture)).unwrap();
    for host in ["ctl.example", "localhost", "127.0.0.1"] {
        let stream = connect_api(&config, plain(&fixture).await, host).await.unwrap();
        let answer = say(stream, get("/v1/whoami", host, &made.token).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(connect_api(&config, plain(&fixture).await, "other.example").await.is_err());
    let answer = say(plain(&fixture).await, get("/v1/whoami", "localhost", &made.token).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("use https"), "{answer}");
}

/// The first message of a client that speaks TLS 1.2 and nothing newer, by hand: our own library cannot speak it.
#[tokio::test]
async fn tls_1_2_is_refused() {
    let fixture = Fixture::start_with(Some(api(true))).await;
    let mut hello = vec![3, 3];
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f]); // two suites of TLS 1.2
    hello.extend([1, 0]); // no compression
    hello.extend([0, 0]); // no extensions, so none that offers 1.3
    let mut record = vec![0x16, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(&hello);
    let mut stream = plain(&fixture).await;
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    timeout(WAIT, stream.read_to_end(&mut answer)).await.expect("the connection ends").unwrap();
    assert_eq!((answer[0], answer[5]), (0x15, 2), "a fatal alert: {answer:?}");
}

#[tokio::test]
async fn an_agents_certificate_opens_nothing() {
    let fixture = Fixture::start_with(Some(api(true))).await;
    let agent = fixture.join("mx1").await;
    let config = wire::tls::client_config(&agent).unwrap();
    let met = wire::tls::connect(&config, plain(&fixture).await, wire::tls::Expected::Controller).await;
    assert!(met.is_err(), "another protocol is spoken here");
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_shown_instead() {
    let temp = tempfile::tempdir().unwrap();
    let (certificate, key) = (temp.path().join("cert.pem"), temp.path().join("key.pem"));
    let theirs = Authority::create().unwrap();
    let identity = theirs.issue_controller(&["dr.example".to_owned()]).unwrap();
    write(&certificate, &(identity.certificate + theirs.certificate_pem()), 0o644);
    write(&key, &identity.key, 0o640);
    let config = ApiConfig { certificate: Some(ApiCertificate { certificate, key: key.clone() }), ..api(false) };
    let mut fixture = Fixture::start_with(Some(config)).await;
    let made = person(&fixture, "ci", Role::Viewer).await;
    assert_eq!(made.ca_fingerprint, None, "the embedded authority has nothing to do with it");
    let trust = ApiTrust::Authorities(theirs.certificate_pem().to_owned());
    let stream = connect_api(&api_client_config(&trust).unwrap(), plain(&fixture).await, "dr.example").await.unwrap();
    assert!(say(stream, get("/v1/whoami", "localhost", &made.token).as_bytes()).await.starts_with("HTTP/1.1 200"));
    fixture.stop().await.unwrap();
    write(&key, &identity.key, 0o644);
    let stop = tokio_util::sync::CancellationToken::new();
    let refused = controller::serve(fixture.config(), stop, |_| panic!("it started")).await.unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("can be read by everybody"), "{why}");
}
