//! A target as its sessions and its host see it.

use super::ability::Ability;
use super::engine::{Engine, Placed, Position};
use super::report::{Status, TargetReport};
use super::rights::Rights;
use crate::root::{Halt, HeldRoot, RootConfig, Side};
use crate::session::SessionError;
use model::agent_status::{RootState, RootStatus};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, SessionError>;

/// File of the map in the state directory.
const MAP_FILE: &str = "target.db";
/// How often a report looks at the roots when no session does.
const ROOTS_CHECKED_EVERY: Duration = Duration::from_secs(2);

/// How long is believed what the file systems of halted roots could hold: an administrator may mend them.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What a target is to hold, and where it keeps what it knows.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    pub scenario: String,
    pub member: String,
    /// In the order of the scenario.
    pub roots: Vec<RootConfig>,
    /// Directory of its map and of the roots' identities.
    pub state: PathBuf,
}

/// Why a target cannot be opened at all. A halted root is no such reason: it is reported.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("the state directory {path} cannot be used")]
    State { path: PathBuf, source: std::io::Error },
    #[error("a scenario has at most {limit} roots, and this one has {count}")]
    TooManyRoots { count: usize, limit: u64 },
}

/// A target; clones are the same one.
#[derive(Clone)]
pub struct Target(Arc<Inner>);

struct Inner {
    config: TargetConfig,
    /// `None` while a root is halted or the map cannot be opened.
    engine: Mutex<Option<Engine>>,
    status: Mutex<Status>,
    sessions: AtomicU64,
    /// The session that may change the target.
    owner: AtomicU64,
    roots_checked: Mutex<Option<Instant>>,
    /// What the roots can hold, in their order, and when that was tried.
    abilities: Mutex<Option<(Instant, Vec<Ability>)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Target {
    /// Opens the target. Halted roots and interrupted batches are dealt with when a session comes, and reported.
    pub fn open(config: TargetConfig) -> std::result::Result<Self, TargetError> {
        let limit = crate::meta::Oid::FIRST.0 - 1;
        if config.roots.len() as u64 > limit {
            return Err(TargetError::TooManyRoots { count: config.roots.len(), limit });
        }
        std::fs::create_dir_all(&config.state)
            .map_err(|source| TargetError::State { path: config.state.clone(), source })?;
        let roots = config.roots.iter().map(|root| status_of(root, RootState::Unknown, None)).collect();
        let target = Self(Arc::new(Inner {
            config,
            engine: Mutex::new(None),
            status: Mutex::new(Status::new(roots)),
            sessions: AtomicU64::new(0),
            owner: AtomicU64::new(0),
            roots_checked: Mutex::new(None),
            abilities: Mutex::new(None),
        }));
        if let Err(error) = target.recovered() {
            target.session_failed(0, &error);
        }
        Ok(target)
    }

    /// How the target is. Looks at the roots now and then when no session does.
    pub fn report(&self) -> TargetReport {
        let due = locked(&self.0.roots_checked).is_none_or(|at| at.elapsed() >= ROOTS_CHECKED_EVERY);
        if due && !matches!(self.0.engine.try_lock(), Err(TryLockError::WouldBlock)) {
            // Both leave what they find in the status.
            let opened = self.check_roots().and_then(|()| self.with_engine(None, |_| Ok(())));
            if let Err(error) = opened {
                self.session_failed(0, &error);
            }
        }
        locked(&self.0.status).report()
    }

    pub(super) fn next_session(&self) -> u64 {
        self.0.sessions.fetch_add(1, SeqCst) + 1
    }

    /// Does `work`, opening the roots and the map first if they are not. With `owner`, only when that session has not
    /// been taken over from.
    pub(super) fn with_engine<T>(&self, owner: Option<u64>, work: impl FnOnce(&mut Engine) -> Result<T>) -> Result<T> {
        let mut engine = locked(&self.0.engine);
        if owner.is_some_and(|number| number != self.0.owner.load(SeqCst)) {
            return Err(SessionError::Stopped);
        }
        let opened = match &mut *engine {
            Some(opened) => opened,
            closed => closed.insert(self.open_engine()?),
        };
        work(opened)
    }

    fn open_engine(&self) -> Result<Engine> {
        let Inner { config, .. } = &*self.0;
        let mut roots = Vec::new();
        let mut halted = None;
        let mut statuses = Vec::new();
        for (index, root) in config.roots.iter().enumerate() {
            let held = HeldRoot::open(&config.scenario, index as u32, root, &config.state, Side::Target);
            statuses.push(status_of(root, state_of(held.as_ref().map(drop)), None));
            match held {
                Ok(held) => roots.push(held),
                Err(halt) => halted = halted.or(Some(halt)),
            }
        }
        locked(&self.0.status).roots = statuses;
        if let Some(halt) = halted {
            return Err(halt.into());
        }
        self.require_abilities(&roots)?;
        let mut engine = Engine::open(&config.state.join(MAP_FILE), Arc::new(roots))?;
        let placed = engine.recover();
        self.note_position(&engine)?;
        locked(&self.0.status).add_inexact(placed?.problems);
        Ok(engine)
    }

    /// Halts roots whose file systems cannot hold what is to be kept in them, before anything is written there.
    fn require_abilities(&self, roots: &[HeldRoot]) -> Result<()> {
        let known = locked(&self.0.abilities).take().filter(|(at, _)| at.elapsed() < TRIED_AGAIN_AFTER);
        let (at, abilities) = match known {
            Some(known) => known,
            None => (Instant::now(), try_all(roots)?),
        };
        let halts: Vec<Option<Halt>> =
            roots.iter().zip(&abilities).map(|(root, ability)| Some(root.cannot_hold(&ability.refusal()?))).collect();
        let states = halts.iter().map(|halt| state_of(halt.as_ref().map_or(Ok(()), Err)));
        let configs = self.0.config.roots.iter().zip(states).zip(&abilities);
        let statuses = configs.map(|((config, state), ability)| status_of(config, state, Some(ability))).collect();
        locked(&self.0.status).roots = statuses;
        *locked(&self.0.abilities) = Some((at, abilities));
        halts.into_iter().flatten().next().map_or(Ok(()), |halt| Err(halt.into()))
    }

    /// Ends what a crash or an error interrupted, unless a session is in the middle of a batch, and says where the
    /// target is.
    pub(super) fn recovered(&self) -> Result<Position> {
        self.with_engine(None, |engine| {
            if engine.is_idle() {
                engine.recover()?;
            }
            self.note_position(engine)?;
            engine.position()
        })
    }

    /// Makes session `number` the one that changes the target, and drops what an older one left unfinished.
    pub(super) fn take_over(&self, number: u64) -> Result<Position> {
        self.0.owner.fetch_max(number, SeqCst);
        self.with_engine(Some(number), |engine| {
            engine.recover()?;
            self.note_position(engine)?;
            engine.position()
        })
    }

    fn note_position(&self, engine: &Engine) -> Result<()> {
        let (position, set_aside) = (engine.position()?, engine.set_aside_report()?);
        let mut status = locked(&self.0.status);
        status.position = position;
        status.set_aside = set_aside;
        Ok(())
    }

    /// Looks by path whether the roots are still the held ones; halts the target otherwise.
    pub(super) fn check_roots(&self) -> Result<()> {
        *locked(&self.0.roots_checked) = Some(Instant::now());
        let Some(roots) = locked(&self.0.engine).as_ref().map(Engine::roots) else { return Ok(()) };
        let checks: Vec<_> = roots.iter().map(HeldRoot::check).collect();
        let abilities = locked(&self.0.abilities).clone().map(|(_, abilities)| abilities).unwrap_or_default();
        let configs = self.0.config.roots.iter().enumerate();
        locked(&self.0.status).roots = configs
            .zip(&checks)
            .map(|((at, config), check)| status_of(config, state_of(check.as_ref().map(|_| ())), abilities.get(at)))
            .collect();
        if let Some(halt) = checks.into_iter().find_map(std::result::Result::err) {
            *locked(&self.0.engine) = None;
            return Err(halt.into());
        }
        Ok(())
    }

    // --- what sessions leave for the report

    pub(super) fn changed(&self) {
        // An unreadable map shows in the next use of it.
        let _ = self.with_engine(None, |engine| self.note_position(engine));
    }

    pub(super) fn placed(&self, placed: Placed) -> Result<()> {
        self.with_engine(None, |engine| self.note_position(engine))?;
        let mut status = locked(&self.0.status);
        status.stands_still = None;
        status.add_inexact(placed.problems);
        Ok(())
    }

    pub(super) fn clear_problems(&self) {
        locked(&self.0.status).clear_problems();
        self.changed();
    }

    /// Whatever kept an earlier session from going on is over.
    pub(super) fn goes_on(&self) {
        locked(&self.0.status).stands_still = None;
    }

    pub(super) fn heartbeat(&self, at: u64) {
        locked(&self.0.status).heartbeat(at);
    }

    pub(super) fn last_heartbeat(&self) -> u64 {
        locked(&self.0.status).last_heartbeat
    }

    /// Keeps why a session failed, and drops its unfinished batch when it was the one that changes the target.
    pub(super) fn session_failed(&self, number: u64, error: &SessionError) {
        if number == self.0.owner.load(SeqCst)
            && let Some(engine) = &mut *locked(&self.0.engine)
        {
            engine.abandon();
        }
        let why = match error {
            SessionError::Peer(_) | SessionError::Stopped | SessionError::Refused(_) | SessionError::Halted(_) => {
                return;
            }
            error if error.is_full() => {
                "the disk is full; nothing was lost, and it goes on when there is room".to_owned()
            }
            SessionError::Io { what, source } => format!("{what}: {source}"),
            SessionError::Store(source) => format!("the map of the target: {source}"),
            other => other.to_string(),
        };
        tracing::warn!(scenario = %self.0.config.scenario, member = %self.0.config.member, %why, "session ended");
        locked(&self.0.status).stands_still = Some(why);
    }
}

fn state_of(check: std::result::Result<(), &Halt>) -> RootState {
    match check {
        Ok(()) => RootState::Ready,
        Err(halt) => RootState::Halted { reason: halt.reason, message: halt.message.clone() },
    }
}

fn status_of(root: &RootConfig, state: RootState, ability: Option<&Ability>) -> RootStatus {
    let Ability { file_system, lacks } = ability.cloned().unwrap_or_default();
    let (name, path) = (root.name.clone(), root.path.display().to_string());
    RootStatus { name, path, state, file_system, lacks, ..RootStatus::default() }
}

fn try_all(roots: &[HeldRoot]) -> Result<Vec<Ability>> {
    let rights = Rights::of_this_process();
    let of = |root: &HeldRoot| {
        let failed = SessionError::io(format!("trying what the file system of root {} can hold", root.config.name));
        Ability::of(root, rights).map_err(failed)
    };
    roots.iter().map(of).collect()
}

/// Removes the map from the state directory, when the member becomes active. The roots keep their identity.
pub fn forget(state: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match std::fs::remove_file(state.join(format!("{MAP_FILE}{suffix}"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
