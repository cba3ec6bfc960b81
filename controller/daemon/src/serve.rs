//! A controller from start to stop.

use crate::{
    follow::{self, Follow},
    fresh::Fresh,
    http::{self, ApiConfig, ApiError, Door, Socket, accounts::Accounts},
    hub::{ApiPlace, Hub},
    reconcile::{self, LoadError},
    sessions,
    store::{StateDirectory, Store, StoreError, people},
};
use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, time::timeout};
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use wire::{
    identity::{Authority, IdentityError},
    tls::{ClientCertificate, TlsError, server_config},
};

/// Longest time that what is going on gets to end by itself.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// What `main` hands down.
#[derive(Clone, Debug)]
pub struct Config {
    /// The state directory: created with 0700, refused when others can read it.
    pub state: PathBuf,
    /// The Unix socket for people.
    pub socket: PathBuf,
    /// How long the certificates it signs are good.
    pub certificate_lifetime: Duration,
    /// Where agents connect; port 0 takes a free one.
    pub agent_listen: SocketAddr,
    /// What agents are told to dial; left out, the address that is listened on.
    pub advertise: Option<String>,
    /// Where manifests are taken from without anybody applying them.
    pub follow: Option<Follow>,
    /// Where people with tokens connect; `None` leaves the socket as the only way.
    pub api: Option<ApiConfig>,
    pub version: String,
}

/// Told once everything is served.
#[derive(Clone, Debug)]
pub struct Ready {
    pub agent_addr: SocketAddr,
    pub api_addr: Option<SocketAddr>,
}

/// Why a controller did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the store could not be opened")]
    Store(#[from] StoreError),
    #[error("the work could not be taken up")]
    Load(#[from] LoadError),
    #[error("the certificate authority is not usable")]
    Identity(#[from] IdentityError),
    #[error("TLS is not usable")]
    Tls(#[from] TlsError),
    #[error("the socket {} could not be bound", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("{address} could not be bound")]
    Agents { address: SocketAddr, source: io::Error },
    #[error("the API cannot be served over the network")]
    Api(#[from] ApiError),
    #[error("{0} ended although the controller did not")]
    Ended(&'static str),
}

/// Serves until `shutdown`.
///
/// **Guarantees** that no agent is listened to before every open run is taken up, and that on return nothing of it
/// runs any more and the state directory is free.
pub async fn serve(
    config: Config,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(Ready),
) -> Result<(), ServeError> {
    let directory = StateDirectory::open(&config.state, &config.version)?;
    let authority = Authority::load_or_create(&directory.path().join("authority"))?;
    let authority = authority.lasting(config.certificate_lifetime);
    let pin = authority.fingerprint()?;
    let store = Arc::new(Store::open(directory, &config.version)?);
    let address = config.agent_listen;
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Agents { address, source })?;
    let agent_addr = listener.local_addr().map_err(|source| ServeError::Agents { address, source })?;
    let advertise = config.advertise.unwrap_or_else(|| agent_addr.to_string());
    let hub = Arc::new(Hub::new(store, authority, pin, config.version, advertise));
    hub.people.remember(hub.store.reading(people::list).await?);
    let own = Arc::clone(&hub);
    let tls = Fresh::make("the agents' listener", move || shown_to_agents(&own))?;
    reconcile::load(&hub).await?;
    config.follow.iter().for_each(|_| hub.followed.expect());
    let door = open_door(&hub, config.api).await?;
    let api_addr = door.as_ref().map(Door::address);
    let socket = Socket::bind(&config.socket, Accounts::read().group_id())
        .map_err(|source| ServeError::Socket { path: config.socket.clone(), source })?;
    let stop = CancellationToken::new();
    // Whatever way this function is left, its tasks are told to stop.
    let _stop_on_drop = stop.clone().drop_guard();
    let mut tasks = vec![
        start(&hub, "the reconciler", reconcile::reconcile(Arc::clone(&hub), stop.clone())),
        start(&hub, "the agents' listener", sessions::listen(Arc::clone(&hub), listener, tls, stop.clone())),
        start(&hub, "the watch of certificates", sessions::watch_certificates(Arc::clone(&hub), stop.clone())),
        start(&hub, "the API", serve_api(Arc::clone(&hub), socket, stop.clone())),
    ];
    if let Some(from) = config.follow {
        let kept = follow::keep(Arc::clone(&hub), from, config.state.join("follow"), stop.clone());
        tasks.push(start(&hub, "following", kept));
    }
    if let Some(door) = door {
        tasks.push(start(&hub, "the network API", http::Door::serve(door, Arc::clone(&hub), stop.clone())));
    }
    tracing::info!(%agent_addr, ?api_addr, socket = %config.socket.display(), "the controller serves");
    on_ready(Ready { agent_addr, api_addr });
    let ended = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        (name, _, _) = futures::future::select_all(tasks) => Err(ServeError::Ended(name)),
    };
    stop.cancel();
    hub.tasks.close();
    if timeout(STOP_WAIT, hub.tasks.wait()).await.is_err() {
        tracing::warn!("something did not end in time");
    }
    ended
}

fn shown_to_agents(hub: &Hub) -> Result<Arc<ServerConfig>, TlsError> {
    server_config(&hub.authority.issue_controller(&[])?, ClientCertificate::Optional)
}

/// Listens for people on the network, and notes where they reach it.
async fn open_door(hub: &Arc<Hub>, api: Option<ApiConfig>) -> Result<Option<Door>, ApiError> {
    let Some(api) = api else { return Ok(None) };
    let door = Door::open(hub, api).await?;
    let _ = hub.api.set(ApiPlace { url: door.url(), pinned: door.is_pinned() });
    Ok(Some(door))
}

type Task = std::pin::Pin<Box<dyn Future<Output = &'static str> + Send>>;

fn start(hub: &Hub, name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Task {
    let task = hub.tasks.spawn(work);
    Box::pin(async move {
        if let Err(error) = task.await {
            tracing::error!(%error, "{name} failed");
        }
        name
    })
}

async fn serve_api(hub: Arc<Hub>, socket: Socket, stop: CancellationToken) {
    if let Err(error) = http::serve(hub, socket, stop).await {
        tracing::error!(%error, "the API could not be served");
    }
}
