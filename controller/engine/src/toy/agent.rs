//! A host of the toy world.

use model::{
    Assignment, AssignmentStatus, Direction, ErrandId, ErrandOutcome, ErrandResult, HostName, Mark, MemberName, Role,
    Timestamp,
    agent_status::{
        BandwidthStatus, HaltReason, HeldRemoval, Lag, LinkState, OutStatus, RootState, RootStatus, ServiceState,
        ServiceStatus, SetAside, SourceStatus, TargetState, TargetStatus,
    },
    errand::{Comparison, Work},
};
use std::collections::{BTreeMap, BTreeSet};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Errands end badly, except barriers.
    ErrandsFail,
    /// Barriers end badly.
    BarriersFail,
    /// Errands begin and nobody knows how they end.
    ErrandsInterrupted,
    /// Services neither start nor stop on this host.
    ServicesFail(HostName),
    /// Nobody can tell whether services run on this host.
    ServicesUnknown(HostName),
    /// The host is up and does not take up anything new.
    Deaf(HostName),
    /// The host knows its new part and does not take the role: something there will not stop.
    RoleLags(HostName),
    /// Nothing travels between hosts.
    LinkCut,
    /// The root on this host is halted.
    RootHalted(HostName),
    /// Half of what was in its roots went at once.
    MassChange(HostName),
}

/// One host: what it has taken up, what is on its disk, what it remembers.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    pub up: bool,
    pub last_seen: Timestamp,
    host: HostName,
    part: Option<Assignment>,
    /// The role it has taken, and at which epoch.
    role: Role,
    /// The order numbers on its disk: a change is a new order.
    pub orders: BTreeSet<u64>,
    pub set_aside: BTreeSet<u64>,
    pub acked: BTreeMap<MemberName, Mark>,
    lineage: String,
    target: Option<TargetStatus>,
    services: ServiceState,
    records: BTreeMap<ErrandId, ErrandOutcome>,
}

/// What a source sends in one second: everything, since toy disks are small.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub mark: Mark,
    lineage: String,
    orders: BTreeSet<u64>,
    at: Timestamp,
}

impl Agent {
    /// A host that was just switched on.
    pub fn fresh() -> Self {
        Self { up: true, ..Self::default() }
    }

    /// Everything rests until a part is taken up; the disk is as it was.
    pub(super) fn boot(&mut self) {
        self.up = true;
        self.part = None;
        self.role = Role::Standby;
        self.services = ServiceState::Stopped;
    }

    pub(super) fn take_up(&mut self, part: Assignment, host: &HostName, faults: &BTreeSet<Fault>) {
        self.host = host.clone();
        if faults.contains(&Fault::Deaf(host.clone())) {
            return;
        }
        match part.role {
            Role::Standby => self.lineage.clear(),
            Role::Active if self.lineage.is_empty() => self.lineage = format!("{}-{}", part.member, part.epoch),
            _ => {}
        }
        let follows = part.streams.iter().any(|stream| stream.direction == Direction::In);
        if !follows || part.role != Role::Standby {
            self.target = None;
        }
        let wanted = if part.serving { ServiceState::Running } else { ServiceState::Stopped };
        if self.services != wanted {
            let fails = faults.contains(&Fault::ServicesFail(host.clone()));
            self.services = if fails { ServiceState::Failed } else { wanted };
        }
        if !faults.contains(&Fault::RoleLags(host.clone())) {
            self.role = part.role;
        }
        self.part = Some(part);
    }

    fn alive(&self) -> Option<&Assignment> {
        self.part.as_ref().filter(|_| self.up)
    }

    /// Whether anything here would accept a write: the role allows it.
    pub(super) fn accepts_writes(&self) -> bool {
        self.alive().is_some() && self.role == Role::Active
    }

    pub(super) fn writes(&self) -> bool {
        self.accepts_writes() && self.services == ServiceState::Running
    }

    pub(super) fn write(&mut self, order: u64) {
        self.orders.insert(order);
    }

    fn mark(&self) -> Mark {
        let epoch = self.part.as_ref().map(|part| part.epoch).unwrap_or_default();
        Mark { epoch, batch: self.orders.len() as u64 }
    }

    pub(super) fn sends_to(&self, target: &MemberName) -> bool {
        let out = |part: &Assignment| {
            part.streams.iter().any(|stream| stream.direction == Direction::Out && stream.target == *target)
        };
        self.alive().is_some_and(out)
    }

    pub(super) fn follows(&self, source: &MemberName) -> bool {
        let inward = |part: &Assignment| {
            part.streams.iter().any(|stream| stream.direction == Direction::In && stream.source == *source)
        };
        self.alive().is_some_and(inward)
    }

    pub(super) fn packet(&self, at: Timestamp) -> Packet {
        Packet { mark: self.mark(), lineage: self.lineage.clone(), orders: self.orders.clone(), at }
    }

    pub(super) fn receive(&mut self, source: &MemberName, packet: Packet) {
        let stream = self.part.iter().flat_map(|part| &part.streams).find(|stream| stream.source == *source);
        let aside = stream.and_then(|stream| stream.set_aside);
        let lost: BTreeSet<u64> = self.orders.difference(&packet.orders).copied().collect();
        let mut set_aside = self.target.take().and_then(|target| target.set_aside);
        if let (Some(epoch), false) = (aside, lost.is_empty()) {
            let entries = lost.len() as u64;
            set_aside = Some(SetAside { epoch, entries, ..SetAside::default() });
            self.set_aside.extend(lost);
        }
        self.orders = packet.orders;
        self.target = Some(TargetStatus {
            source: source.clone(),
            state: TargetState::Synced,
            lineage: Some(packet.lineage),
            synced: Some(packet.mark),
            lag: Some(Lag { millis: 100, measured_at: packet.at }),
            set_aside,
            problem: None,
        });
    }

    pub(super) fn run_errands(&mut self, faults: &BTreeSet<Fault>) {
        if faults.contains(&Fault::Deaf(self.host.clone())) {
            return;
        }
        let errands: Vec<(ErrandId, Work)> = match self.alive() {
            Some(part) => part.errands.iter().map(|(id, work)| (id.clone(), work.clone())).collect(),
            None => return,
        };
        for (id, work) in errands {
            let outcome = self.outcome(&work, faults);
            self.records.entry(id).or_insert(outcome);
        }
    }

    fn outcome(&self, work: &Work, faults: &BTreeSet<Fault>) -> ErrandOutcome {
        let barrier = *work == Work::Barrier;
        let message = "exit status 1".to_owned();
        if faults.contains(if barrier { &Fault::BarriersFail } else { &Fault::ErrandsFail }) {
            return ErrandOutcome::Failed { message };
        }
        if faults.contains(&Fault::ErrandsInterrupted) {
            return ErrandOutcome::Interrupted { message: "the agent was stopped in the middle".to_owned() };
        }
        let comparison = matches!(work, Work::Compare { .. }).then(Comparison::default);
        let message = "done".to_owned();
        ErrandOutcome::Done(ErrandResult { message, mark: barrier.then(|| self.mark()), comparison, script: None })
    }

    /// What it reports; nothing before it was told anything.
    pub(super) fn status(&self, faults: &BTreeSet<Fault>) -> Option<AssignmentStatus> {
        let part = self.part.as_ref()?;
        let unknown = faults.contains(&Fault::ServicesUnknown(self.host.clone()));
        let state = if unknown { ServiceState::Unknown } else { self.services };
        let message = match state {
            ServiceState::Failed => "exit status 1",
            ServiceState::Unknown if unknown => "exit status 3",
            _ => "",
        };
        let services = part.services.commands.iter().map(|service| ServiceStatus {
            name: service.name.clone(),
            state,
            message: message.to_owned(),
        });
        let wanted = |id: &&ErrandId| part.errands.contains_key(*id);
        let records = self.records.iter().filter(|(id, _)| wanted(id));
        Some(AssignmentStatus {
            generation: part.generation,
            ledger_revision: part.ledger_revision,
            epoch: part.epoch,
            role: self.role,
            roots: self.roots(part, faults),
            source: (part.role != Role::Standby && !part.suspended).then(|| self.source(part)),
            target: self.target.clone(),
            services: services.collect(),
            errands: records.map(|(id, outcome)| (id.clone(), outcome.clone())).collect(),
            ..AssignmentStatus::default()
        })
    }

    fn roots(&self, part: &Assignment, faults: &BTreeSet<Fault>) -> Vec<RootStatus> {
        let halted = faults.contains(&Fault::RootHalted(self.host.clone()));
        let adopted = self.records.keys().any(|id| matches!(part.errands.get(id), Some(Work::AdoptRoot { .. })));
        let held = faults.contains(&Fault::MassChange(self.host.clone()));
        let approved = self.records.keys().any(|id| matches!(part.errands.get(id), Some(Work::ApproveRemoval { .. })));
        let halt = |reason, message: &str| RootState::Halted { reason, message: message.to_owned() };
        let (state, held_removal) = match (halted && !adopted, held && !approved) {
            (true, _) => (halt(HaltReason::SourceEmpty, "had 12 entries, has none"), None),
            (_, true) => (halt(HaltReason::MassChange, "6000 of 12000 names would be removed"), Some(held_removal())),
            _ => (RootState::Ready, None),
        };
        let status = |root: &model::elements::roots::Root| RootStatus {
            name: root.name.clone(),
            path: root.path.clone(),
            state: state.clone(),
            held_removal: held_removal.clone(),
            files: Some(self.orders.len() as u64),
            bytes: Some(self.orders.len() as u64 * 1024),
            ..RootStatus::default()
        };
        part.roots.iter().map(status).collect()
    }

    fn source(&self, part: &Assignment) -> SourceStatus {
        let out = part.streams.iter().filter(|stream| stream.direction == Direction::Out);
        let streams = out.map(|stream| {
            let synced = self.acked.get(&stream.target).copied();
            let unsent = synced.map(|synced| self.mark().batch.saturating_sub(synced.batch) * 1024);
            OutStatus {
                target: stream.target.clone(),
                state: LinkState::Following,
                synced,
                unsent_bytes: unsent,
                bandwidth: Some(BandwidthStatus::default()),
                ..OutStatus::default()
            }
        });
        SourceStatus {
            lineage: self.lineage.clone(),
            scanned: true,
            last: self.mark(),
            spool_limit: part.spool.max_size.bytes(),
            streams: streams.collect(),
            ..SourceStatus::default()
        }
    }
}

/// What waits for a word in the toy world.
fn held_removal() -> HeldRemoval {
    HeldRemoval {
        digest: "d1".to_owned(),
        removed: 6000,
        of: 12_000,
        sample: vec!["a/one".to_owned(), "b/two".to_owned()],
        list: "/var/lib/standin/data.going".to_owned(),
    }
}
