use super::{
    ApiConfig, Door,
    accounts::Peer,
    gate::Origin,
    routes::{router, routes},
};
use crate::{
    hub::Hub,
    store::{StateDirectory, Store, people::StoredPerson},
};
use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use model::Timestamp;
use std::{collections::BTreeSet, net::SocketAddr as Address, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixListener, UnixStream, unix::SocketAddr},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::{access::Role, identity::Authority, people::PersonToken, token::hash};

/// A socket at whose other end somebody else seems to be.
struct Strangers(UnixListener);

impl Listener for Strangers {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        self.0.accept().await.unwrap()
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Strangers>> for Origin {
    fn connect_info(_: IncomingStream<'_, Strangers>) -> Self {
        Origin::Socket(Peer { uid: 3_999_999, gid: 3_999_999 })
    }
}

fn hub(state: &Path) -> Arc<Hub> {
    let store = Store::open(StateDirectory::open(state, "0").unwrap(), "0").unwrap();
    let authority = Authority::create().unwrap();
    let pin = authority.fingerprint().unwrap();
    Arc::new(Hub::new(Arc::new(store), authority, pin, "0".to_owned(), "127.0.0.1:1".to_owned()))
}

#[tokio::test]
async fn a_stranger_is_refused_on_every_route_and_the_connection_is_closed() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("s");
    let listener = Strangers(UnixListener::bind(&path).unwrap());
    let service = router(hub(&temp.path().join("state")), &CancellationToken::new());
    let server = tokio::spawn(async move {
        axum::serve(listener, service.into_make_service_with_connect_info::<Origin>()).await.unwrap();
    });
    let all = routes(&CancellationToken::new());
    let all = all.iter().map(|route| (route.method.as_str(), route.path)).chain([("POST", "/v1/nothing")]);
    for (method, route) in all {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let head = format!("{method} {} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", filled(route));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Ends only because the connection is closed.
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{method} {route}: {answer}");
        assert!(answer.contains("may not administer"), "{answer}");
    }
    server.abort();
}

/// An object may have any name, also that of a request.
#[test]
fn no_request_stands_where_a_name_can() {
    let all = routes(&CancellationToken::new());
    let is_name_in = |path: &str, pattern: &str| {
        let (path, pattern): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), pattern.split('/').collect());
        path.len() == pattern.len() && path.iter().zip(&pattern).all(|(a, b)| a == b || b.starts_with('{'))
    };
    for one in &all {
        let hidden = all.iter().find(|other| other.path != one.path && is_name_in(one.path, other.path));
        assert!(hidden.is_none(), "{} hides a name of {:?}", one.path, hidden.map(|route| route.path));
    }
}

fn filled(path: &str) -> String {
    let path = path.replace("{name}", "none").replace("{id}", "r-none");
    if path == "/v1/watch" { format!("{path}?kind=run") } else { path }
}

/// A controller's API on loopback, without the rest of the controller.
struct Api {
    hub: Arc<Hub>,
    address: Address,
    _temp: tempfile::TempDir,
    _stop: DropGuard,
}

impl Api {
    async fn open() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let hub = hub(&temp.path().join("state"));
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = ApiConfig { listen, names: Vec::new(), tls: false, certificate: None };
        let door = Door::open(&hub, config).await.unwrap();
        let (address, stop) = (door.address(), CancellationToken::new());
        tokio::spawn(door.serve(Arc::clone(&hub), stop.clone()));
        Self { hub, address, _temp: temp, _stop: stop.drop_guard() }
    }

    fn person(&self, name: &str, role: Role, expires: u64) -> String {
        let token = PersonToken::create().unwrap();
        self.hub.people.take(StoredPerson {
            id: token.id.clone(),
            name: name.to_owned(),
            role,
            hash: hash(token.secret()),
            created_at: Timestamp(1),
            created_by: "root".to_owned(),
            expires: Timestamp(expires),
            last_used: None,
        });
        token.to_string()
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n");
        stream.write_all((head + body).as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    async fn status(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> u16 {
        let headers = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
        let mut line = String::new();
        self.send(method, path, &headers, body).await.read_line(&mut line).await.unwrap();
        line.split(' ').nth(1).unwrap_or_else(|| panic!("{method} {path}: {line:?}")).parse().unwrap()
    }
}

const FOREVER: u64 = u64::MAX >> 2;

/// The smallest role for every route, written out on purpose: a change of the table has to be made twice.
const EXPECTED: &[(&str, &str, Role)] = &[
    ("GET", "/v1/version", Role::Viewer),
    ("GET", "/v1/whoami", Role::Viewer),
    ("GET", "/v1/scenarios", Role::Viewer),
    ("GET", "/v1/scenarios/{name}", Role::Viewer),
    ("GET", "/v1/hosts", Role::Viewer),
    ("GET", "/v1/hosts/{name}", Role::Viewer),
    ("GET", "/v1/events", Role::Viewer),
    ("GET", "/v1/runs", Role::Viewer),
    ("GET", "/v1/runs/{id}", Role::Viewer),
    ("GET", "/v1/watch", Role::Viewer),
    ("POST", "/v1/diff", Role::Viewer),
    ("GET", "/v1/follow", Role::Viewer),
    ("POST", "/v1/follow", Role::Viewer),
    ("GET", "/v1/plans", Role::Viewer),
    ("GET", "/v1/plans/{name}", Role::Viewer),
    ("POST", "/v1/plans", Role::Viewer),
    ("POST", "/v1/plan-manifest", Role::Viewer),
    ("POST", "/v1/runs", Role::Operator),
    ("POST", "/v1/runs/{id}/resume", Role::Operator),
    ("POST", "/v1/runs/{id}/abort", Role::Operator),
    ("POST", "/v1/apply", Role::Admin),
    ("POST", "/v1/delete", Role::Admin),
    ("POST", "/v1/tokens", Role::Admin),
    ("GET", "/v1/people", Role::Admin),
    ("POST", "/v1/people", Role::Admin),
    ("DELETE", "/v1/people/{name}", Role::Admin),
];

#[test]
fn every_route_is_in_the_expectations() {
    let routes = routes(&CancellationToken::new());
    let found: BTreeSet<_> = routes.iter().map(|route| (route.method.as_str().to_owned(), route.path)).collect();
    let expected: BTreeSet<_> = EXPECTED.iter().map(|(method, path, _)| ((*method).to_owned(), *path)).collect();
    assert_eq!(found, expected);
    assert_eq!(routes.len(), found.len(), "no route is there twice");
}

#[tokio::test]
async fn every_route_is_for_its_roles_and_for_nobody_else() {
    let api = Api::open().await;
    let people = Role::ALL.map(|role| (role, api.person(role.as_str(), role, FOREVER)));
    let expired = api.person("late", Role::Admin, 1);
    let revoked = api.person("gone", Role::Admin, FOREVER);
    api.hub.people.forget("gone");
    let (id, _) = people[2].1.rsplit_once('_').unwrap();
    let guessed = format!("{id}_{}", "0".repeat(64));
    let join = wire::token::Token::create(&api.hub.pin).unwrap().to_string();
    for (method, path, smallest) in EXPECTED {
        let path = filled(path);
        for head in [*method, "HEAD"] {
            assert_eq!(api.status(head, &path, None, "").await, 401, "{head} {path} without a token");
        }
        for wrong in ["x", &expired, &revoked, &guessed, &join] {
            let status = api.status(method, &path, Some(wrong), "").await;
            assert!([401, 429].contains(&status), "{method} {path}: {status}");
        }
        for (role, token) in &people {
            let status = api.status(method, &path, Some(token), "{").await;
            let refused = [401, 403, 429].contains(&status);
            assert_eq!(refused, role < smallest, "{method} {path} as {role}: {status}");
        }
    }
}

#[tokio::test]
async fn what_no_route_is_for_is_for_nobody() {
    let api = Api::open().await;
    let admin = api.person("admin", Role::Admin, FOREVER);
    for (method, path, _) in EXPECTED {
        for other in ["PUT", "PATCH", "OPTIONS", "TRACE"] {
            let status = api.status(other, &filled(path), Some(&admin), "").await;
            assert_eq!(status, 403, "{other} instead of {method} {path}");
        }
    }
    for path in ["/", "/v1", "/v1/people/", "/v1/version/", "//v1/version", "/v1/../v1/version"] {
        assert_eq!(api.status("GET", path, Some(&admin), "").await, 404, "{path}");
        assert_eq!(api.status("GET", path, None, "").await, 401, "{path}");
    }
}

#[tokio::test]
async fn an_operator_adopts_no_root_and_approves_no_removal() {
    let api = Api::open().await;
    for (verb, smallest) in [
        ("adoptRoot", Role::Admin),
        ("approve", Role::Admin),
        ("switchover", Role::Operator),
        ("suspend", Role::Operator),
    ] {
        for role in Role::ALL {
            let token = api.person(role.as_str(), role, FOREVER);
            let body = format!(r#"{{"verb":"{verb}","scenario":"none"}}"#);
            let status = api.status("POST", "/v1/runs", Some(&token), &body).await;
            let expected = if role < smallest { 403 } else { 404 };
            assert_eq!(status, expected, "{verb} as {role}");
        }
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_token() {
    let api = Api::open().await;
    let token = api.person("ci", Role::Viewer, FOREVER);
    let headers = format!("Authorization: Bearer {token}\r\nConnection: close\r\n");
    let mut watch = api.send("GET", "/v1/watch?kind=run", &headers, "").await;
    let mut line = String::new();
    watch.read_line(&mut line).await.unwrap();
    assert!(line.contains("200"), "{line}");
    api.hub.people.forget("ci");
    let mut rest = String::new();
    timeout(Duration::from_secs(10), watch.read_to_string(&mut rest)).await.expect("it ends").unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "in order: {rest:?}");
    let soon = crate::state::now().0 + 300;
    let token = api.person("short", Role::Viewer, soon);
    let headers = format!("Authorization: Bearer {token}\r\nConnection: close\r\n");
    let mut watch = api.send("GET", "/v1/watch?kind=run", &headers, "").await;
    timeout(Duration::from_secs(10), watch.read_to_string(&mut rest)).await.expect("it ends").unwrap();
    assert!(rest.contains(" 200 ") && crate::state::now().0 >= soon);
}
