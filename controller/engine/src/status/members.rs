//! One row for each member.

use super::Scene;
use crate::{compose::upstream, settings::Place, text};
use model::{
    AssignmentStatus, Role,
    agent_status::{Capture, LinkState, OutStatus, RootState, RootStatus, TargetState, Weight},
    elements::preserve::Specials,
    view::{MemberView, NotKept},
};

impl Scene<'_> {
    pub(super) fn members(&self) -> Vec<MemberView> {
        self.settings.places().iter().map(|place| self.member(place)).collect()
    }

    fn member(&self, place: &Place) -> MemberView {
        let role = self.ledger.role(&place.member);
        let report = self.fresh(place);
        let source = report.and_then(|report| report.source.as_ref());
        let target = report.and_then(|report| report.target.as_ref()).filter(|_| role != Role::Active);
        let inward = self.inward(place);
        let known = self.ledger.members.get(&place.member);
        MemberView {
            name: place.member.clone(),
            host: place.host.clone(),
            role,
            connected: self.observed.connected(&place.host),
            last_seen: self.observed.hosts.get(&place.host).map(|report| report.last_seen),
            stream: self.stream_text(place, report, inward),
            lag: target.and_then(|target| target.lag),
            synced: target.and_then(|target| target.synced),
            unsent_bytes: inward.and_then(|stream| stream.unsent_bytes),
            bandwidth: inward.and_then(|stream| stream.bandwidth.clone()),
            sent: inward.and_then(|stream| stream.sent),
            spool_bytes: source.map(|source| source.spool_bytes),
            spool_limit: source.map(|source| source.spool_limit),
            files: total(report, |root| root.files),
            bytes: total(report, |root| root.bytes),
            capture: report.and_then(capture),
            progress: inward.and_then(|stream| stream.progress.clone()),
            set_aside: target.and_then(|target| target.set_aside.clone()).filter(|aside| aside.entries > 0),
            diverged: known.and_then(|known| known.divergence).is_some_and(|divergence| !divergence.drained),
            not_kept: report.map(|report| self.not_kept(place, report)).unwrap_or_default(),
        }
    }

    /// What is left out because of its kind, and what the member's file systems cannot hold where that is accepted, or
    /// its agent may not do. What halts a root is told as that.
    fn not_kept(&self, place: &Place, report: &AssignmentStatus) -> Vec<NotKept> {
        let accepted = |root: &RootStatus, what: &str| {
            let roots = self.settings.spec.roots_of(&place.member);
            let own = roots.into_iter().find(|own| own.name == root.name);
            own.is_some_and(|own| own.lossy.iter().any(|loss| loss.as_str() == what))
        };
        let mut found = Vec::new();
        for root in &report.roots {
            if root.skipped > 0 {
                let what = text::count(root.skipped, "entry", "entries");
                let why = match self.settings.spec.replication.specials {
                    Specials::Skip => "sockets, fifos and device nodes are left out",
                    Specials::Replicate => "sockets are left out",
                };
                found.push(NotKept { root: root.name.clone(), what, why: why.to_owned() });
            }
            if root.linked_outside > 0 {
                let what = text::count(root.linked_outside, "hard link", "hard links");
                let why = "to names outside of what is replicated: files of their own at a copy".to_owned();
                found.push(NotKept { root: root.name.clone(), what, why });
            }
            let on = root.file_system.as_deref().unwrap_or("its file system");
            for lack in &root.lacks {
                let why = match lack.weight {
                    Weight::Rights => lack.why.clone(),
                    Weight::Harmless if accepted(root, &lack.what) => format!("accepted on {on}: {}", lack.why),
                    Weight::Harmless | Weight::Limit | Weight::Halts => continue,
                };
                found.push(NotKept { root: root.name.clone(), what: lack.what.clone(), why });
            }
        }
        found
    }

    /// What the member's source says about the stream to it.
    fn inward(&self, place: &Place) -> Option<&OutStatus> {
        let source = self.settings.place(upstream(self.ledger, &place.member)?)?;
        let streams = &self.fresh(&source)?.source.as_ref()?.streams;
        streams.iter().find(|stream| stream.target == place.member)
    }

    fn stream_text(&self, place: &Place, report: Option<&AssignmentStatus>, inward: Option<&OutStatus>) -> String {
        let halted = report.into_iter().flat_map(|report| &report.roots).find_map(|root| match &root.state {
            RootState::Halted { message, .. } => Some(format!("halted: {message}")),
            _ => None,
        });
        if let Some(halted) = halted {
            return halted;
        }
        let role = self.ledger.role(&place.member);
        let target = report.and_then(|report| report.target.as_ref());
        if self.ledger.suspended.is_some() {
            return "suspended".to_owned();
        }
        if role == Role::Active {
            return "source".to_owned();
        }
        if upstream(self.ledger, &place.member).is_none() {
            return "no stream".to_owned();
        }
        if let Some(problem) = target.and_then(|target| target.problem.as_ref()) {
            return format!("stands still: {problem}");
        }
        match inward.map(|stream| (stream.state, stream.problem.as_deref())) {
            None => "unknown".to_owned(),
            Some((LinkState::Down, problem)) => format!("link down: {}", problem.unwrap_or("no reason known")),
            Some((LinkState::Following, _)) if target.is_some_and(|t| t.state == TargetState::Synced) => {
                "following".to_owned()
            }
            Some((LinkState::Connected, _)) => "connected".to_owned(),
            Some(_) => "synchronizing".to_owned(),
        }
    }
}

fn total(
    report: Option<&AssignmentStatus>,
    amount: fn(&model::agent_status::RootStatus) -> Option<u64>,
) -> Option<u64> {
    report?.roots.iter().map(amount).sum()
}

fn capture(report: &AssignmentStatus) -> Option<String> {
    // The one that is noticed worst speaks for all.
    let kinds = [Capture::Poll, Capture::Inotify, Capture::FanotifyDirs, Capture::Fanotify];
    let root = kinds.iter().find_map(|kind| report.roots.iter().find(|root| root.capture == Some(*kind)))?;
    let word = match root.capture? {
        Capture::Fanotify => "fanotify",
        Capture::FanotifyDirs => "fanotify, directory by directory",
        Capture::Inotify => "inotify",
        Capture::Poll => "poll",
    };
    Some(root.capture_reason.as_ref().map_or_else(|| word.to_owned(), |reason| format!("{word} ({reason})")))
}
