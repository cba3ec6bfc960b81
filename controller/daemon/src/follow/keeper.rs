//! Looks again and again: when something was heard, when somebody asks, and at every interval.

use super::{Follow, From, look::look, record::Record, watch::Watch};
use crate::hub::{Hub, Severity, event};
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::api::{FollowState, FollowView};

/// Longest time that whoever asks for a look waits for it.
pub const ASKED_MAX: Duration = Duration::from_secs(50);

/// What others know of the keeper.
#[derive(Default)]
pub struct Followed {
    /// Set from the start where something is followed.
    expected: OnceLock<()>,
    looks: watch::Sender<Looks>,
    ask: Notify,
}

/// How many looks were begun and are over, and what the last of those found.
#[derive(Clone, Default)]
struct Looks {
    begun: u64,
    over: u64,
    found: FollowView,
}

impl Followed {
    /// Tells that looks will come.
    pub fn expect(&self) {
        let _ = self.expected.set(());
    }

    pub fn is_expected(&self) -> bool {
        self.expected.get().is_some()
    }

    /// How it stands; `None` before the first look is over, and where nothing is followed.
    pub fn view(&self) -> Option<FollowView> {
        let looks = self.looks.borrow();
        (looks.over > 0).then(|| looks.found.clone())
    }

    /// Looks now, and answers what was found; `None` when that took longer than `wait`, and goes on.
    pub async fn look_now(&self, wait: Duration) -> Option<FollowView> {
        let mut seen = self.looks.subscribe();
        // A look that is going on has perhaps read what was there before; the one after it counts.
        let begun = seen.borrow_and_update().begun;
        self.ask.notify_one();
        let found = timeout(wait, seen.wait_for(|looks| looks.over > begun)).await;
        found.ok()?.ok().map(|looks| looks.found.clone())
    }

    fn begin(&self) {
        self.looks.send_modify(|looks| looks.begun += 1);
    }

    fn end(&self, found: FollowView) {
        self.looks.send_modify(|looks| (looks.over, looks.found) = (looks.begun, found));
    }
}

/// Keeps what is stored as what is followed says, until `stop`. `state` is a private directory.
pub async fn keep(hub: Arc<Hub>, follow: Follow, state: PathBuf, stop: CancellationToken) {
    let mut record = Record::load(&state, &follow.from.name());
    let mut before: Option<FollowView> = None;
    loop {
        // Watched first, then read: a change meanwhile is heard.
        let mut watch = Watch::of(match &follow.from {
            From::Directory(path) => Some(path),
            From::Git(_) => None,
        });
        hub.followed.begin();
        let view = tokio::select! {
            view = look(&hub, &follow, &state, &mut record) => view,
            () = stop.cancelled() => return,
        };
        tell(&hub, before.as_ref(), &view).await;
        hub.followed.end(view.clone());
        before = Some(view);
        tokio::select! {
            () = stop.cancelled() => return,
            () = watch.changed() => {}
            () = hub.followed.ask.notified() => {}
            () = sleep(follow.interval) => {}
        }
    }
}

/// One event for each change of how it stands.
async fn tell(hub: &Hub, before: Option<&FollowView>, view: &FollowView) {
    let same = |before: &FollowView| {
        (before.state, &before.why, &before.facts, &before.commit) == (view.state, &view.why, &view.facts, &view.commit)
    };
    let source = &view.source;
    let at = view.commit.as_ref().map(|commit| format!(" at {}", &commit[..commit.len().min(12)])).unwrap_or_default();
    let facts = || view.facts.iter().map(|fact| format!("; {fact}")).collect::<String>();
    let told = match view.state {
        FollowState::Current if !view.changed.is_empty() => {
            event(Severity::Info, "FollowApplied", format!("{source}{at}: {}", view.changed.join("; ")))
        }
        FollowState::Current if before.is_some_and(|before| before.state != FollowState::Current) => {
            event(Severity::Info, "FollowCurrent", format!("{source}{at} is what is stored"))
        }
        FollowState::Current => return,
        _ if before.is_some_and(same) => return,
        FollowState::Refused => {
            event(Severity::Warning, "FollowRefused", format!("{source}{at} was not applied: {}{}", view.why, facts()))
        }
        FollowState::Drifted => {
            event(Severity::Warning, "FollowDrifted", format!("{source}{at}: {}{}", view.why, facts()))
        }
        FollowState::Unreadable => {
            event(Severity::Warning, "FollowUnreadable", format!("{source} cannot be read: {}{}", view.why, facts()))
        }
    };
    hub.note(told).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_asks_waits_for_a_look_that_began_after_it_and_no_longer_than_it_may() {
        let followed = Followed::default();
        assert_eq!(followed.look_now(Duration::from_millis(20)).await, None, "nobody looks");
        followed.begin();
        let (asked, ()) = tokio::join!(followed.look_now(ASKED_MAX), async {
            followed.end(FollowView { why: "before".into(), ..FollowView::default() });
            followed.begin();
            followed.end(FollowView { why: "after".into(), ..FollowView::default() });
        });
        assert_eq!(asked.unwrap().why, "after");
    }

    #[tokio::test]
    async fn whoever_asks_before_the_first_look_gets_that_one() {
        let followed = Followed::default();
        let (asked, ()) = tokio::join!(followed.look_now(ASKED_MAX), async {
            followed.begin();
            followed.end(FollowView::default());
        });
        assert!(asked.is_some());
    }
}
