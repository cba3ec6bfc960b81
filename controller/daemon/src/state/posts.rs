//! The newest spec of each host, for whoever carries it there.

use model::{AgentSpec, HostName};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;

/// One slot for each host; a newer spec replaces one that was not sent yet.
#[derive(Debug, Default)]
pub struct Posts {
    slots: Mutex<BTreeMap<HostName, watch::Sender<Option<AgentSpec>>>>,
}

impl Posts {
    /// Publishes a spec that is stored already.
    pub fn publish(&self, spec: AgentSpec) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(spec.host.clone()).or_insert_with(|| watch::channel(None).0).send_replace(Some(spec));
    }

    /// The slot of a host; empty until something was published for it.
    pub fn subscribe(&self, host: &HostName) -> watch::Receiver<Option<AgentSpec>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(host.clone()).or_insert_with(|| watch::channel(None).0).subscribe()
    }
}
