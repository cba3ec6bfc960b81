use super::{accounts::Peer, routes::router};
use crate::{
    hub::Hub,
    store::{StateDirectory, Store},
};
use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use std::{path::Path, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream, unix::SocketAddr},
};
use tokio_util::sync::CancellationToken;
use wire::identity::Authority;

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

impl Connected<IncomingStream<'_, Strangers>> for Peer {
    fn connect_info(_: IncomingStream<'_, Strangers>) -> Self {
        Peer { uid: 3_999_999, gid: 3_999_999 }
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
    let service = router(hub(&temp.path().join("state")), CancellationToken::new());
    let server = tokio::spawn(async move {
        axum::serve(listener, service.into_make_service_with_connect_info::<Peer>()).await.unwrap();
    });
    let reads =
        ["version", "scenarios", "scenarios/x", "hosts", "hosts/x", "events", "runs", "runs/x", "watch?kind=run"];
    let changes = ["diff", "apply", "plans", "runs", "runs/x/resume", "runs/x/abort", "tokens", "nothing"];
    let all = reads.iter().map(|path| ("GET", path)).chain(changes.iter().map(|path| ("POST", path)));
    for (method, route) in all {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        let head = format!("{method} /v1/{route} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Ends only because the connection is closed.
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{method} {route}: {answer}");
        assert!(answer.contains("may not administer"), "{answer}");
    }
    server.abort();
}
