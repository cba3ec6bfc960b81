//! What a step may see: reports made on its order or later, by hosts that are connected. All else is unknown.

use super::{Asking, Progress};
use crate::{
    settings::{Observed, Place},
    text,
};
use model::{
    AssignmentStatus, ErrandOutcome, ErrandResult, HostName, Ledger, Mark, MemberName, ScenarioName,
    agent_status::{ServiceState, TargetState, TargetStatus},
};

/// The ledger and the reports, as one step may see them.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    pub scenario: &'a ScenarioName,
    pub ledger: &'a Ledger,
    pub observed: &'a Observed,
}

impl<'a> Sight<'a> {
    /// What `host` reports about the order of `cx`, or why that is unknown.
    pub fn report(&self, cx: &Asking, host: &HostName) -> Result<&'a AssignmentStatus, Progress> {
        let unknown = |why: String| Err(Progress::Waiting(why));
        if !self.observed.connected(host) {
            return unknown(self.observed.silence(host));
        }
        if self.observed.hosts.get(host).is_some_and(|report| !report.status.confirmed) {
            return unknown(format!("{host} has booted and waits for its part"));
        }
        match self.observed.last(self.scenario, host) {
            None => unknown(format!("{host} has not reported on this scenario")),
            Some(report) if report.ledger_revision < cx.since => match &report.problem {
                Some(problem) => unknown(format!("{host} has not taken up the order: {problem}")),
                None => unknown(format!("{host} has not taken up the order")),
            },
            Some(report) => Ok(report),
        }
    }

    /// How the errand of `cx` ended on `host`.
    pub fn errand(&self, cx: &Asking, host: &HostName) -> Result<&'a ErrandResult, Progress> {
        match self.report(cx, host)?.errands.get(&cx.errand()) {
            None => Err(Progress::Waiting(format!("{host} has not begun"))),
            Some(ErrandOutcome::Running { progress }) if progress.is_empty() => {
                Err(Progress::Waiting(format!("{host} is at it")))
            }
            Some(ErrandOutcome::Running { progress }) => Err(Progress::Waiting(format!("{host}: {progress}"))),
            Some(ErrandOutcome::Done(result)) => Ok(result),
            Some(ErrandOutcome::Failed { message }) => Err(Progress::Impossible(format!("{host}: {message}"))),
            Some(ErrandOutcome::Interrupted { message }) => Err(Progress::Again(format!("{host}: {message}"))),
        }
    }

    /// The target's own word on what is durable there: a synchronized target that follows `source`.
    pub fn synced_target(
        &self,
        cx: &Asking,
        source: &MemberName,
        to: &Place,
    ) -> Result<(&'a TargetStatus, Mark), Progress> {
        let waiting = |why: String| Progress::Waiting(why);
        let target = self.report(cx, &to.host)?.target.as_ref();
        let target = target.filter(|target| target.source == *source);
        let target = target.ok_or_else(|| waiting(format!("{} does not follow {source} yet", to.called())))?;
        if let Some(problem) = &target.problem {
            return Err(waiting(format!("{} stands still: {problem}", to.called())));
        }
        match (target.state, target.synced) {
            (TargetState::Synced, Some(mark)) => Ok((target, mark)),
            _ => Err(waiting(format!("{} is being synchronized", to.called()))),
        }
    }

    /// Waits until `to` holds everything up to `mark`.
    pub fn drained(&self, cx: &Asking, from: &Place, to: &Place, mark: Mark) -> Result<Mark, Progress> {
        let (target, synced) = self.synced_target(cx, &from.member, to)?;
        let source = self.report(cx, &from.host)?.source.as_ref();
        // Marks of another lineage count other batches.
        if source.is_none_or(|source| target.lineage.as_deref() != Some(source.lineage.as_str())) {
            return Err(Progress::Waiting(format!("{} still holds an older lineage", to.called())));
        }
        if synced >= mark {
            return Ok(mark);
        }
        let unsent = source.and_then(|source| source.streams.iter().find(|stream| stream.target == to.member));
        Err(Progress::Waiting(match unsent.and_then(|stream| stream.unsent_bytes) {
            Some(left) if left > 0 => format!("{} still to send to {}", text::bytes(left), to.called()),
            _ => format!("{} has changes up to {synced}, needs {mark}", to.called()),
        }))
    }

    /// Waits until every one of `services` on `host` is `wanted`.
    pub fn services(
        &self,
        cx: &Asking,
        host: &HostName,
        services: &[String],
        wanted: ServiceState,
    ) -> Result<(), Progress> {
        let report = self.report(cx, host)?;
        let mut waiting = Vec::new();
        for name in services {
            let status = report.services.iter().find(|status| status.name == *name);
            let (state, message) = status.map_or((ServiceState::Unknown, ""), |s| (s.state, s.message.as_str()));
            let tail = if message.is_empty() { String::new() } else { format!(": {message}") };
            match state {
                state if state == wanted => {}
                ServiceState::Failed => return Err(Progress::Impossible(format!("{name} failed on {host}{tail}"))),
                state => waiting.push(format!("{name} is {}{tail}", word(state))),
            }
        }
        if waiting.is_empty() { Ok(()) } else { Err(Progress::Waiting(format!("{} on {host}", text::list(&waiting)))) }
    }
}

fn word(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Unknown => "not known to run or not",
        ServiceState::Running => "still running",
        ServiceState::Stopped => "still stopped",
        ServiceState::Changing => "changing",
        ServiceState::Failed => "failed",
    }
}
