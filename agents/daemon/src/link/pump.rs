//! Carries frames between an encrypted connection and a blocking session.
//!
//! Both ways go through a bounded channel: a session that does not take makes the reader stop reading, and a peer that
//! does not read makes the session wait in `send`. Keep-alive frames make a healthy link never silent, so that silence
//! means the peer is gone.

use super::outflow::Outflow;
use replication::{
    message::Message,
    peer::{Peer, PeerError},
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    sync::mpsc::{self, error::TryRecvError},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use wire::{
    compression::{Expander, Squeezer},
    frame::{Frame, FrameError, FrameReader, FrameWriter, TYPE_DATA_FIRST},
};

/// Frames waiting in each direction: at most 16 MiB each way, since a payload has at most 1 MiB.
pub const FRAMES_WAITING_MAX: usize = 16;
/// A frame that only says that this end is there. Its number lies below the data messages'.
const TYPE_KEEP_ALIVE: u16 = 2;
/// How long a closing link waits for what is left to be sent.
const CLOSE_DEADLINE: Duration = Duration::from_secs(15);
/// How long a closed link waits for the other end to close too.
const LINGER: Duration = Duration::from_secs(2);

/// A peer that takes nothing for so long is given up. Longer than any fsync of a large batch takes. The connection
/// below must not be less patient; a peer that has gone is found by its silence.
pub const UNTAKEN_MAX: Duration = Duration::from_secs(300);

/// The times of a link.
#[derive(Clone, Copy, Debug)]
struct Pace {
    keep_alive_every: Duration,
    /// A peer that has sent nothing for so long is gone.
    idle: Duration,
    /// A frame that takes longer from its first byte to its last is no slow line.
    frame: Duration,
    /// See `UNTAKEN_MAX`.
    write: Duration,
}

const PACE: Pace = Pace {
    keep_alive_every: Duration::from_secs(2),
    idle: Duration::from_secs(15),
    frame: UNTAKEN_MAX,
    write: UNTAKEN_MAX,
};

/// How the messages of a link travel beyond their encoding. Left out, they travel as they are.
#[derive(Default)]
pub struct Coding {
    /// Compresses what is sent, where the other end expects that.
    pub squeezer: Option<Squeezer>,
    /// Expands what comes, where the other end was told that this is possible.
    pub expander: Option<Expander>,
    /// Of an outgoing link.
    pub outflow: Option<Arc<Outflow>>,
}

/// A message on its way out.
struct Outgoing {
    kind: u16,
    compressed: bool,
    body: Vec<u8>,
}

impl Coding {
    /// Compresses on the thread of the session, where it takes no time from other links.
    fn outgoing(&mut self, message: &Message) -> Outgoing {
        let (kind, body) = (message.kind(), message.encode());
        if let Some(outflow) = &self.outflow {
            outflow.count_raw(body.len());
        }
        let object = if let Message::Data { oid, .. } = message { Some(oid.0) } else { None };
        let wanted = self.outflow.as_ref().is_none_or(|outflow| outflow.compresses());
        let squeezed = self.squeezer.as_mut().filter(|_| wanted).and_then(|squeezer| squeezer.squeeze(object, &body));
        Outgoing { kind, compressed: squeezed.is_some(), body: squeezed.unwrap_or(body) }
    }

    fn incoming(&mut self, frame: Frame) -> Result<Message, PeerError> {
        let undecodable = |e: &dyn std::fmt::Display| PeerError::Failed(format!("undecodable message: {e}"));
        let body = match &mut self.expander {
            Some(expander) if frame.compressed => expander.expand(&frame.payload).map_err(|e| undecodable(&e))?,
            _ => frame.payload,
        };
        Message::decode(frame.kind, &body).map_err(|e| undecodable(&e))
    }
}

/// A session's view of a link.
pub struct FramePeer {
    runtime: Handle,
    coding: Coding,
    out: mpsc::Sender<Outgoing>,
    inbox: mpsc::Receiver<Frame>,
    problem: Arc<OnceLock<String>>,
}

impl FramePeer {
    fn lost(&self) -> PeerError {
        self.problem.get().map_or(PeerError::Ended, |why| PeerError::Failed(why.clone()))
    }
}

/// For session threads only: both calls block.
impl Peer for FramePeer {
    fn send(&mut self, message: Message) -> Result<(), PeerError> {
        self.out.blocking_send(self.coding.outgoing(&message)).map_err(|_| self.lost())
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<Message>, PeerError> {
        // A timer, even of no time at all, costs a millisecond, and a look is taken before each message that is sent.
        let frame = match self.inbox.try_recv() {
            Ok(frame) => Some(frame),
            Err(TryRecvError::Disconnected) => return Err(self.lost()),
            Err(TryRecvError::Empty) if wait.is_zero() => return Ok(None),
            Err(TryRecvError::Empty) => {
                let inbox = &mut self.inbox;
                match self.runtime.block_on(async { timeout(wait, inbox.recv()).await }) {
                    Err(_) => return Ok(None),
                    Ok(frame) => frame,
                }
            }
        };
        let frame = frame.ok_or_else(|| self.lost())?;
        self.coding.incoming(frame).map(Some)
    }
}

/// The two tasks of a link. Dropping them cuts it.
pub struct Pump {
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Pump {
    /// Starts carrying frames between the connection and the returned peer.
    pub fn start<R, W>(reader: FrameReader<R>, writer: FrameWriter<W>, coding: Coding) -> (FramePeer, Self)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        Self::start_at(PACE, reader, writer, coding)
    }

    fn start_at<R, W>(pace: Pace, reader: FrameReader<R>, writer: FrameWriter<W>, coding: Coding) -> (FramePeer, Self)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (out, outgoing) = mpsc::channel(FRAMES_WAITING_MAX);
        let (mut outgoing, (incoming, inbox)) = (outgoing, mpsc::channel(FRAMES_WAITING_MAX));
        let problem = Arc::new(OnceLock::new());
        let (read_problem, write_problem) = (Arc::clone(&problem), Arc::clone(&problem));
        let gone = CancellationToken::new();
        let found_gone = gone.clone();
        let reader = tokio::spawn(async move {
            // The session is woken by the end of the channel: why has to be there before.
            if let Err(why) = read_all(pace, reader, &incoming).await {
                let _ = read_problem.set(why);
                found_gone.cancel();
            }
            drop(incoming);
        });
        let writer = tokio::spawn(async move {
            // Nobody takes what is sent to a peer that has gone: a session must not wait for that.
            let written = gone.run_until_cancelled(write_all(pace, writer, &mut outgoing)).await;
            if let Some(Err(why)) = written {
                let _ = write_problem.set(why);
            }
            drop(outgoing);
        });
        (FramePeer { runtime: Handle::current(), coding, out, inbox, problem }, Self { reader, writer })
    }

    /// Cuts the link at once; a session that waits in it gets an error.
    pub fn cut(&self) {
        self.reader.abort();
        self.writer.abort();
    }

    /// To be called when the session has dropped its peer: sends what is left, closes this half, and waits a moment
    /// for the other end, so that its last message is not destroyed by closing under it.
    pub async fn finish(mut self) {
        if timeout(CLOSE_DEADLINE, &mut self.writer).await.is_ok() {
            let _ = timeout(LINGER, &mut self.reader).await;
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.cut();
    }
}

async fn read_all<R: AsyncRead + Unpin>(
    pace: Pace,
    mut reader: FrameReader<R>,
    incoming: &mpsc::Sender<Frame>,
) -> Result<(), String> {
    loop {
        let frame = match timeout(pace.frame, reader.read_within(Some(pace.idle))).await {
            Err(_) => return Err(format!("a frame was not complete after {:?}", pace.frame)),
            Ok(Err(FrameError::Ended)) => return Ok(()),
            Ok(Err(e)) => return Err(crate::text::chain(&e)),
            Ok(Ok(frame)) => frame,
        };
        match frame.kind {
            TYPE_KEEP_ALIVE => {}
            // When the session is over, what still comes is read and dropped until the other end closes.
            TYPE_DATA_FIRST.. => drop(incoming.send(frame).await),
            other => return Err(format!("a frame of type {other:#06x} has no place in a stream")),
        }
    }
}

async fn write_all<W: AsyncWrite + Unpin>(
    pace: Pace,
    mut writer: FrameWriter<W>,
    outgoing: &mut mpsc::Receiver<Outgoing>,
) -> Result<(), String> {
    loop {
        match timeout(pace.keep_alive_every, outgoing.recv()).await {
            Err(_) => taken(pace, writer.write(TYPE_KEEP_ALIVE, &[])).await?,
            Ok(None) => return taken(pace, writer.shutdown()).await,
            Ok(Some(message)) => taken(pace, write(&mut writer, &message)).await?,
        }
        while let Ok(message) = outgoing.try_recv() {
            taken(pace, write(&mut writer, &message)).await?;
        }
        taken(pace, writer.flush()).await?;
    }
}

async fn write<W: AsyncWrite + Unpin>(writer: &mut FrameWriter<W>, message: &Outgoing) -> Result<(), FrameError> {
    match message.compressed {
        true => writer.write_compressed(message.kind, &message.body).await,
        false => writer.write(message.kind, &message.body).await,
    }
}

/// Waits until the peer has taken one thing. Each has the whole time to itself: a link is never too busy.
async fn taken(pace: Pace, thing: impl Future<Output = Result<(), FrameError>>) -> Result<(), String> {
    match timeout(pace.write, thing).await {
        Err(_) => Err(format!("the peer took nothing for {:?}", pace.write)),
        Ok(done) => done.map_err(|e| crate::text::chain(&e)),
    }
}

#[cfg(test)]
mod tests;
