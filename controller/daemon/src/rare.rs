//! Events that others can cause at will, so that nobody fills the log with them.

use crate::sessions::Bucket;
use model::{HostName, view::EventView};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How many of one kind about one host are kept.
const EACH: Bucket = Bucket::new(30, Duration::from_secs(60));

/// One bucket for each kind and host: noise of one kind silences no other, and one host's none of another's. There are
/// no more of them than kinds and certified hosts.
#[derive(Debug, Default)]
pub struct RareEvents(Mutex<BTreeMap<(String, Option<HostName>), Bucket>>);

impl RareEvents {
    /// Tells whether an event may be recorded. Answers false when there were too many of its kind lately.
    pub fn take(&self, event: &EventView) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.entry((event.kind.clone(), event.host.clone())).or_insert(EACH).take(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_one_kind_or_host_silences_no_other() {
        let rare = RareEvents::default();
        let about = |kind: &str, host: Option<&str>| EventView {
            kind: kind.to_owned(),
            host: host.map(HostName::from),
            ..EventView::default()
        };
        let kept = |kind, host| (0..100).filter(|_| rare.take(&about(kind, host))).count();
        assert_eq!(kept("TokenRefused", None), 30);
        assert_eq!(kept("AgentRefused", Some("mx1")), 30);
        assert!(rare.take(&about("DuplicateAgent", Some("mx1"))));
        assert!(rare.take(&about("AgentRefused", Some("mx2"))));
        assert!(!rare.take(&about("TokenRefused", None)));
    }
}
