//! Takes connections of sources and serves those that match a stream of this host's own spec.

use super::{
    GREETING_BYTES_MAX, HANDSHAKE_DEADLINE, greet,
    greet::Verdict,
    pump::{Coding, Pump, UNTAKEN_MAX},
    session,
};
use crate::{
    agent::{Agent, lock},
    backoff::Backoff,
    config::ServeError,
    net, text,
};
use model::{Epoch, ScenarioName, Stream};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool},
};
use tokio::{
    io::{ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::{
    compression::{Expander, FEATURE_ZSTD},
    control::{self, StreamAnswer, StreamHello},
    frame::{FrameReader, FrameWriter, PAYLOAD_BYTES_MAX},
    identity::Peer,
    tls,
};

/// Most connections at the same time, greeted or not.
pub const CONNECTIONS_MAX: usize = 256;
/// Most connections of one peer, by its key.
pub const CONNECTIONS_PER_PEER_MAX: usize = 64;

/// The listening end of this host.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

type Reader = FrameReader<ReadHalf<TlsStream<TcpStream>>>;
type Writer = FrameWriter<WriteHalf<TlsStream<TcpStream>>>;

impl Listener {
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `stop`, then waits for the connections to end.
    pub async fn run(self, agent: Arc<Agent>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let peers = Arc::new(PeerCounts::default());
        let connections = TaskTracker::new();
        let mut backoff = Backoff::default();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let Ok((stream, from)) = accepted else {
                // Out of descriptors: trying again at once would only burn time.
                sleep(backoff.next()).await;
                continue;
            };
            backoff.reset();
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                tracing::warn!(%from, "too many connections, one was refused");
                continue;
            };
            let (agent, tls, peers, stop) = (agent.clone(), agent.credentials().server(), peers.clone(), stop.clone());
            connections.spawn(async move {
                let _place = place;
                let greeted = tokio::select! {
                    () = stop.cancelled() => return,
                    greeted = greeted(&agent, &tls, &peers, stream) => greeted,
                };
                let ended = match greeted {
                    Ok(link) => link.serve(&agent).await,
                    Err(why) => Err(why),
                };
                if let Err(why) = ended {
                    tracing::info!(%from, why, "a connection was ended");
                }
            });
        }
        connections.close();
        connections.wait().await;
    }
}

/// Connections by the peer's key.
#[derive(Default)]
struct PeerCounts(Mutex<HashMap<String, usize>>);

struct Counted {
    counts: Arc<PeerCounts>,
    key: String,
}

impl PeerCounts {
    fn enter(self: &Arc<Self>, key: &str) -> Option<Counted> {
        let mut counts = lock(&self.0);
        let count = counts.entry(key.to_owned()).or_default();
        (*count < CONNECTIONS_PER_PEER_MAX).then(|| {
            *count += 1;
            Counted { counts: Arc::clone(self), key: key.to_owned() }
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts.0);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// A connection whose greeting matched.
struct Greeted {
    scenario: ScenarioName,
    stream: Stream,
    /// Of what the source offered, what is known here.
    features: Vec<String>,
    reader: Reader,
    writer: Writer,
    _counted: Counted,
}

async fn greeted(
    agent: &Arc<Agent>,
    tls: &Arc<rustls::ServerConfig>,
    peers: &Arc<PeerCounts>,
    stream: TcpStream,
) -> Result<Greeted, String> {
    net::tune(&stream, UNTAKEN_MAX).map_err(|e| e.to_string())?;
    let secured = timeout(HANDSHAKE_DEADLINE, tls::accept(tls, stream)).await;
    let (stream, peer) = secured.map_err(|_| "no TLS handshake in time")?.map_err(|e| text::chain(&e))?;
    let peer = peer.ok_or("the peer showed no certificate")?;
    let _counted = peers.enter(&peer.key).ok_or("too many connections of this peer")?;
    let (read, write) = tokio::io::split(stream);
    let (mut reader, writer): (Reader, Writer) = (FrameReader::new(read, GREETING_BYTES_MAX), FrameWriter::new(write));
    let hello = timeout(HANDSHAKE_DEADLINE, control::receive::<_, StreamHello>(&mut reader)).await;
    let hello = hello.map_err(|_| "no greeting in time")?.map_err(|e| text::chain(&e))?;
    reader.set_limit(PAYLOAD_BYTES_MAX);
    match decide(agent, &hello, &peer).await {
        Ok(stream) => {
            let features = known_features(&hello.features);
            Ok(Greeted { scenario: hello.scenario, stream, features, reader, writer, _counted })
        }
        Err((reason, epoch)) => {
            refuse(writer, reason.clone(), epoch).await?;
            Err(format!("stream {}>{} of {} refused: {reason}", hello.source, hello.target, hello.scenario))
        }
    }
}

fn known_features(offered: &[String]) -> Vec<String> {
    offered.iter().find(|feature| *feature == FEATURE_ZSTD).cloned().into_iter().collect()
}

async fn decide(agent: &Arc<Agent>, hello: &StreamHello, peer: &Peer) -> Result<Stream, (String, Epoch)> {
    match agent.held(&hello.scenario, |held| greet::judge(hello, peer, held)) {
        Verdict::Accept(stream) => Ok(*stream),
        Verdict::Refuse { reason, epoch, fence } => {
            if let (Some(epoch), Some(part)) = (fence, agent.part(&hello.scenario)) {
                part.fence(epoch).await;
            }
            Err((reason, epoch))
        }
    }
}

async fn answer(writer: &mut Writer, answer: &StreamAnswer) -> Result<(), String> {
    let sent = timeout(HANDSHAKE_DEADLINE, control::send(writer, answer)).await;
    sent.map_err(|_| "the answer was not taken in time")?.map_err(|e| text::chain(&e))
}

/// Says no and closes, so that the answer is read before the end is seen.
async fn refuse(mut writer: Writer, reason: String, epoch: Epoch) -> Result<(), String> {
    answer(&mut writer, &StreamAnswer::Refused { reason, epoch }).await?;
    let _ = timeout(HANDSHAKE_DEADLINE, writer.shutdown()).await;
    Ok(())
}

impl Greeted {
    /// Lets the target of the part serve the source until either ends. The part cancels its admissions when it closes,
    /// and it closes when the agent stops.
    async fn serve(mut self, agent: &Arc<Agent>) -> Result<(), String> {
        let Some(admission) = agent.part(&self.scenario).and_then(|part| part.admit(&self.stream)) else {
            let reason = "the target is not open yet".to_owned();
            refuse(self.writer, reason.clone(), self.stream.epoch).await?;
            return Err(reason);
        };
        let expander = match self.features.is_empty() {
            true => None,
            false => Some(Expander::new(PAYLOAD_BYTES_MAX).map_err(|e| e.to_string())?),
        };
        if expander.is_some() {
            self.reader.take_compressed();
            answer(&mut self.writer, &StreamAnswer::AcceptedWith { features: self.features }).await?;
        } else {
            answer(&mut self.writer, &StreamAnswer::Accepted).await?;
        }
        let (peer, pump) = Pump::start(self.reader, self.writer, Coding { expander, ..Coding::default() });
        let target = admission.target.clone();
        let work = move |peer: &mut dyn replication::peer::Peer, stop: &AtomicBool| {
            replication::target::serve(&target, peer, stop)
        };
        let ended = session::run(format!("target {}", self.scenario), peer, pump, &admission.stop, work).await;
        ended.map_err(|e| e.to_string())?.map_err(|e| text::chain(&e))
    }
}
