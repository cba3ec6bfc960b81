//! Which agents are here, and what each said last.

use model::{AgentStatus, HostName, Timestamp};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// Replaced instances of one agent that are remembered.
const REPLACED_MAX: usize = 16;

/// Identifies one session, for as long as the controller lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(u64);

/// How a new session was received.
#[derive(Debug)]
pub enum Sitting {
    /// It is the host's session now; it ends when `closed` is cancelled.
    Seated { id: SessionId, closed: CancellationToken },
    /// It was replaced before by the one that is here: two agents run under one identity.
    Duplicate,
}

/// What is known of one host's agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub status: AgentStatus,
    /// Whether its session has reported; an older report says what was, not what is.
    pub connected: bool,
    pub last_seen: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Seat {
    seen: Seen,
    session: Option<Session>,
    replaced: VecDeque<String>,
    unsaved: bool,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    instance: String,
    closed: CancellationToken,
}

/// Which agents are here, and what each said last.
#[derive(Debug, Default)]
pub struct Roster {
    seats: Mutex<(u64, BTreeMap<HostName, Seat>)>,
}

impl Roster {
    /// Starts with what was stored: known, and not connected.
    pub fn remember(&self, host: HostName, status: AgentStatus, last_seen: Timestamp) {
        let seen = Seen { status, connected: false, last_seen: Some(last_seen) };
        self.hold().1.entry(host).or_default().seen = seen;
    }

    /// Receives a session. The newest wins and closes the one before; one that was replaced cannot come back
    /// while its successor is here, so that two clones do not push each other out for ever.
    pub fn sit(&self, host: &HostName, instance: &str) -> Sitting {
        let mut guard = self.hold();
        let (last, seats) = &mut *guard;
        let seat = seats.entry(host.clone()).or_default();
        if let Some(session) = &seat.session {
            if session.instance != instance && seat.replaced.iter().any(|known| known == instance) {
                return Sitting::Duplicate;
            }
            session.closed.cancel();
            if session.instance != instance {
                seat.replaced.push_back(session.instance.clone());
                if seat.replaced.len() > REPLACED_MAX {
                    seat.replaced.pop_front();
                }
            }
        }
        *last += 1;
        let (id, closed) = (SessionId(*last), CancellationToken::new());
        seat.session = Some(Session { id, instance: instance.to_owned(), closed: closed.clone() });
        seat.seen.connected = false;
        Sitting::Seated { id, closed }
    }

    /// Takes a report. Answers whether it is the first of its session, or `None` when the session was replaced.
    pub fn report(&self, host: &HostName, id: SessionId, status: AgentStatus, at: Timestamp) -> Option<bool> {
        let mut guard = self.hold();
        let seat = guard.1.get_mut(host).filter(|seat| seat.session.as_ref().is_some_and(|s| s.id == id))?;
        let first = !seat.seen.connected;
        seat.seen = Seen { status, connected: true, last_seen: Some(at) };
        seat.unsaved = true;
        Some(first)
    }

    /// Ends a session. Answers whether it had reported and was not replaced: whether the host is gone by it.
    pub fn leave(&self, host: &HostName, id: SessionId) -> bool {
        let mut guard = self.hold();
        let Some(seat) = guard.1.get_mut(host).filter(|seat| seat.session.as_ref().is_some_and(|s| s.id == id)) else {
            return false;
        };
        seat.session = None;
        std::mem::take(&mut seat.seen.connected)
    }

    /// Closes the session of a host whose key is no longer good.
    pub fn close(&self, host: &HostName) {
        if let Some(session) = self.hold().1.get(host).and_then(|seat| seat.session.as_ref()) {
            session.closed.cancel();
        }
    }

    /// Forgets a host that was deleted; its session, if there is one, ends.
    pub fn forget(&self, host: &HostName) {
        let session = self.hold().1.remove(host).and_then(|seat| seat.session);
        session.inspect(|session| session.closed.cancel());
    }

    pub fn seen(&self) -> BTreeMap<HostName, Seen> {
        self.hold().1.iter().map(|(host, seat)| (host.clone(), seat.seen.clone())).collect()
    }

    /// Reports that were not stored yet; each is answered once.
    pub fn unsaved(&self) -> Vec<(HostName, AgentStatus, Timestamp)> {
        let mut guard = self.hold();
        let mut unsaved = Vec::new();
        for (host, seat) in &mut guard.1 {
            if std::mem::take(&mut seat.unsaved) {
                unsaved.push((host.clone(), seat.seen.status.clone(), seat.seen.last_seen.unwrap_or_default()));
            }
        }
        unsaved
    }

    fn hold(&self) -> MutexGuard<'_, (u64, BTreeMap<HostName, Seat>)> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
