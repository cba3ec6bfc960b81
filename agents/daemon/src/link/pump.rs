//! Carries frames between an encrypted connection and a blocking session.
//!
//! Both ways go through a bounded channel: a session that does not take makes the reader stop reading, and a peer that
//! does not read makes the session wait in `send`. Keep-alive frames make a healthy link never silent, so that silence
//! means the peer is gone.

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
use wire::frame::{Frame, FrameError, FrameReader, FrameWriter, TYPE_DATA_FIRST};

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
    /// See `UNTAKEN_MAX`.
    write: Duration,
}

const PACE: Pace = Pace { keep_alive_every: Duration::from_secs(2), idle: Duration::from_secs(15), write: UNTAKEN_MAX };

/// A session's view of a link.
pub struct FramePeer {
    runtime: Handle,
    out: mpsc::Sender<(u16, Vec<u8>)>,
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
        self.out.blocking_send((message.kind(), message.encode())).map_err(|_| self.lost())
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
        let message = Message::decode(frame.kind, &frame.payload);
        message.map(Some).map_err(|e| PeerError::Failed(format!("undecodable message: {e}")))
    }
}

/// The two tasks of a link. Dropping them cuts it.
pub struct Pump {
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Pump {
    /// Starts carrying frames between the connection and the returned peer.
    pub fn start<R, W>(reader: FrameReader<R>, writer: FrameWriter<W>) -> (FramePeer, Self)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        Self::start_at(PACE, reader, writer)
    }

    fn start_at<R, W>(pace: Pace, reader: FrameReader<R>, writer: FrameWriter<W>) -> (FramePeer, Self)
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
        (FramePeer { runtime: Handle::current(), out, inbox, problem }, Self { reader, writer })
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
        let frame = match timeout(pace.idle, reader.read()).await {
            Err(_) => return Err(format!("nothing came from the peer for {:?}", pace.idle)),
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
    outgoing: &mut mpsc::Receiver<(u16, Vec<u8>)>,
) -> Result<(), String> {
    loop {
        match timeout(pace.keep_alive_every, outgoing.recv()).await {
            Err(_) => taken(pace, writer.write(TYPE_KEEP_ALIVE, &[])).await?,
            Ok(None) => return taken(pace, writer.shutdown()).await,
            Ok(Some((kind, body))) => taken(pace, writer.write(kind, &body)).await?,
        }
        while let Ok((kind, body)) = outgoing.try_recv() {
            taken(pace, writer.write(kind, &body)).await?;
        }
        taken(pace, writer.flush()).await?;
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
mod tests {
    use super::*;
    use model::Mark;
    use tokio::io::{DuplexStream, ReadHalf, WriteHalf};

    type Halves = (FrameReader<ReadHalf<DuplexStream>>, FrameWriter<WriteHalf<DuplexStream>>);

    fn framed(stream: DuplexStream) -> Halves {
        let (read, write) = tokio::io::split(stream);
        (FrameReader::new(read, 1 << 20), FrameWriter::new(write))
    }

    fn heartbeat(at: u64) -> Message {
        Message::Heartbeat { at, mark: Mark::default() }
    }

    #[tokio::test]
    async fn messages_arrive_in_order_and_the_end_is_seen_after_them() {
        let (left, right) = tokio::io::duplex(1000);
        let ((lr, lw), (rr, rw)) = (framed(left), framed(right));
        let ((mut a, pump_a), (mut b, pump_b)) = (Pump::start(lr, lw), Pump::start(rr, rw));
        let sending = tokio::task::spawn_blocking(move || (0..500).for_each(|n| a.send(heartbeat(n)).unwrap()));
        let receiving = tokio::task::spawn_blocking(move || {
            for n in 0..500 {
                assert_eq!(b.receive(Duration::from_secs(10)).unwrap(), Some(heartbeat(n)));
            }
            assert_eq!(b.receive(Duration::from_secs(10)), Err(PeerError::Ended));
        });
        sending.await.unwrap();
        tokio::join!(pump_a.finish(), async { receiving.await.unwrap() });
        pump_b.finish().await;
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_makes_the_session_wait_and_cutting_frees_it() {
        let (left, _right) = tokio::io::duplex(100);
        let (reader, writer) = framed(left);
        let (mut peer, pump) = Pump::start(reader, writer);
        let (sent, mut count) = mpsc::channel(1000);
        let session = tokio::task::spawn_blocking(move || {
            for n in 0.. {
                if let Err(e) = peer.send(heartbeat(n)) {
                    return e;
                }
                sent.blocking_send(n).unwrap();
            }
            unreachable!()
        });
        let mut last = 0;
        while let Ok(Some(n)) = timeout(Duration::from_millis(300), count.recv()).await {
            last = n;
        }
        assert!(last as usize <= FRAMES_WAITING_MAX + 4, "{last} messages were buffered");
        pump.cut();
        assert_eq!(session.await.unwrap(), PeerError::Ended);
    }

    const QUICK: Pace = Pace {
        keep_alive_every: Duration::from_millis(20),
        idle: Duration::from_millis(400),
        write: Duration::from_millis(400),
    };

    #[tokio::test]
    async fn silence_ends_a_link_and_keep_alives_prevent_it() {
        let (left, right) = tokio::io::duplex(1000);
        let (reader, writer) = framed(left);
        let (mut peer, mut pump) = Pump::start_at(QUICK, reader, writer);
        let (mut other, mut other_writer) = framed(right);
        // Twice the idle time of keep-alives both ways: the link stands.
        for _ in 0..40 {
            assert_eq!(other.read().await.unwrap().kind, TYPE_KEEP_ALIVE);
            other_writer.write(TYPE_KEEP_ALIVE, &[]).await.unwrap();
            other_writer.flush().await.unwrap();
        }
        assert!(!pump.reader.is_finished());
        (&mut pump.reader).await.unwrap();
        let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(10))).await.unwrap();
        assert!(matches!(&got, Err(PeerError::Failed(why)) if why.contains("nothing came")), "{got:?}");
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_given_up() {
        let (left, _right) = tokio::io::duplex(100);
        let (reader, writer) = framed(left);
        let pace = Pace { idle: Duration::from_secs(60), ..QUICK };
        let (mut peer, _pump) = Pump::start_at(pace, reader, writer);
        let session = move || (0..).find_map(|n| peer.send(heartbeat(n)).err()).unwrap();
        let got = tokio::task::spawn_blocking(session).await.unwrap();
        assert!(matches!(&got, PeerError::Failed(why) if why.contains("took nothing")), "{got:?}");
    }

    #[tokio::test]
    async fn a_session_that_waits_to_send_is_freed_when_the_peer_falls_silent() {
        let (left, _right) = tokio::io::duplex(100);
        let (reader, writer) = framed(left);
        let pace = Pace { write: UNTAKEN_MAX, ..QUICK };
        let (mut peer, _pump) = Pump::start_at(pace, reader, writer);
        let session = move || (0..).find_map(|n| peer.send(heartbeat(n)).err()).unwrap();
        let freed = timeout(Duration::from_secs(60), tokio::task::spawn_blocking(session)).await;
        let got = freed.expect("it waits for as long as a busy peer may take").unwrap();
        assert!(matches!(&got, PeerError::Failed(why) if why.contains("nothing came")), "{got:?}");
    }

    #[tokio::test]
    async fn a_peer_that_reads_slowly_and_steadily_keeps_the_link() {
        let (left, right) = tokio::io::duplex(100);
        let ((_, writer), (mut other, _other_writer)) = (framed(left), framed(right));
        let pace = Pace { write: Duration::from_secs(2), ..QUICK };
        let (out, mut outgoing) = mpsc::channel(FRAMES_WAITING_MAX);
        for _ in 0..FRAMES_WAITING_MAX {
            out.try_send((TYPE_DATA_FIRST, vec![7; 1000])).unwrap();
        }
        drop(out);
        let writing = tokio::spawn(async move { write_all(pace, writer, &mut outgoing).await });
        // All of them together take longer than the pace, each of them a tenth of it.
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        for frame in 0..FRAMES_WAITING_MAX {
            ticks.tick().await;
            let read = timeout(Duration::from_secs(60), other.read()).await.unwrap();
            assert_eq!(read.map(|frame| frame.payload.len()).map_err(|e| e.to_string()), Ok(1000), "frame {frame}");
        }
        assert_eq!(writing.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn frames_of_other_kinds_end_the_link() {
        let (left, right) = tokio::io::duplex(1000);
        let (reader, writer) = framed(left);
        let (mut peer, _pump) = Pump::start(reader, writer);
        let (_other, mut other_writer) = framed(right);
        other_writer.write(wire::frame::TYPE_CONTROL, b"{}").await.unwrap();
        other_writer.flush().await.unwrap();
        let got = tokio::task::spawn_blocking(move || peer.receive(Duration::from_secs(10))).await.unwrap();
        assert!(matches!(got, Err(PeerError::Failed(_))), "{got:?}");
    }
}
