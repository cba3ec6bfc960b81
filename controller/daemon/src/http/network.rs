//! The API over TCP: TLS, or plain on loopback. Everything that somebody without a token can use up has a limit here:
//! connections, also of one address, time for the handshake and for a request's head, and its size.

use super::{
    Refusal,
    certificate::{ApiCertificate, ApiError, shown},
    gate::Origin,
    hosts::Hosts,
    quiet::Quiet,
    routes::router,
};
use crate::{
    fresh::Fresh,
    hub::Hub,
    rooms::{Place, Rooms},
};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;

/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 512;

/// Connections of one address, or one /64; more are closed at once.
const CONNECTIONS_EACH_MAX: usize = 64;

/// Longest time for the TLS handshake.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Longest time for the head of a request, and for silence between two requests.
const HEAD_WAIT: Duration = Duration::from_secs(15);

/// Largest head of a request. Bodies have a limit of their own, and are not read before the token is known.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// Pause after a failed accept, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// First byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;

/// What `main` hands down about the API on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names and addresses it is reached by: what it answers to, and what its certificate is for.
    pub names: Vec<String>,
    /// TLS on loopback too. Elsewhere there is always TLS.
    pub tls: bool,
    /// A certificate that is not from the embedded authority.
    pub certificate: Option<ApiCertificate>,
}

/// The bound port.
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
    names: Vec<String>,
    shown: Option<Fresh<ApiError>>,
    pinned: bool,
}

impl Door {
    pub async fn open(hub: &Arc<Hub>, config: ApiConfig) -> Result<Self, ApiError> {
        let address = config.listen;
        let names = config.names;
        let wanted = config.tls || !address.ip().is_loopback() || config.certificate.is_some();
        let pinned = wanted && config.certificate.is_none();
        let shown = match wanted {
            true => Some(shown(hub, config.certificate, certified(&names, address.ip()))?),
            false => None,
        };
        let listener = TcpListener::bind(address).await.map_err(|source| ApiError::Bind { address, source })?;
        let address = listener.local_addr().map_err(|source| ApiError::Bind { address, source })?;
        Ok(Self { listener, address, names, shown, pinned })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address people use: the first name, else the address that is listened on.
    pub fn url(&self) -> String {
        let port = self.address.port();
        match (&self.shown, self.names.first()) {
            (None, _) => format!("http://{}", self.address),
            (Some(_), Some(name)) if name.contains(':') => format!("https://[{name}]:{port}"),
            (Some(_), Some(name)) => format!("https://{name}:{port}"),
            (Some(_), None) => format!("https://{}", self.address),
        }
    }

    /// Whether whoever trusts the embedded authority trusts what is shown.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Serves until `stop`; requests that are being answered are finished.
    pub async fn serve(mut self, hub: Arc<Hub>, stop: CancellationToken) {
        let rooms = Rooms::new(CONNECTIONS_MAX, CONNECTIONS_EACH_MAX);
        let inside = Inside { router: router(Arc::clone(&hub), &stop), hosts: Hosts::new(&self.names) };
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.accept(&rooms) => accepted,
            };
            let Some((stream, address, place)) = accepted else { continue };
            let tls = self.shown.as_mut().map(Fresh::config);
            let (inside, stop) = (inside.clone(), stop.clone());
            hub.tasks.spawn(async move {
                if let Err(error) = inside.receive(Quiet::new(stream, place), address, tls, stop).await {
                    tracing::debug!(%address, %error, "a connection to the API ended");
                }
            });
        }
    }

    async fn accept(&self, rooms: &Rooms) -> Option<(TcpStream, IpAddr, Place)> {
        let turn = rooms.turn().await?;
        match self.listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                let address = address.ip().to_canonical();
                Some((stream, address, rooms.enter(address, turn)?))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the API was not accepted");
                sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

/// What our own certificate is for: also what this machine calls itself, so that a tunnel's far end is right too.
fn certified(names: &[String], listen: IpAddr) -> Vec<String> {
    let own = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned);
    let listen = (!listen.is_unspecified()).then(|| listen.to_string());
    let mut all: Vec<String> = names.iter().cloned().chain(own).chain(listen).collect();
    all.sort();
    all.dedup();
    all
}

/// What answers behind the door.
#[derive(Clone)]
struct Inside {
    router: Router,
    hosts: Hosts,
}

impl Inside {
    async fn receive(
        self,
        mut stream: Quiet<TcpStream, Place>,
        address: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let Some(tls) = tls else { return self.answer(stream, address, stop).await };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let mut first = [0];
        timeout(HANDSHAKE_WAIT, stream.inner().peek(&mut first)).await.map_err(late)??;
        if first[0] != TLS_HANDSHAKE {
            return hint_at_tls(&mut stream).await;
        }
        let stream = timeout(HANDSHAKE_WAIT, TlsAcceptor::from(tls).accept(stream)).await.map_err(late)??;
        self.answer(stream, address, stop).await
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        address: IpAddr,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let service = service_fn(move |request| self.clone().route(request, address));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WAIT)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        ended.map_err(io::Error::other)
    }

    async fn route(self, mut request: Request<Incoming>, address: IpAddr) -> Result<Response, Infallible> {
        if !self.hosts.admit(&request) {
            let refusal = Refusal::forbidden("this controller is not known by the name in the request")
                .help("spec.api.names in the controller's configuration names it");
            return Ok(refusal.with_status(StatusCode::MISDIRECTED_REQUEST).into_response());
        }
        request.extensions_mut().insert(ConnectInfo(Origin::Network(address)));
        TowerToHyperService::new(self.router).call(request.map(Body::new)).await
    }
}

/// Says what is wrong to whoever forgot the `s` of `https`; a token they sent is one to be replaced.
async fn hint_at_tls(stream: &mut Quiet<TcpStream, Place>) -> io::Result<()> {
    const BODY: &str = "{\"message\":\"TLS is spoken here: use https\",\"exit\":3,\"help\":[\"a token that was sent just now has travelled readable: revoke it\"]}\n";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    let told = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(BODY.as_bytes()).await?;
        stream.shutdown().await?;
        // What is still coming is taken in, or closing would tear the answer out of the client's hands.
        tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
    };
    timeout(HANDSHAKE_WAIT, told).await.unwrap_or(Ok(()))
}
