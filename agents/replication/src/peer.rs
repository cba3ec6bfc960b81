//! The other end of a stream, as the sessions see it: something that takes and gives messages in order.

use crate::message::Message;
use std::time::Duration;

/// Why the other end cannot be reached any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    #[error("the connection to the peer ended")]
    Ended,
    #[error("the connection to the peer failed: {0}")]
    Failed(String),
    #[error("this session was stopped")]
    Stopped,
}

/// An ordered, reliable, bounded connection. `send` blocks while the peer does not take: that is the back-pressure.
///
/// Implemented by the agent over TLS frames, and by a pair of channels in tests.
pub trait Peer: Send {
    fn send(&mut self, message: Message) -> Result<(), PeerError>;

    /// The next message, or `None` when none came within `wait`.
    fn receive(&mut self, wait: Duration) -> Result<Option<Message>, PeerError>;
}

/// Two ends that are connected to each other in this process, each holding at most `capacity` unread messages.
pub fn pair(capacity: usize) -> (LocalPeer, LocalPeer) {
    let (to_b, from_a) = std::sync::mpsc::sync_channel(capacity);
    let (to_a, from_b) = std::sync::mpsc::sync_channel(capacity);
    (LocalPeer { out: to_b, inbox: from_b }, LocalPeer { out: to_a, inbox: from_a })
}

/// One end of `pair`. Messages pass through their encoding, so that tests over it test that too.
pub struct LocalPeer {
    out: std::sync::mpsc::SyncSender<(u16, Vec<u8>)>,
    inbox: std::sync::mpsc::Receiver<(u16, Vec<u8>)>,
}

impl Peer for LocalPeer {
    fn send(&mut self, message: Message) -> Result<(), PeerError> {
        self.out.send((message.kind(), message.encode())).map_err(|_| PeerError::Ended)
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<Message>, PeerError> {
        use std::sync::mpsc::RecvTimeoutError;
        match self.inbox.recv_timeout(wait) {
            Ok((kind, body)) => Message::decode(kind, &body).map(Some).map_err(|e| PeerError::Failed(e.to_string())),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(PeerError::Ended),
        }
    }
}
