//! What a part says of itself.

use super::{
    actor::{Part, State},
    side::{Shape, Side, SourceShape, TargetShape},
};
use crate::agent::lock;
use model::{
    AssignmentStatus, Role,
    agent_status::{
        HaltReason, OutStatus, RootState, RootStatus, ServiceState, ServiceStatus, SourceStatus, TargetStatus,
    },
    elements::roots::Root,
};
use replication::source::SourceReport;

impl Part {
    /// Everything this part sees now. Locks of the replication crate may be waited for: not for the loop of a runtime.
    pub fn status(&self) -> AssignmentStatus {
        let services = self.services();
        let checks = self.checks.borrow().clone();
        let mut status = AssignmentStatus { checks: checks.checks, ..AssignmentStatus::default() };
        status.failing_since = checks.failing_since;
        let state = lock(&self.state);
        let given = &state.assignment;
        status.generation = given.generation;
        status.ledger_revision = given.ledger_revision;
        status.epoch = state.epoch;
        status.role = state.taken.role;
        status.problem = problem(&state, &services);
        status.errands = self.errands.outcomes(given.errands.keys());
        status.roots = given.roots.iter().map(unknown).collect();
        let (source, target) = (state.open.source().cloned(), state.open.target().map(|open| open.target.clone()));
        let links: Vec<OutStatus> = state.links.iter().map(|link| link.status()).collect();
        // What was opened for an earlier assignment says nothing about this one.
        let fits = fits(&state);
        let from = state.open.target().map(|open| open.shape.source.clone()).unwrap_or_default();
        drop(state);
        if let Some(source) = source.filter(|_| fits) {
            let report = source.report();
            status.roots = report.roots.clone();
            status.source = Some(source_status(report, links));
        }
        if let Some(target) = target.filter(|_| fits) {
            let report = target.report();
            status.roots = report.roots;
            status.target = Some(TargetStatus {
                source: from,
                state: report.state,
                lineage: report.lineage,
                synced: report.synced,
                lag: report.lag,
                set_aside: report.set_aside,
                problem: report.problem,
            });
        }
        status.services = services;
        status
    }

    /// Services as they were last seen, by the names of the assignment; what was not looked at yet is unknown.
    fn services(&self) -> Vec<ServiceStatus> {
        let seen = self.services.borrow().services.clone();
        let commands = lock(&self.state).assignment.services.commands.clone();
        let of = |name: String| {
            let known = seen.iter().find(|service| service.name == name).cloned();
            known.unwrap_or(ServiceStatus { name, ..ServiceStatus::default() })
        };
        commands.into_iter().map(|command| of(command.name)).collect()
    }
}

/// Why a root holds nothing that a service could work with.
pub(super) fn without_data(root: &RootStatus) -> Option<String> {
    match &root.state {
        // What is left of a root that was changed is what a service has anyhow.
        RootState::Halted { reason: HaltReason::ReservedName | HaltReason::MassChange, .. }
        | RootState::Ready
        | RootState::Unknown => None,
        RootState::Halted { message, .. } => Some(format!("root {} is halted: {message}", root.name)),
    }
}

fn fits(state: &State) -> bool {
    let given = &state.assignment;
    match &state.open.side {
        Side::Nothing => false,
        Side::Source(_) => state.open.fits(&Shape::Source(SourceShape::of(given))),
        Side::Target(_) => TargetShape::of(given).is_some_and(|shape| state.open.fits(&Shape::Target(shape))),
    }
}

fn problem(state: &State, services: &[ServiceStatus]) -> Option<String> {
    let stale = state.situation().stale().then(|| {
        let (given, heard) = (state.assignment.epoch, state.epoch);
        format!("epoch {heard} was heard, the spec is of {given}: this host starts nothing before a newer spec")
    });
    let words: Vec<String> =
        [stale, restless(state, services), state.closed_because.clone()].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Services that keep a role from being taken, in words.
fn restless(state: &State, services: &[ServiceStatus]) -> Option<String> {
    let moves = state.situation().decide();
    if moves.role == Role::Active || state.calm || state.taken.role == moves.role {
        return None;
    }
    let not = services.iter().filter(|service| service.state != ServiceState::Stopped);
    let words: Vec<String> =
        not.map(|s| format!("service {} is not known to be stopped: {}", s.name, s.message)).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn unknown(root: &Root) -> RootStatus {
    RootStatus { name: root.name.clone(), path: root.path.clone(), ..RootStatus::default() }
}

fn source_status(report: SourceReport, mut links: Vec<OutStatus>) -> SourceStatus {
    for link in &mut links {
        if let Some(stream) = report.streams.iter().find(|stream| stream.target == link.target.0) {
            link.synced = stream.synced;
            link.unsent_bytes = stream.unsent_bytes;
        }
    }
    SourceStatus {
        lineage: report.lineage,
        scanned: report.scanned,
        last: report.last,
        spool_bytes: report.spool_bytes,
        spool_limit: report.spool_limit,
        spool: report.spool,
        streams: links,
    }
}
