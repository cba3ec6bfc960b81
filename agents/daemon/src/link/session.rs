//! Runs a blocking session of the replication crate on a thread of its own, over one link.

use super::pump::{FramePeer, Pump};
use replication::peer::Peer;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long a session may take to end by itself once it was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The thread of a session ended without an answer: it could not be started, or it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the session thread is gone: {0}")]
pub struct ThreadGone(String);

/// Tells the thread to stop also when whoever waits for it goes away.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` to its end, and closes the link afterwards. When `stop` is cancelled, `work` is asked to end, and after
/// a moment the link is cut under it.
///
/// **Guarantees** when this returns the thread has ended, so that what it worked on may be closed.
pub async fn run<T: Send + 'static>(
    name: String,
    mut peer: FramePeer,
    pump: Pump,
    stop: &CancellationToken,
    work: impl FnOnce(&mut dyn Peer, &AtomicBool) -> T + Send + 'static,
) -> Result<T, ThreadGone> {
    let flag = StopOnDrop(Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&flag.0);
    let (done, mut result) = oneshot::channel();
    let body = move || {
        let outcome = work(&mut peer, &seen);
        drop(peer);
        let _ = done.send(outcome);
    };
    std::thread::Builder::new().name(name).spawn(body).map_err(|e| ThreadGone(e.to_string()))?;
    let ended = tokio::select! {
        ended = &mut result => Some(ended),
        () = stop.cancelled() => {
            flag.0.store(true, Ordering::Relaxed);
            timeout(STOP_GRACE, &mut result).await.ok()
        }
    };
    let ended = match ended {
        Some(ended) => {
            pump.finish().await;
            ended
        }
        None => {
            pump.cut();
            result.await
        }
    };
    ended.map_err(|_| ThreadGone("it panicked".to_owned()))
}
