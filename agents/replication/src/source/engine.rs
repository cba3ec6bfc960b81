//! The thread that owns capture, index and spool: the only writer of all three.

use super::{
    SourceConfig, SourceError,
    barrier::Barriers,
    command::Command,
    guard::{Guard, believe_moved, is_back},
    hot::HotSet,
    known::KnownKeys,
    large::LargeFiles,
    loops::LoopDevices,
    mounts::Mounts,
    owed::Owed,
    pending::{Hint, Item, Pending},
    rescan::Rescans,
    signer::Signer,
    slot::{Roots, Slot},
    status::{Shared, now_nanos},
    unreadable::Unreadable,
};
use crate::{
    capture::{Captures, DirtySet, Tuning},
    index::{Index, Snapshot},
    meta::Oid,
    spool::Spool,
};
use model::{
    Epoch,
    agent_status::{Capture, HaltReason},
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed, mpsc::Receiver},
    time::{Duration, Instant},
};

/// Time between the first event and looking at it, in which further events gather.
const TICK: Duration = Duration::from_millis(2);
/// Longest sleep, after which timers are looked at.
const IDLE: Duration = Duration::from_millis(500);
/// How often halted roots, and roots at rest, are looked at.
const ROOTS_EVERY: Duration = Duration::from_secs(1);
/// Shortest time between two scans of a root that is polled, and how much longer than a scan it is.
const POLL_EVERY: Duration = Duration::from_secs(2);
const POLL_FACTOR: u32 = 20;
/// Rest after a batch that failed.
const FAILED_REST: Duration = Duration::from_secs(1);

pub(super) struct Engine {
    pub shared: Arc<Shared>,
    pub index: Index,
    pub spool: Spool,
    pub roots: Roots,
    pub captures: Captures,
    pub tuning: Tuning,
    pub known: KnownKeys,
    pub pending: Pending,
    pub hot: HotSet,
    pub rescans: Rescans,
    pub large: LargeFiles,
    pub loops: LoopDevices,
    pub mounts: Mounts,
    pub unreadable: Unreadable,
    pub barriers: Barriers,
    pub guard: Guard,
    pub epoch: Epoch,
    pub commands: Receiver<Command>,
    pub timers: Timers,
}

/// When what is to be done next.
pub(super) struct Timers {
    pub roots: Instant,
    /// When what halted roots miss is counted again.
    pub halted: Instant,
    pub owed: Owed,
    pub signer: Signer,
    pub poll: Option<Instant>,
    pub account: Instant,
    pub sums: Instant,
    /// Changes of the index when its objects were counted last.
    pub counted: u64,
    pub rest: Option<Instant>,
    /// Since when changes wait, or are not looked at, and no batch may be made of them.
    pub waits: Option<u64>,
    /// What was told of that.
    pub waits_told: Option<u64>,
    pub scan_began: Option<Instant>,
}

impl Timers {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            roots: now + ROOTS_EVERY,
            halted: now,
            owed: Owed::new(now),
            signer: Signer::new(now),
            poll: None,
            account: now,
            sums: now,
            counted: u64::MAX,
            rest: None,
            waits: None,
            waits_told: None,
            scan_began: None,
        }
    }
}

impl Engine {
    pub fn run(mut self) {
        let _ending = Ending(Arc::clone(&self.shared));
        self.place_marks();
        self.reread_written();
        while !self.shared.stop.load(Relaxed) {
            if let Err(error) = self.turn() {
                self.fail(&error);
            }
        }
        self.barriers.fail_all();
    }

    fn turn(&mut self) -> Result<(), SourceError> {
        let readable = self.wait()?;
        if readable && self.shared.stop.load(Relaxed) {
            return Ok(());
        }
        self.obey()?;
        self.drain()?;
        let now = Instant::now();
        self.look_at_timers(now);
        self.look_at_blind_spots(now)?;
        self.look_at_mounts();
        self.look_at_owed(now)?;
        if self.timers.rest.is_none_or(|rest| rest <= now) {
            self.timers.rest = self.guard.hold(&mut self.pending, &self.roots, &self.index, now)?;
            if self.timers.rest.is_none() && !self.pending.is_empty() {
                // To read a large file takes its time.
                self.tell_waiting(self.pending.has_hot());
                self.build()?;
            }
            self.note_scanned()?;
        }
        self.tell_what_waits(now);
        self.account(now)?;
        self.answer_barriers();
        self.sign(now)
    }

    /// Sleeps until there is something to do. Returns whether events are waiting.
    fn wait(&self) -> Result<bool, SourceError> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let now = Instant::now();
        let mut timeout = if self.pending.is_empty() || self.timers.rest.is_some() { IDLE } else { Duration::ZERO };
        let signing = Some(self.timers.signer.at).filter(|_| self.timers.rest.is_none());
        let due = [self.pending.due(), self.timers.rest, self.timers.poll, self.barriers.deadline(), signing];
        for at in due.into_iter().flatten() {
            timeout = timeout.min(at.saturating_duration_since(now).max(Duration::from_millis(1)));
        }
        let mut fds = vec![PollFd::new(&self.shared.wake, PollFlags::IN)];
        let sources = self.captures.fds();
        fds.extend(sources.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        match poll(&mut fds, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(false),
            other => other?,
        };
        if fds[0].revents().contains(PollFlags::IN) {
            let mut count = [0; 8];
            let _ = rustix::io::read(&self.shared.wake, &mut count);
        }
        let readable = fds[1..].iter().any(|fd| fd.revents().contains(PollFlags::IN));
        drop(fds);
        if readable {
            std::thread::sleep(TICK);
        }
        Ok(readable)
    }

    /// What waits is not at any target, whatever the last batch says.
    fn tell_what_waits(&mut self, now: Instant) {
        let rests = self.timers.rest.is_some_and(|rest| rest > now);
        self.tell_waiting(rests || self.roots.halt().is_some() || self.pending.has_hot());
        self.rescans.tidy(now);
    }

    /// Tells since when something waits: a batch to be made, or a large file to be read to its end.
    fn tell_waiting(&mut self, waits: bool) {
        if !waits {
            self.timers.waits = None;
        } else if self.timers.waits.is_none() {
            self.timers.waits = Some(now_nanos());
        }
        let since = self.timers.waits.into_iter().chain(self.rescans.complete_until()).min();
        if since != self.timers.waits_told {
            self.timers.waits_told = since;
            self.shared.lock().waits_since = since;
        }
    }

    fn obey(&mut self) -> Result<(), SourceError> {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Barrier { deadline, reply } => self.begin_barrier(deadline, reply),
                Command::Snapshot { target, anew, reply } => {
                    let answer = self.snapshot(&target, anew);
                    // The session may have ended meanwhile.
                    let _ = reply.try_send(answer);
                }
                Command::Epoch(epoch) => self.epoch = epoch,
                Command::Again { oids, given, reply } => {
                    let noted = self.owe(oids, &given);
                    let _ = reply.try_send(noted);
                }
                Command::Repair { oid, blocks } => self.repair(oid, &blocks)?,
                Command::Look { items, hint } => items.into_iter().for_each(|item| self.pending.hot(item, hint)),
                Command::Learn(learnt) => self.learn(&learnt)?,
                Command::Approve { digest, reply } => {
                    let _ = reply.try_send(self.approve(&digest));
                }
                Command::SpoolLost(why) => self.lose_spool(&why)?,
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, target: &str, anew: bool) -> Result<Snapshot, SourceError> {
        let last = self.index.facts().last;
        self.index.begin()?;
        if anew {
            self.index.set_target(target, None)?;
        }
        if let Some(gap) = self.index.facts_mut().gap.as_mut().filter(|gap| gap.open) {
            (gap.last, gap.open) = (last.batch, false);
        }
        self.index.commit()?;
        let snapshot = Snapshot::open(&self.shared.database)?;
        let mut status = self.shared.lock();
        if anew {
            status.acked.remove(target);
        }
        status.acked_changed = true;
        status.pins.insert(target.to_owned(), last.batch);
        status.gap = self.index.facts().gap;
        Ok(snapshot)
    }

    /// The targets must be synchronized again: nothing of the spool is believed any more.
    fn lose_spool(&mut self, why: &str) -> Result<(), SourceError> {
        tracing::error!(why, "the spool is lost; targets are synchronized again");
        self.spool.clear()?;
        self.index.begin()?;
        self.index.close_gap()?;
        let facts = self.index.facts_mut();
        (facts.spool_base, facts.spool_tail) = (facts.last.batch, 0);
        for target in self.shared.config.targets.clone() {
            self.index.set_target(&target, None)?;
        }
        self.index.commit()?;
        let mut status = self.shared.lock();
        status.acked.clear();
        status.spool_base = self.index.facts().spool_base;
        status.gap = None;
        Ok(())
    }

    /// Takes what the capture has and makes it hot.
    pub fn drain(&mut self) -> Result<(), SourceError> {
        let overflow = drain(&mut self.captures, &self.known, &self.index, &mut self.pending, &mut self.barriers)?;
        if overflow {
            tracing::warn!("events were lost; everything is looked at again");
            self.barriers.see_all();
            self.rescan();
        }
        Ok(())
    }

    fn look_at_timers(&mut self, now: Instant) {
        self.pending.ripen(now);
        for (directory, name) in self.unreadable.due(now) {
            if name.is_empty() {
                self.pending.scan(directory);
            } else {
                self.pending.hot(Item::Entry(directory, name), Hint::Scan);
            }
        }
        if now >= self.timers.roots {
            self.timers.roots = now + ROOTS_EVERY;
            self.check_roots();
            self.look_at_halted(now);
        }
        if self.timers.poll.is_some_and(|at| now >= at) {
            self.timers.poll = None;
            self.rescan();
        }
        if now >= self.timers.sums {
            // Counting looks at every object: not while nothing has changed.
            let changes = self.index.changes();
            let has_changed = std::mem::replace(&mut self.timers.counted, changes) != changes;
            self.publish_roots(has_changed);
            self.timers.sums = now + Duration::from_secs(10);
        }
    }

    /// Everything in every root is to be looked at.
    pub fn rescan(&mut self) {
        let now = Instant::now();
        self.timers.scan_began.get_or_insert(now);
        self.timers.owed = Owed::new(now);
        for (root, slot) in self.roots.0.iter().enumerate() {
            if slot.held.is_ok() {
                self.pending.scan(Oid::root(root as u32));
            }
        }
    }

    /// Whether objects are opened by their handles, where the file system can do that.
    pub fn by_key(&self) -> bool {
        self.tuning.best.is_none_or(|best| best == Capture::Fanotify)
    }

    /// Looks whether the roots are still themselves, and whether halted ones may go on.
    pub fn check_roots(&mut self) {
        if let Err(error) = believe_moved(&self.roots, &self.index) {
            tracing::warn!(%error, "what a root had cannot be looked for in the others");
        }
        let by_key = self.by_key();
        let config = &self.shared.config;
        let mut changed = false;
        let mut again = false;
        for (root, slot) in self.roots.0.iter_mut().enumerate() {
            let was = slot.held.is_ok();
            if was {
                slot.check();
            } else {
                forgive(slot, root as u32, config, &self.index);
                *slot = Slot::open(&config.scenario, root as u32, &slot.config, &config.state, by_key);
            }
            changed |= was != slot.held.is_ok();
            again |= !was && slot.held.is_ok();
        }
        if again {
            self.place_marks();
        } else if changed {
            self.publish_roots(false);
        }
    }

    /// Places all marks, then looks at everything: never the other way round.
    pub fn place_marks(&mut self) {
        use std::os::fd::AsFd;
        let held: Vec<_> = self
            .roots
            .0
            .iter()
            .map(|slot| slot.held.as_ref().ok().map(|held| (&held.filesystem, held.root.fd())))
            .collect();
        self.captures = Captures::new(&held, self.tuning);
        self.captures.ignore(&[&self.shared.config.state, &self.shared.config.spool]);
        for (root, slot) in self.roots.0.iter().enumerate() {
            if let Ok(held) = &slot.held {
                self.known.add_barrier(held.barrier.1.clone());
                if let Err(error) = self.captures.watch(root, &held.barrier.1, held.barrier.0.as_fd()) {
                    tracing::warn!(root, %error, "barriers cannot be watched");
                }
            }
        }
        self.pending.clear();
        self.rescan();
        self.note_mounts();
        self.publish_roots(false);
    }

    /// After a scan: notes that there was one, and when the next is due where changes are only found by scanning.
    fn note_scanned(&mut self) -> Result<(), SourceError> {
        if !self.pending.is_settled() {
            return Ok(());
        }
        if let Some(began) = self.timers.scan_began.take() {
            self.guard.scanned(!self.shared.lock().scanned, &self.index);
            self.roots.all_held().try_for_each(|(_, held)| held.root.settle_adopted())?;
            if !self.index.facts().scanned_once {
                self.index.begin()?;
                self.index.facts_mut().scanned_once = true;
                self.index.commit()?;
            }
            if self.captures.polls() {
                self.timers.poll = Some(Instant::now() + POLL_EVERY.max(began.elapsed() * POLL_FACTOR));
            }
            self.publish_roots(true);
            let held: Vec<usize> = self.roots.all_held().map(|(_, held)| held.root.index as usize).collect();
            self.shared.lock().note_scanned(&held);
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Drops what was begun; everything is looked at again after a rest.
    fn fail(&mut self, error: &SourceError) {
        if !matches!(error, SourceError::Suspect(_)) {
            tracing::warn!(error = %error, "a batch could not be made; everything is looked at again");
        }
        self.spool.abandon();
        if let Err(error) = self.index.rollback().and_then(|()| self.known.load(&self.index)) {
            tracing::error!(%error, "the index cannot be read again");
        }
        if let SourceError::Suspect(root) = error
            && let Err(error) = self.look_through(*root)
        {
            return self.fail(&error);
        }
        self.pending.clear();
        self.rescans.clear();
        self.rescan();
        self.check_roots();
        if !matches!(error, SourceError::Halted(_) | SourceError::Suspect(_)) {
            self.timers.rest = Some(Instant::now() + FAILED_REST);
            self.shared.lock().problem = Some(error.to_string());
        }
    }
}

/// Tells that the engine has ended, also when it panicked.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// An emptied root that has its content again goes on by itself, as a mounted one does.
fn forgive(slot: &Slot, root: u32, config: &SourceConfig, index: &Index) {
    let emptied = slot.held.as_ref().is_err_and(|halt| halt.reason == HaltReason::SourceEmpty);
    if emptied
        && is_back(&slot.config.path, Oid::root(root), index).unwrap_or(false)
        && let Err(error) = crate::root::refilled(&slot.config, &config.state)
    {
        tracing::warn!(root = %slot.config.name, %error, "what is known of the root cannot be written");
    }
}

/// Takes what the capture has and makes it hot. Returns whether events were lost.
pub(super) fn drain(
    captures: &mut Captures,
    known: &KnownKeys,
    index: &Index,
    pending: &mut Pending,
    barriers: &mut Barriers,
) -> Result<bool, SourceError> {
    let mut dirty = DirtySet::default();
    captures.drain(known, &mut dirty)?;
    pending.flow += dirty.flow;
    let hint = |content| if content { Hint::Content } else { Hint::Names };
    for ((key, name), content) in dirty.entries {
        if known.is_barrier(&key) {
            barriers.see(&name);
        } else if let Some(directory) = known.directory_oid(&key) {
            pending.hot(Item::Entry(directory, name), hint(content));
        }
    }
    for (key, content) in dirty.objects {
        let oid = match known.directory_oid(&key) {
            Some(oid) => Some(oid),
            None => index.object_by_key(&key)?.map(|stored| stored.oid),
        };
        if let Some(oid) = oid {
            pending.hot(Item::Object(oid), hint(content));
        }
    }
    Ok(dirty.overflow)
}
