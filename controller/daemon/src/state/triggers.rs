//! Triggers carry no data: they say that a scenario is to be looked at, never why.

use model::ScenarioName;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;

/// Scenarios named one by one; beyond this all of them are looked at.
const NAMED_MAX: usize = 1024;

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triggered {
    All,
    These(BTreeSet<ScenarioName>),
}

/// The set of what is to be looked at; a second trigger for the same scenario is the same trigger.
#[derive(Debug)]
pub struct Triggers {
    pending: Mutex<Triggered>,
    notify: Notify,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { pending: Mutex::new(Triggered::These(BTreeSet::new())), notify: Notify::new() }
    }
}

impl Triggers {
    pub fn all(&self) {
        *self.hold() = Triggered::All;
        self.notify.notify_one();
    }

    pub fn scenario(&self, scenario: ScenarioName) {
        let mut pending = self.hold();
        if let Triggered::These(names) = &mut *pending {
            names.insert(scenario);
            if names.len() > NAMED_MAX {
                *pending = Triggered::All;
            }
        }
        drop(pending);
        self.notify.notify_one();
    }

    /// Waits for triggers and takes them all. Safe to cancel: nothing is taken before it returns.
    pub async fn take(&self) -> Triggered {
        loop {
            let taken = std::mem::replace(&mut *self.hold(), Triggered::These(BTreeSet::new()));
            if taken != Triggered::These(BTreeSet::new()) {
                return taken;
            }
            self.notify.notified().await;
        }
    }

    fn hold(&self) -> std::sync::MutexGuard<'_, Triggered> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
