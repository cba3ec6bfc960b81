//! The Unix socket: who is at its other end, and how many.

use super::{accounts::Peer, gate::Origin, quiet::Quiet};
use axum::{extract::connect_info::Connected, serve::IncomingStream};
use rustix::fs::{Gid, Mode, chmod, chown};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

/// Connections at the same time; more wait.
const CONNECTIONS_MAX: usize = 256;

/// Pause after a failed accept, as when descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The bound socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    places: Arc<Semaphore>,
}

impl Socket {
    /// Binds with mode 0660 and, where there is one, the group that may administer. A socket file that nobody
    /// answers on is replaced; one that answers is another controller's and is an error.
    pub fn bind(path: &Path, group: Option<u32>) -> io::Result<Self> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers on the socket"));
        }
        // Bound under another name and moved into place, so that nobody meets it with wider permissions.
        // A short one: the length of a socket's path is limited to 107 bytes.
        let fresh = path.with_file_name(format!(".s{}", std::process::id()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh)?;
        let ready = chmod(&fresh, Mode::from_raw_mode(0o660)).map_err(io::Error::from);
        if let Some(gid) = group {
            // Only root and members of the group may give it away; without it the socket is the owner's alone.
            let _ = chown(&fresh, None, Some(Gid::from_raw(gid)));
        }
        if let Err(error) = ready.and_then(|()| std::fs::rename(&fresh, path)) {
            let _ = std::fs::remove_file(&fresh);
            return Err(error);
        }
        Ok(Self { listener, path: path.to_owned(), places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl axum::serve::Listener for Socket {
    type Io = Quiet<UnixStream, OwnedSemaphorePermit>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let accepted = self.listener.accept().await.and_then(|(stream, _)| Ok((stream.peer_cred()?, stream)));
            match accepted {
                Ok((credentials, stream)) => {
                    let peer = Peer { uid: credentials.uid(), gid: credentials.gid() };
                    return (Quiet::new(stream, place), peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "a local connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() })
    }
}

impl Connected<IncomingStream<'_, Socket>> for Origin {
    fn connect_info(stream: IncomingStream<'_, Socket>) -> Self {
        Origin::Socket(*stream.remote_addr())
    }
}
