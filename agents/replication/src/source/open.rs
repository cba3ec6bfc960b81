//! Opening, asking and stopping a source.

use super::{
    SourceError,
    barrier::Barriers,
    command::{COMMANDS_MAX, Command},
    engine::{Engine, Timers},
    guard::Guard,
    hot::HotSet,
    known::KnownKeys,
    large::LargeFiles,
    loops::LoopDevices,
    mounts::Mounts,
    pending::Pending,
    rescan::Rescans,
    scrub,
    slot::{Roots, Slot},
    status::{Audit, Shared, Status},
    sweep,
    unreadable::Unreadable,
};
use crate::{
    capture::{Captures, Tuning},
    index::Index,
    preserve::Preserve,
    root::RootConfig,
    spool::{Opened, Spool, SpoolLimits},
};
use model::{
    Epoch, Mark,
    agent_status::{Capture, RootStatus, SpoolState},
    elements::{mass_change::MassChange, spool::OnFull},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Time between two scans, and in which all content is read again, where nothing else is said.
pub const SCAN_EVERY: Duration = Duration::from_secs(3600);
pub const SCRUB_EVERY: Duration = Duration::from_secs(7 * 86_400);

/// File of the index within the state directory.
const DATABASE: &str = "source.db";

/// What a source is to do.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    pub scenario: String,
    pub epoch: Epoch,
    pub roots: Vec<RootConfig>,
    /// What of objects is kept. With another set than before everything is compared anew.
    pub preserve: Preserve,
    /// Directory of the index and of what is known of the roots.
    pub state: PathBuf,
    pub spool: PathBuf,
    pub spool_bytes_max: u64,
    /// Free bytes that always stay on the spool's file system.
    pub disk_free_min: u64,
    pub on_full: OnFull,
    /// Time between two scans for what no event told.
    pub scan_every: Duration,
    /// Time in which all content is read again.
    pub scrub_every: Duration,
    pub mass_change: MassChange,
    /// Members that follow; what another one acknowledged before is forgotten.
    pub targets: Vec<String>,
}

/// How a source stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceReport {
    pub lineage: String,
    pub scanned: bool,
    pub last: Mark,
    pub spool_bytes: u64,
    pub spool_limit: u64,
    pub spool: SpoolState,
    pub roots: Vec<RootStatus>,
    pub streams: Vec<StreamReport>,
    /// Why no batches can be made, in words.
    pub problem: Option<String>,
}

/// How far one target is.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReport {
    pub target: String,
    pub synced: Option<Mark>,
    /// Bytes in the spool that are not durable there; `None` when that is not a matter of the spool.
    pub unsent_bytes: Option<u64>,
}

/// A running source. Clones are the same source; the last one to go stops it.
#[derive(Clone)]
pub struct Source(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    fn stop(&self) {
        self.shared.stop.store(true, Relaxed);
        self.shared.wake();
        self.shared.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.iter().for_each(|thread| thread.thread().unpark());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the source ended in a panic");
            }
        }
    }
}

impl Source {
    /// Opens index and spool and begins to capture and to scan in the background.
    pub fn open(config: SourceConfig) -> Result<Self, SourceError> {
        Self::open_tuned(config, Tuning::default())
    }

    /// As `open`, with capture limited.
    pub fn open_tuned(config: SourceConfig, tuning: Tuning) -> Result<Self, SourceError> {
        fs::create_dir_all(&config.state)?;
        let database = config.state.join(DATABASE);
        let mut index = Index::open(&database)?;
        index.ensure_preserves(config.preserve)?;
        let limits = SpoolLimits { bytes_max: config.spool_bytes_max, disk_free_min: config.disk_free_min };
        let facts = index.facts().clone();
        let (spool, opened) = Spool::open(&config.spool, &facts.lineage, limits, facts.spool_base, facts.spool_tail)?;
        let audits = vec![Audit::default(); config.roots.len()];
        let mut status = Status { lineage: facts.lineage.clone(), audits, ..Status::default() };
        settle(&mut index, &mut status, &config, &opened)?;
        let by_key = tuning.best.is_none_or(|best| best == Capture::Fanotify);
        let slots = config
            .roots
            .iter()
            .enumerate()
            .map(|(root, of)| Slot::open(&config.scenario, root as u32, of, &config.state, by_key))
            .collect();
        let mut known = KnownKeys::default();
        known.load(&index)?;
        status.spool_bytes = spool.bytes();
        let (commands, orders) = sync_channel(COMMANDS_MAX);
        let wake =
            rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::NONBLOCK)?;
        let shared = Arc::new(Shared {
            config,
            database,
            status: Mutex::new(status),
            changed: Condvar::new(),
            commands,
            wake,
            stop: AtomicBool::new(false),
            spool: spool.reader(),
        });
        let guard = Guard::new(shared.config.mass_change.clone(), &index);
        let mut engine = Engine {
            epoch: shared.config.epoch,
            shared: Arc::clone(&shared),
            index,
            spool,
            roots: Roots(slots),
            captures: Captures::new(&[], tuning),
            tuning,
            known,
            pending: Pending::default(),
            rescans: Rescans::default(),
            hot: HotSet::new(tuning.dirty_max),
            large: LargeFiles::new(),
            loops: LoopDevices::new(),
            mounts: Mounts::new(),
            unreadable: Unreadable::default(),
            barriers: Barriers::default(),
            guard,
            commands: orders,
            timers: Timers::new(),
        };
        engine.publish_roots(false);
        let running = Self(Arc::new(Running { shared: Arc::clone(&shared), threads: Mutex::default() }));
        running.start("standin-source", move || engine.run())?;
        let (scans, scrubs) = (Arc::clone(&shared), shared);
        running.start("standin-scan", move || sweep::run(&scans))?;
        running.start("standin-scrub", move || scrub::run(&scrubs))?;
        Ok(running)
    }

    fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(work)?;
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    pub fn report(&self) -> SourceReport {
        let shared = &self.0.shared;
        let status = shared.lock();
        let streams = shared
            .config
            .targets
            .iter()
            .map(|target| {
                let synced = status.acked.get(target).copied();
                StreamReport {
                    target: target.clone(),
                    synced,
                    unsent_bytes: synced.map(|mark| shared.spool.bytes_after(mark.batch)),
                }
            })
            .collect();
        SourceReport {
            lineage: status.lineage.clone(),
            scanned: status.scanned,
            last: status.last,
            spool_bytes: status.spool_bytes,
            spool_limit: shared.config.spool_bytes_max,
            spool: if status.gap.is_some_and(|gap| gap.open) { SpoolState::Full } else { SpoolState::Normal },
            roots: status.roots_with_audits(),
            streams,
            problem: status.problem.clone(),
        }
    }

    /// Waits until everything written before this call is in batches, and returns the last of them.
    pub fn barrier(&self, deadline: Duration) -> Result<Mark, SourceError> {
        let deadline = Instant::now() + deadline;
        let (reply, answer) = sync_channel(1);
        self.0.shared.order(Command::Barrier { deadline, reply })?;
        self.answered(&answer)
    }

    /// Lets exactly the list of removals go that `digest` stands for, once. Blocks while the roots are read.
    pub fn approve(&self, digest: String) -> Result<String, SourceError> {
        let (reply, answer) = sync_channel(1);
        self.0.shared.order(Command::Approve { digest, reply })?;
        self.answered(&answer)
    }

    fn answered<T>(&self, answer: &Receiver<Result<T, SourceError>>) -> Result<T, SourceError> {
        loop {
            match answer.recv_timeout(Duration::from_millis(100)) {
                Ok(answer) => return answer,
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Err(SourceError::Stopped),
                Err(_) if self.0.shared.lock().ended => return Err(SourceError::Stopped),
                Err(_) => {}
            }
        }
    }

    /// New marks carry `epoch`; lineage and spool stay.
    pub fn set_epoch(&self, epoch: Epoch) {
        // A source that has ended makes no marks.
        let _ = self.0.shared.order(Command::Epoch(epoch));
    }

    /// Ends capture and waits for it. What was not captured is found by the next start.
    pub fn stop(&self) {
        self.0.stop();
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }
}

/// What follows from how the spool was found and from who is to follow.
fn settle(index: &mut Index, status: &mut Status, config: &SourceConfig, opened: &Opened) -> Result<(), SourceError> {
    index.begin()?;
    if let Opened::Lost(why) = opened {
        tracing::error!(why, "the spool is lost; targets are synchronized again");
        index.close_gap()?;
        index.forget_targets(&[])?;
        let facts = index.facts_mut();
        (facts.spool_base, facts.spool_tail) = (facts.last.batch, 0);
    }
    index.forget_targets(&config.targets)?;
    index.commit()?;
    for target in &config.targets {
        if let Some(mark) = index.target(target)? {
            status.acked.insert(target.clone(), mark);
        }
    }
    let facts = index.facts();
    (status.last, status.gap, status.spool_base) = (facts.last, facts.gap, facts.spool_base);
    status.acked_changed = true;
    Ok(())
}

/// Removes index and spool: the member is not a source any more.
pub fn forget(state: &Path, spool: &Path) -> io::Result<()> {
    let missing_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    // The index first: a spool without its index is removed by whoever opens it.
    for suffix in ["", "-wal", "-shm"] {
        missing_is_fine(fs::remove_file(state.join(format!("{DATABASE}{suffix}"))))?;
    }
    missing_is_fine(fs::remove_dir_all(spool))
}
