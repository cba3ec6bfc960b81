//! Why a session of a stream ended.

use crate::{peer::PeerError, root::Halt};

/// Why a session ended before it was stopped. The agent opens a new one after a while.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The peer broke the rules; nothing of the batch in question was placed.
    #[error("the peer broke the protocol: {0}")]
    Protocol(String),
    /// The peer said why it ended the session.
    #[error("the peer ended the session: {0}")]
    Refused(String),
    #[error("root is halted: {0}")]
    Halted(#[from] Halt),
    /// The target is not what its map says; it is synchronized again by the next session.
    #[error("the target was changed by hand: {0}")]
    Drifted(String),
    #[error("{what} failed")]
    Io { what: String, source: std::io::Error },
    #[error("the state on disk cannot be used")]
    Store(#[from] rusqlite::Error),
    #[error("the session was stopped")]
    Stopped,
}

impl SessionError {
    /// Names what was tried when `source` came back; for `map_err`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Whether a file system of this host has no room left.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)),
            Self::Store(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            _ => false,
        }
    }
}
