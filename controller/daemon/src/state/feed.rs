//! Changes, as watchers see them.

use model::Timestamp;
use std::{sync::Arc, time::SystemTime};
use tokio::sync::broadcast;
use wire::api::WatchEvent;

/// Changes a slow watcher may be behind before it has to list again.
const BACKLOG: usize = 1024;

/// The wall clock, as a label for people.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Every change of what the controller shows.
#[derive(Debug)]
pub struct Feed {
    sender: broadcast::Sender<Arc<WatchEvent>>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }
}

impl Feed {
    pub fn send(&self, change: WatchEvent) {
        // An error means that nobody watches.
        let _ = self.sender.send(Arc::new(change));
    }

    pub fn watch(&self) -> broadcast::Receiver<Arc<WatchEvent>> {
        self.sender.subscribe()
    }
}
