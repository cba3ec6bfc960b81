//! What a target says of itself.

use super::engine::Position;
use model::agent_status::{Lag, RootState, RootStatus, SetAside, TargetState};
use model::{Mark, Timestamp};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A heartbeat older than this tells nothing any more.
const LAG_VALID: Duration = Duration::from_secs(3);
/// Most things that are not exact and are told.
const INEXACT_MAX: usize = 10;

/// How a target is.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetReport {
    pub state: TargetState,
    pub lineage: Option<String>,
    pub synced: Option<Mark>,
    /// `None` is unknown.
    pub lag: Option<Lag>,
    pub set_aside: Option<SetAside>,
    /// Why applying stands still; or else what this host could not make as it is at the source.
    pub problem: Option<String>,
    pub roots: Vec<RootStatus>,
}

/// What is kept between two reports.
#[derive(Default)]
pub(super) struct Status {
    pub position: Position,
    pub set_aside: Option<SetAside>,
    pub roots: Vec<RootStatus>,
    pub stands_still: Option<String>,
    inexact: Vec<String>,
    pub last_heartbeat: u64,
    lag: Option<(Lag, Instant)>,
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Status {
    pub fn new(roots: Vec<RootStatus>) -> Self {
        Self { roots, ..Self::default() }
    }

    /// Measures the lag by the source's clock `at`, in nanoseconds since 1970. A source whose clock is ahead has no lag
    /// below zero: that the clocks disagree shows as a lag, whichever of them is wrong.
    pub fn heartbeat(&mut self, at: u64) {
        let now = now();
        let millis = now.abs_diff(Duration::from_nanos(at)).as_millis() as u64;
        self.last_heartbeat = at;
        self.lag = Some((Lag { millis, measured_at: Timestamp(now.as_millis() as u64) }, Instant::now()));
    }

    pub fn add_inexact(&mut self, problems: Vec<String>) {
        for problem in problems {
            if self.inexact.len() < INEXACT_MAX && !self.inexact.contains(&problem) {
                self.inexact.push(problem);
            }
        }
    }

    pub fn clear_problems(&mut self) {
        self.inexact.clear();
        self.stands_still = None;
    }

    pub fn report(&self) -> TargetReport {
        let Position { lineage, synced, dirty, mixed, .. } = &self.position;
        let state = match (lineage, dirty | mixed, synced) {
            (Some(_), false, Some(_)) => TargetState::Synced,
            (Some(_), true, _) => TargetState::Synchronizing,
            _ => TargetState::NeverSynced,
        };
        let halted = self.roots.iter().find_map(|root| match &root.state {
            RootState::Halted { message, .. } => Some(message.clone()),
            _ => None,
        });
        let inexact = (!self.inexact.is_empty()).then(|| format!("not as at the source: {}", self.inexact.join("; ")));
        let fresh = self.lag.filter(|(_, measured)| measured.elapsed() <= LAG_VALID && state == TargetState::Synced);
        TargetReport {
            state,
            lineage: lineage.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
            synced: *synced,
            lag: fresh.map(|(lag, _)| lag),
            set_aside: self.set_aside.clone(),
            problem: halted.or(self.stands_still.clone()).or(inexact),
            roots: self.roots.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_disagree_never_look_like_no_lag() {
        let minutes = Duration::from_secs(600);
        for at in [now() - minutes, now() + minutes] {
            let mut status = Status::new(Vec::new());
            status.heartbeat(at.as_nanos() as u64);
            let (lag, _) = status.lag.unwrap();
            assert!((590_000..=610_000).contains(&lag.millis), "{lag:?}");
        }
    }
}
