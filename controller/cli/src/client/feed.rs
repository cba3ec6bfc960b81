//! A watch that connects again whenever it ends: the controller may restart, what it does goes on.

use super::{Client, trouble::Missed};
use crate::exit::{Exit, Failure};
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle};
use wire::api::WatchEvent;

/// First and longest time between two tries to connect.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Changes that may wait for the reader; more wait in the connection.
const WAITING_MAX: usize = 64;

/// What a feed tells.
pub enum Change {
    /// A new connection: what happened before it has to be asked for.
    Connected,
    Event(Box<WatchEvent>),
    /// There is no connection; said once, until there is one again.
    Lost(Failure),
    /// Trying again cannot help.
    Ended(Failure),
}

/// Changes of some objects. It reads in a task of its own, so that asking for the next change can be cancelled at any time.
pub struct Feed {
    changes: mpsc::Receiver<Change>,
    task: JoinHandle<()>,
}

impl Feed {
    /// `query` begins with `?`.
    pub fn new(client: &Client, query: String) -> Self {
        let (sender, changes) = mpsc::channel(WAITING_MAX);
        let client = client.clone();
        let task = tokio::spawn(async move {
            // An error of `send` means that nobody listens any more.
            let _ = read(client, query, sender).await;
        });
        Self { changes, task }
    }

    pub async fn next(&mut self) -> Change {
        let gone = || Change::Ended(Failure::new(Exit::NoAnswer, "the watch ended"));
        self.changes.recv().await.unwrap_or_else(gone)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(
    client: Client,
    query: String,
    sender: mpsc::Sender<Change>,
) -> Result<(), mpsc::error::SendError<Change>> {
    let (mut retry, mut lost) = (RETRY_FIRST, false);
    loop {
        match client.watch(&query).await {
            Ok(mut watch) => {
                (retry, lost) = (RETRY_FIRST, false);
                sender.send(Change::Connected).await?;
                loop {
                    match watch.next().await {
                        Ok(Some(event)) => sender.send(Change::Event(Box::new(event))).await?,
                        Ok(None) => break,
                        Err(failure) => return sender.send(Change::Ended(failure)).await,
                    }
                }
            }
            Err(Missed::Never(failure)) => return sender.send(Change::Ended(failure)).await,
            Err(Missed::Again(failure)) => {
                if !std::mem::replace(&mut lost, true) {
                    sender.send(Change::Lost(failure)).await?;
                }
            }
        }
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(RETRY_MAX);
    }
}
