//! The outgoing end of a stream: dials the target, follows, and dials again when the link is lost.

use super::{
    GREETING_BYTES_MAX, HANDSHAKE_DEADLINE, bandwidth,
    outflow::Outflow,
    pump::{Coding, FramePeer, Pump, UNTAKEN_MAX},
    session,
};
use crate::{
    agent::{Context, lock},
    backoff::Backoff,
    clock, net,
    part::Part,
    text,
};
use model::{
    Epoch, ScenarioName, Stream,
    agent_status::{LinkState, OutStatus, Progress},
    elements::{preserve::Loss, replication::Replication, synchronization::Synchronization},
};
use replication::{
    peer::Peer,
    session::SessionError,
    source::{self, Follow, FollowOptions, Source},
};
use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::{
    compression::{FEATURE_ZSTD, Squeezer},
    control::{self, ControlError, PROTOCOL, StreamAnswer, StreamHello},
    frame::{FrameError, FrameReader, FrameWriter, PAYLOAD_BYTES_MAX},
    tls::{self, Expected, TlsError},
};

/// A session that lasted this long was a good one: the next attempt comes soon.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("{0} has not joined yet")]
    NotJoined(model::HostName),
    #[error("cannot connect to {address}")]
    Connect { address: String, source: io::Error },
    #[error("{0} did not answer in time")]
    Silent(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the greeting did not travel")]
    Control(#[from] ControlError),
    #[error("the connection cannot be set up")]
    Setup(#[from] io::Error),
    #[error("refused: {reason}")]
    Refused { reason: String, epoch: Epoch },
}

impl From<FrameError> for DialError {
    fn from(error: FrameError) -> Self {
        ControlError::from(error).into()
    }
}

/// Opens a link for `stream`: connected, secured, greeted and accepted.
pub async fn open(
    context: &Context,
    scenario: &ScenarioName,
    stream: &Stream,
    replication: &Replication,
    outflow: &Arc<Outflow>,
) -> Result<(FramePeer, Pump), DialError> {
    let key = stream.peer_key.as_deref().ok_or_else(|| DialError::NotJoined(stream.peer_host.clone()))?;
    let connected = net::connect(&stream.address, HANDSHAKE_DEADLINE, UNTAKEN_MAX).await;
    let socket = connected.map_err(|source| DialError::Connect { address: stream.address.clone(), source })?;
    let silent = |_| DialError::Silent(stream.address.clone());
    let expected = Expected::Agent { host: &stream.peer_host, key };
    let socket = outflow.connected(socket)?;
    let secured = timeout(HANDSHAKE_DEADLINE, tls::connect(&context.credentials.client(), socket, expected)).await;
    let (read, write) = tokio::io::split(secured.map_err(silent)??.0);
    let (mut reader, mut writer) = (FrameReader::new(read, GREETING_BYTES_MAX), FrameWriter::new(write));
    let hello = StreamHello {
        protocol: PROTOCOL,
        scenario: scenario.clone(),
        source: stream.source.clone(),
        target: stream.target.clone(),
        epoch: stream.epoch,
        replication: replication.fidelity(),
        features: vec![FEATURE_ZSTD.to_owned()],
    };
    let greeting = async {
        control::send(&mut writer, &hello).await?;
        control::receive(&mut reader).await
    };
    let features = match timeout(HANDSHAKE_DEADLINE, greeting).await.map_err(silent)?? {
        StreamAnswer::Accepted => Vec::new(),
        StreamAnswer::AcceptedWith { features } => features,
        StreamAnswer::Refused { reason, epoch } => return Err(DialError::Refused { reason, epoch }),
    };
    reader.set_limit(PAYLOAD_BYTES_MAX);
    let agreed = features.iter().any(|feature| feature == FEATURE_ZSTD);
    let squeezer = agreed.then(Squeezer::new).transpose()?;
    Ok(Pump::start(reader, writer, Coding { squeezer, outflow: Some(Arc::clone(outflow)), ..Coding::default() }))
}

/// What an outgoing link works with.
#[derive(Clone)]
pub struct Line {
    pub context: Arc<Context>,
    pub scenario: ScenarioName,
    pub stream: Stream,
    pub source: Source,
    pub synchronization: Synchronization,
    /// As it was when the link was begun; `adjust` tells it of changes.
    pub replication: Replication,
    /// What the target's roots may be without, in the order of the source's roots.
    pub lossy: Vec<BTreeSet<Loss>>,
}

/// How often it is looked which bandwidth limit is in force.
const LIMIT_EVERY: Duration = Duration::from_secs(1);

/// One outgoing stream, kept up until it is closed.
pub struct OutLink {
    pub line: Line,
    replication: watch::Sender<Replication>,
    outflow: Arc<Outflow>,
    status: Mutex<OutStatus>,
    /// How many full synchronizations were asked for, and how many of them are done.
    wanted: watch::Sender<u64>,
    mirrored: watch::Sender<u64>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl OutLink {
    /// Starts dialling. `part` is told of a higher epoch.
    pub fn start(line: Line, part: Weak<Part>) -> Arc<Self> {
        let status = OutStatus { target: line.stream.target.clone(), ..OutStatus::default() };
        let link = Arc::new(Self {
            replication: watch::Sender::new(line.replication.clone()),
            outflow: Outflow::new(&line.replication),
            line,
            status: Mutex::new(status),
            wanted: watch::Sender::new(0),
            mirrored: watch::Sender::new(0),
            stop: CancellationToken::new(),
            task: Mutex::default(),
        });
        link.go_by_rules();
        *lock(&link.task) = Some(tokio::spawn(Arc::clone(&link).run(part)));
        link
    }

    /// Goes by other limits, and compresses or not, from now on.
    pub fn adjust(&self, replication: &Replication) {
        self.replication.send_if_modified(|before| {
            let changed = before != replication;
            if changed {
                *before = replication.clone();
            }
            changed
        });
    }

    async fn run(self: Arc<Self>, part: Weak<Part>) {
        tokio::select! {
            () = Arc::clone(&self).keep(part) => {}
            () = self.keep_rules() => {}
        }
    }

    async fn keep_rules(&self) {
        let mut replication = self.replication.subscribe();
        loop {
            self.go_by_rules();
            let _ = timeout(LIMIT_EVERY, replication.changed()).await;
        }
    }

    /// Looks at the clock and at what is wanted, and has that obeyed.
    fn go_by_rules(&self) {
        let replication = self.replication.borrow().clone();
        let now = i64::try_from(clock::now().0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let now = now.unwrap_or(jiff::Timestamp::MAX);
        let bandwidth = bandwidth::in_force(&replication.bandwidth, now);
        self.outflow.set_compression(replication.compression);
        self.outflow.set_limit(bandwidth.limit);
        lock(&self.status).bandwidth = Some(bandwidth);
    }

    /// Ends the session and waits for its thread.
    pub async fn close(&self) {
        self.stop.cancel();
        let task = lock(&self.task).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    pub fn status(&self) -> OutStatus {
        OutStatus { sent: Some(self.outflow.sent()), ..lock(&self.status).clone() }
    }

    /// Compares and copies everything anew; returns once the target holds all of it and follows again.
    pub async fn synchronize(&self) {
        self.wanted.send_modify(|wanted| *wanted += 1);
        let number = *self.wanted.borrow();
        let mut mirrored = self.mirrored.subscribe();
        let _ = mirrored.wait_for(|done| *done >= number).await;
    }

    async fn keep(self: Arc<Self>, part: Weak<Part>) {
        let mut backoff = Backoff::default();
        while !self.stop.is_cancelled() {
            let began = Instant::now();
            let opened = tokio::select! {
                () = self.stop.cancelled() => break,
                opened = self.open() => opened,
            };
            let again_now = match opened {
                Ok((peer, pump)) => self.follow(peer, pump).await,
                Err(error) => {
                    self.lost(text::chain(&error));
                    tell(&part, &error).await;
                    false
                }
            };
            if again_now || began.elapsed() > GOOD_SESSION {
                backoff.reset();
            }
            if !again_now {
                tokio::select! {
                    () = self.stop.cancelled() => break,
                    () = sleep(backoff.next()) => {}
                }
            }
        }
        self.lost(String::new());
    }

    async fn open(&self) -> Result<(FramePeer, Pump), DialError> {
        let line = &self.line;
        open(&line.context, &line.scenario, &line.stream, &line.replication, &self.outflow).await
    }

    /// Follows until the session ends; true when it ended because a full synchronization was asked for.
    async fn follow(self: &Arc<Self>, peer: FramePeer, pump: Pump) -> bool {
        let mut wanted = self.wanted.subscribe();
        let number = *wanted.borrow_and_update();
        let force = number > *self.mirrored.borrow();
        self.note(LinkState::Connected, None);
        let stop = self.stop.child_token();
        let link = Arc::clone(self);
        let work = move |peer: &mut dyn Peer, stop: &AtomicBool| link.session(peer, stop, number, force);
        let name = format!("source {}", self.line.stream.id());
        let session = session::run(name, peer, pump, &stop, work);
        tokio::pin!(session);
        let (ended, asked) = tokio::select! {
            ended = &mut session => (ended, false),
            changed = wanted.changed() => {
                stop.cancel();
                (session.await, changed.is_ok())
            }
        };
        let why = match ended {
            Ok(Ok(())) | Ok(Err(SessionError::Stopped)) => String::new(),
            Ok(Err(e)) => text::chain(&e),
            Err(e) => e.to_string(),
        };
        if !why.is_empty() {
            tracing::info!(scenario = %self.line.scenario, stream = self.line.stream.id(), why, "a stream was lost");
        }
        self.lost(why);
        asked
    }

    fn session(
        &self,
        peer: &mut dyn Peer,
        stop: &AtomicBool,
        number: u64,
        force_mirror: bool,
    ) -> Result<(), SessionError> {
        let line = &self.line;
        let options = FollowOptions {
            set_aside: line.stream.set_aside,
            synchronization: line.synchronization.clone(),
            force_mirror,
            lossy: line.lossy.clone(),
        };
        let mirrored = AtomicBool::new(false);
        let progress = |follow: Follow| {
            let whole = is_whole(&follow);
            self.note(follow.state, follow.progress);
            if whole && !mirrored.swap(true, Ordering::Relaxed) {
                self.mirrored.send_modify(|done| *done = (*done).max(number));
            }
        };
        source::follow(&line.source, line.stream.target.as_str(), &options, peer, &progress, stop)
    }

    fn note(&self, state: LinkState, progress: Option<Progress>) {
        let mut status = lock(&self.status);
        status.state = state;
        status.progress = progress;
        status.problem = None;
    }

    /// An empty text keeps what was said before: stopping is no problem.
    fn lost(&self, why: String) {
        let mut status = lock(&self.status);
        status.state = LinkState::Down;
        status.progress = None;
        if !why.is_empty() {
            status.problem = Some(why);
        }
    }
}

/// Whether the target has said that it holds everything. That all of it was sent says nothing about its disk; in a
/// synchronization no mark is acknowledged before the end of it is durable there.
fn is_whole(follow: &Follow) -> bool {
    follow.state == LinkState::Following && follow.synced.is_some()
}

/// A refusal with a higher epoch means that somebody else is active: this host fences itself.
async fn tell(part: &Weak<Part>, error: &DialError) {
    if let (DialError::Refused { epoch, .. }, Some(part)) = (error, part.upgrade()) {
        part.fence(*epoch).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Mark;

    #[test]
    fn a_synchronization_is_done_when_the_target_has_acknowledged_it() {
        let synced = Some(Mark { epoch: Epoch(1), batch: 0 });
        let follow = |state, synced| Follow { state, progress: None, synced };
        assert!(!is_whole(&follow(LinkState::Synchronizing, None)));
        assert!(!is_whole(&follow(LinkState::Following, None)), "sent, and perhaps not even received");
        assert!(is_whole(&follow(LinkState::Following, synced)));
        assert!(!is_whole(&follow(LinkState::Down, synced)));
    }
}
