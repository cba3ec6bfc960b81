//! Hears that something below a directory changed. A hint and no more: the set is looked at as it is then, and at
//! every interval as well.

use notify::{RecursiveMode, Watcher};
use std::{path::Path, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// After this long without another change the set is looked at.
const QUIET: Duration = Duration::from_millis(150);
/// It is looked at after this long although changes go on.
const QUIET_MAX: Duration = Duration::from_millis(600);

/// A watch of a directory, or of none.
pub struct Watch {
    changes: mpsc::Receiver<()>,
    /// Kept for its life: dropped, it watches no more.
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Watch {
    pub fn of(directory: Option<&Path>) -> Self {
        // One hint that waits is as good as many.
        let (sender, changes) = mpsc::channel(1);
        let watcher = directory.and_then(|directory| watcher(directory, sender));
        Self { changes, _watcher: watcher }
    }

    /// Returns when changes were made and have come to rest; never where nothing is watched.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        let rest = async { while let Ok(Some(())) = timeout(QUIET, self.changes.recv()).await {} };
        let _ = timeout(QUIET_MAX, rest).await;
    }
}

fn watcher(directory: &Path, sender: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let hear = move |event: notify::Result<notify::Event>| {
        // Our own reading is no change.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.try_send(());
        }
    };
    let made = notify::recommended_watcher(hear).and_then(|mut watcher| {
        watcher.watch(directory, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    made.inspect_err(|error| tracing::warn!(%error, "changes are only found at each interval")).ok()
}
