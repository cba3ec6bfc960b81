//! The source's end of one connection: sending with an eye on what comes back.

use super::{
    Source, SourceConfig, SourceError,
    command::{Command, Given},
    slot::Roots,
    status::Shared,
};
use crate::{
    failpoint,
    index::Snapshot,
    message::Message,
    meta::Oid,
    peer::{Peer, PeerError},
    preserve::Preserve,
    root::Halt,
    session::SessionError,
};
use model::{
    Epoch, Mark,
    agent_status::{LinkState, Progress},
    elements::{preserve::Loss, synchronization::Synchronization},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, sync_channel},
    },
    time::{Duration, Instant},
};

/// How often the target hears how far it is complete.
const HEARTBEAT_EVERY: Duration = Duration::from_millis(250);
/// How often a stop is looked for while waiting.
const STEP: Duration = Duration::from_millis(50);
/// How often progress is reported at most.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// How a target is to be fed.
#[derive(Clone, Debug, Default)]
pub struct FollowOptions {
    /// What differs at the target is moved to the quarantine of this epoch first.
    pub set_aside: Option<Epoch>,
    pub synchronization: Synchronization,
    /// Compare and copy everything, whatever the target holds.
    pub force_mirror: bool,
    /// What the target's roots may be without, in the order of the roots; a root that is not there may lack nothing.
    pub lossy: Vec<BTreeSet<Loss>>,
}

impl FollowOptions {
    /// What is kept in each root of the target.
    pub(super) fn preserve_at(&self, config: &SourceConfig) -> Vec<Preserve> {
        preserve_at(config, &self.lossy)
    }
}

/// What is kept in each root of a target that may be without `lossy`.
pub(super) fn preserve_at(config: &SourceConfig, lossy: &[BTreeSet<Loss>]) -> Vec<Preserve> {
    let at = |root: usize| lossy.get(root).map_or(config.preserve, |lossy| config.preserve.without_all(lossy));
    (0..config.roots.len()).map(at).collect()
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Follow {
    pub state: LinkState,
    pub progress: Option<Progress>,
    pub synced: Option<Mark>,
}

pub(super) struct Link<'a> {
    pub shared: &'a Arc<Shared>,
    pub target: String,
    pub peer: &'a mut dyn Peer,
    stop: &'a AtomicBool,
    progress: &'a dyn Fn(Follow),
    /// The furthest position that was sent.
    pub sent: Mark,
    pub synced: Option<Mark>,
    follow: Follow,
    heartbeat: Instant,
    reported: Instant,
}

impl<'a> Link<'a> {
    pub fn new(
        source: &'a Source,
        target: &str,
        peer: &'a mut dyn Peer,
        progress: &'a dyn Fn(Follow),
        stop: &'a AtomicBool,
    ) -> Self {
        let now = Instant::now();
        let follow = Follow { state: LinkState::Down, progress: None, synced: None };
        Self {
            shared: source.shared(),
            target: target.to_owned(),
            peer,
            stop,
            progress,
            sent: Mark::default(),
            synced: None,
            follow,
            heartbeat: now,
            reported: now,
        }
    }

    pub fn check_stop(&self) -> Result<(), SessionError> {
        if self.stopped()() { Err(SessionError::Stopped) } else { Ok(()) }
    }

    /// The question whether this session, or the whole source, is to end; for work that takes long.
    pub fn stopped(&self) -> impl Fn() -> bool + use<'a> {
        let (shared, stop) = (self.shared, self.stop);
        move || stop.load(Relaxed) || shared.stop.load(Relaxed)
    }

    /// Sends, after taking what the target has said: neither side waits for the other for ever.
    pub fn send(&mut self, message: Message) -> Result<(), SessionError> {
        self.take_waiting()?;
        if let Err(error) = self.peer.send(message) {
            return Err(self.last_words().err().unwrap_or(error.into()));
        }
        Ok(())
    }

    /// Takes what a target said that does not take anything any more: why it ended the session may be on its way.
    fn last_words(&mut self) -> Result<(), SessionError> {
        while let Some(message) = self.peer.receive(STEP)? {
            self.take(message)?;
        }
        Ok(())
    }

    /// Takes everything the target has said.
    pub fn take_waiting(&mut self) -> Result<(), SessionError> {
        self.check_stop()?;
        while let Some(message) = self.peer.receive(Duration::ZERO)? {
            self.take(message)?;
        }
        Ok(())
    }

    /// The next message that is not an acknowledgement.
    pub fn expect(&mut self, limit: Duration) -> Result<Message, SessionError> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            self.check_stop()?;
            match self.peer.receive(STEP)? {
                Some(
                    message @ (Message::Ack { .. }
                    | Message::Diverged { .. }
                    | Message::Stalled { .. }
                    | Message::Failed { .. }),
                ) => {
                    self.take(message)?;
                }
                Some(message) => return Ok(message),
                None => {}
            }
        }
        Err(PeerError::Failed("the target is silent".into()).into())
    }

    fn take(&mut self, message: Message) -> Result<(), SessionError> {
        match message {
            Message::Ack { synced, .. } => self.acknowledge(synced),
            Message::Diverged { oid, blocks } => {
                tracing::warn!(target = %self.target, %oid, blocks = blocks.len(), "blocks of a file are others at the target; what they should be is sent");
                self.shared.order(Command::Repair { oid, blocks }).map_err(session_error)
            }
            Message::Stalled { why } | Message::Failed { why } => Err(SessionError::Refused(why)),
            other => Err(SessionError::Protocol(format!("a message of type {:#x} from the target", other.kind()))),
        }
    }

    fn acknowledge(&mut self, synced: Option<Mark>) -> Result<(), SessionError> {
        let Some(mark) = synced.filter(|mark| self.synced.is_none_or(|before| before != *mark)) else {
            return Ok(());
        };
        if mark > self.sent || self.synced.is_some_and(|before| mark < before) {
            return Err(SessionError::Protocol(format!("{mark} is acknowledged, {} was sent", self.sent)));
        }
        failpoint::pass("source.ack");
        self.note_synced(mark);
        if self.reported.elapsed() >= REPORT_EVERY || mark == self.sent {
            self.tell();
        }
        Ok(())
    }

    fn note_synced(&mut self, mark: Mark) {
        self.synced = Some(mark);
        self.follow.synced = Some(mark);
        let mut status = self.shared.lock();
        status.acked.insert(self.target.clone(), mark);
        status.pins.remove(&self.target);
        status.acked_changed = true;
        drop(status);
        self.shared.changed.notify_all();
    }

    /// The target is at `from` and goes on from there. Returns the lineage.
    pub fn go_on(&mut self, from: Mark) -> Vec<u8> {
        self.sent = from;
        self.note_synced(from);
        self.shared.lock().lineage.clone().into_bytes()
    }

    /// The session is over: nothing is kept for a target that did not get to a position.
    pub fn leave(&mut self) {
        let mut status = self.shared.lock();
        status.pins.remove(&self.target);
        status.acked_changed = true;
        drop(status);
        self.report(LinkState::Down, None);
    }

    pub fn heartbeat_is_due(&mut self) -> bool {
        let due = self.heartbeat.elapsed() >= HEARTBEAT_EVERY;
        if due {
            self.heartbeat = Instant::now();
        }
        due
    }

    pub fn report(&mut self, state: LinkState, progress: Option<Progress>) {
        self.follow.state = state;
        self.follow.progress = progress;
        self.tell();
    }

    /// As `report`, but not more often than is of use.
    pub fn report_seldom(&mut self, progress: impl FnOnce() -> Progress) {
        if self.reported.elapsed() >= REPORT_EVERY {
            self.follow.progress = Some(progress());
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.reported = Instant::now();
        (self.progress)(self.follow.clone());
    }

    /// Waits for the first scan. Returns the first root that is halted.
    pub fn wait_scanned(&mut self, limit: Duration) -> Result<Option<Halt>, SessionError> {
        let begin = Instant::now();
        loop {
            self.check_stop()?;
            {
                let status = self.shared.lock();
                if status.scanned {
                    return Ok(Roots(status.slots.clone()).halt().cloned());
                }
                if begin.elapsed() < limit && !status.ended {
                    drop(self.shared.wait(status, STEP));
                    continue;
                }
            }
            return Err(SessionError::Refused("the source has not scanned its roots yet".into()));
        }
    }

    /// The index as it is now; everything after it is kept for this target.
    pub fn snapshot(&mut self, anew: bool) -> Result<Snapshot, SessionError> {
        let (reply, answer) = sync_channel(1);
        let target = self.target.clone();
        self.shared.order(Command::Snapshot { target, anew, reply }).map_err(session_error)?;
        self.answered(&answer)
    }

    /// Has objects said again; they will be, whatever becomes of this session and of the source. `given` is what the
    /// target has of large files now.
    pub fn order_again(&mut self, oids: Vec<Oid>, given: Vec<Given>) -> Result<(), SessionError> {
        let (reply, answer) = sync_channel(1);
        self.shared.order(Command::Again { oids, given, reply }).map_err(session_error)?;
        self.answered(&answer)
    }

    fn answered<T>(&self, answer: &Receiver<Result<T, SourceError>>) -> Result<T, SessionError> {
        loop {
            self.check_stop()?;
            match answer.recv_timeout(STEP) {
                Ok(answer) => return answer.map_err(session_error),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Err(SessionError::Stopped),
                Err(_) if self.shared.lock().ended => return Err(SessionError::Stopped),
                Err(_) => {}
            }
        }
    }

    /// The roots as they are held now. Fails when one is halted: nothing may be concluded from it.
    pub fn roots(&self) -> Result<Roots, SessionError> {
        let roots = Roots(self.shared.lock().slots.clone());
        match roots.halt() {
            Some(halt) => Err(SessionError::Halted(halt.clone())),
            None => Ok(roots),
        }
    }
}

pub(super) fn session_error(error: SourceError) -> SessionError {
    match error {
        SourceError::Halted(halt) => SessionError::Halted(halt),
        SourceError::Index(error) => SessionError::Store(error),
        SourceError::Io(source) => SessionError::Io { what: "reading the source".into(), source },
        SourceError::Stopped => SessionError::Stopped,
        other => SessionError::Io { what: other.to_string(), source: std::io::ErrorKind::Other.into() },
    }
}
