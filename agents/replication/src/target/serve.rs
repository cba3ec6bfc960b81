//! One session of a stream, on the side that receives.

use super::diverged::Asked;
use super::engine::{Engine, Placed, Position};
use super::{Target, mirror};
use crate::failpoint;
use crate::message::Message;
use crate::peer::{Peer, PeerError};
use crate::session::SessionError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, SessionError>;

/// How long one wait for a message takes, and so how fast a stop is noticed.
const WAIT: Duration = Duration::from_millis(100);
/// How long a source may take to say what kind of session it wants.
/// Longer than a source waits, before a comparison, for a barrier and for what was written until then to arrive.
const FIRST_MESSAGE_MAX: Duration = Duration::from_secs(300);
/// How long a source may be silent while it follows changes; it sends a heartbeat four times a second when idle.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// How long a source may be silent while it compares its files with a listing; it reads all of them then.
const DECISION_MAX: Duration = Duration::from_secs(24 * 3600);
/// How often the roots' identity is looked at.
const ROOTS_CHECKED_EVERY: Duration = Duration::from_secs(2);

/// Serves one session over `peer` until it ends or `stop` is set. A newer session takes over from an older one;
/// comparisons run beside.
///
/// **Assumes** that the epoch of the source was compared when the connection was greeted, and that whoever holds the
/// target stops its sessions when the epoch changes: older batches of the same lineage may still come.
pub fn serve(target: &Target, peer: &mut dyn Peer, stop: &AtomicBool) -> Result<()> {
    let number = target.next_session();
    let mut session = Session { target, peer, stop, number, roots_checked: Instant::now(), asked: Asked::default() };
    let result = session.run();
    if let Err(error) = &result {
        session.tell(error);
    }
    result
}

struct Session<'a> {
    target: &'a Target,
    peer: &'a mut dyn Peer,
    stop: &'a AtomicBool,
    number: u64,
    roots_checked: Instant,
    asked: Asked,
}

impl Session<'_> {
    fn run(&mut self) -> Result<()> {
        let Position { lineage, synced, dirty, drifted, .. } = self.target.recovered()?;
        self.peer.send(Message::Welcome { lineage, synced, dirty: dirty || drifted })?;
        match self.receive(FIRST_MESSAGE_MAX)? {
            Message::Compare { root } => self.compare(root),
            Message::Continue { lineage, from } => {
                let position = self.target.take_over(self.number)?;
                if position.lineage.as_ref() != Some(&lineage) || position.synced != Some(from) || position.dirty {
                    return Err(SessionError::Protocol("the target is not where the source goes on from".to_owned()));
                }
                self.target.goes_on();
                self.ask_for_diverged()?;
                self.follow(SILENCE_MAX)
            }
            Message::Mirror { lineage, hash, orphans, set_aside } => {
                self.target.take_over(self.number)?;
                self.owned(|engine| engine.begin_mirror(&lineage, orphans, set_aside))?;
                self.target.clear_problems();
                self.send_listing(hash, None)?;
                self.follow(DECISION_MAX)
            }
            Message::Failed { why } => Err(SessionError::Refused(why)),
            other => Err(SessionError::Protocol(format!("{:#x} as the first message", other.kind()))),
        }
    }

    /// The next message, within `limit`.
    fn receive(&mut self, limit: Duration) -> Result<Message> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            self.alive()?;
            if let Some(message) = self.peer.receive(WAIT)? {
                return Ok(message);
            }
        }
        Err(PeerError::Failed("the peer is silent".to_owned()).into())
    }

    fn alive(&mut self) -> Result<()> {
        if self.stop.load(Relaxed) {
            return Err(SessionError::Stopped);
        }
        if self.roots_checked.elapsed() >= ROOTS_CHECKED_EVERY {
            self.roots_checked = Instant::now();
            self.target.check_roots()?;
        }
        Ok(())
    }

    /// Does something with the engine, unless another session has taken over.
    fn owned<T>(&self, work: impl FnOnce(&mut Engine) -> Result<T>) -> Result<T> {
        self.target.with_engine(Some(self.number), work)
    }

    fn compare(&mut self, mut asked: Option<u32>) -> Result<()> {
        loop {
            self.send_listing(true, asked)?;
            match self.receive(DECISION_MAX) {
                Ok(Message::Compare { root }) => asked = root,
                Ok(_) => return Err(SessionError::Protocol("a comparison changes nothing".to_owned())),
                Err(SessionError::Peer(PeerError::Ended)) => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    fn send_listing(&mut self, digests: bool, only: Option<u32>) -> Result<()> {
        let roots = self.target.with_engine(None, |engine| Ok(engine.roots()))?;
        let roots = match only {
            None => roots.as_slice(),
            Some(root) => roots.get(root as usize).map(std::slice::from_ref).ok_or_else(|| {
                SessionError::Protocol(format!("root {root} was asked for and there are {}", roots.len()))
            })?,
        };
        let stop = self.stop;
        mirror::send_listing(roots, digests, self.peer, &|| stop.load(Relaxed))
    }

    /// Takes what the source sends, until the session ends.
    fn follow(&mut self, mut silence: Duration) -> Result<()> {
        loop {
            let message = self.receive(silence)?;
            match message {
                Message::BatchBegin { mark, kind, .. } => self.owned(|engine| engine.begin_batch(mark, kind))?,
                Message::BatchEnd { mark, records, digest } => {
                    let placed = self.owned(|engine| engine.end_batch(mark, records, digest))?;
                    self.placed(Some(mark), placed)?;
                }
                Message::SetAside { root, path, why } => {
                    self.owned(|engine| engine.set_aside(root, &path, &why))?;
                    self.target.changed();
                }
                Message::MirrorEnd { mark, complete } => {
                    let placed = self.owned(|engine| engine.end_mirror(mark, complete))?;
                    silence = SILENCE_MAX;
                    self.target.goes_on();
                    self.placed(Some(mark), placed)?;
                }
                Message::Heartbeat { at, .. } => {
                    self.target.heartbeat(at);
                    self.ack(None)?;
                }
                Message::Failed { why } => return Err(SessionError::Refused(why)),
                record => self.owned(|engine| engine.record(record))?,
            }
        }
    }

    fn placed(&mut self, mark: Option<model::Mark>, placed: Placed) -> Result<()> {
        let lost = placed.lost.join("; ");
        self.target.placed(placed)?;
        self.ask_for_diverged()?;
        self.ack(mark)?;
        if lost.is_empty() { Ok(()) } else { Err(SessionError::Drifted(lost)) }
    }

    /// Asks for blocks that are not what they should be.
    fn ask_for_diverged(&mut self) -> Result<()> {
        let asked = &mut self.asked;
        let asks = self.target.with_engine(Some(self.number), |engine| Ok(asked.next(&engine.map)?))?;
        asks.into_iter().try_for_each(|message| Ok(self.peer.send(message)?))
    }

    /// Tells how far the target is. Everything that came before was applied, as messages are taken one by one.
    fn ack(&mut self, applied: Option<model::Mark>) -> Result<()> {
        let position = self.owned(|engine| engine.position())?;
        failpoint::pass("target.ack");
        let heartbeat = self.target.last_heartbeat();
        self.peer.send(Message::Ack { applied: applied.or(position.synced), synced: position.synced, heartbeat })?;
        Ok(())
    }

    /// Tells the peer and the report why the session ended, and drops a batch that did not come whole.
    fn tell(&mut self, error: &SessionError) {
        self.target.session_failed(self.number, error);
        let why = match error {
            SessionError::Peer(_) | SessionError::Refused(_) | SessionError::Stopped => return,
            error if error.is_full() => {
                // Whoever cannot be told will find out by reconnecting.
                let _ = self.peer.send(Message::Stalled { why: "the target's disk is full".to_owned() });
                return;
            }
            other => other.to_string(),
        };
        let _ = self.peer.send(Message::Failed { why });
    }
}
