//! A session that feeds one target: where it goes on, and then change after change as they come.

use super::{
    Source,
    link::{Follow, FollowOptions, Link},
    mirror::mirror,
    resync::resync,
    status::now_nanos,
};
use crate::{
    failpoint,
    message::Message,
    peer::Peer,
    session::SessionError,
    spool::{Cursor, SpoolError},
};
use model::{Mark, agent_status::LinkState, elements::spool::OnFull};
use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

/// How long the target may take to say what it holds.
const WELCOME_MAX: Duration = Duration::from_secs(60);
/// How long the first scan is waited for within a session; the target waits a little longer.
const SCAN_MAX: Duration = Duration::from_secs(50);
/// Wait for a change while acknowledgements are outstanding, and while none are.
const WAIT_BUSY: Duration = Duration::from_millis(2);
const WAIT_IDLE: Duration = Duration::from_millis(20);

/// Feeds `target` over `peer` until the session ends or `stop` is set.
pub fn follow(
    source: &Source,
    target: &str,
    options: &FollowOptions,
    peer: &mut dyn Peer,
    progress: &dyn Fn(Follow),
    stop: &AtomicBool,
) -> Result<(), SessionError> {
    let mut link = Link::new(source, target, peer, progress, stop);
    let result = run(&mut link, options);
    link.leave();
    if let Err(error @ (SessionError::Halted(_) | SessionError::Protocol(_) | SessionError::Io { .. })) = &result {
        // Whoever cannot be told will find out by reconnecting.
        let _ = link.peer.send(Message::Failed { why: error.to_string() });
    }
    result
}

fn run(link: &mut Link<'_>, options: &FollowOptions) -> Result<(), SessionError> {
    link.report(LinkState::Connected, None);
    let Message::Welcome { lineage, synced, dirty } = link.expect(WELCOME_MAX)? else {
        return Err(SessionError::Protocol("the target does not begin with what it holds".into()));
    };
    let halt = link.wait_scanned(SCAN_MAX)?;
    let goes_on = {
        let status = link.shared.lock();
        synced.filter(|mark| {
            !dirty
                && !options.force_mirror
                && lineage.as_deref() == Some(status.lineage.as_bytes())
                && *mark <= status.last
                && mark.batch >= status.spool_base
        })
    };
    let at = match goes_on {
        Some(from) => {
            let lineage = link.go_on(from);
            link.send(Message::Continue { lineage, from })?;
            from
        }
        None => {
            if let Some(halt) = halt {
                return Err(SessionError::Halted(halt));
            }
            mirror(link, options, dirty)?
        }
    };
    tail(link, at)
}

/// Sends batch after batch, from the one after `at`.
fn tail(link: &mut Link<'_>, mut at: Mark) -> Result<(), SessionError> {
    let mut cursor = link.shared.spool.cursor(at.batch);
    let mut waits_full = false;
    link.sent = at;
    link.report(LinkState::Following, None);
    loop {
        link.take_waiting()?;
        heartbeat(link, at)?;
        let (last, gap, base) = {
            let status = link.shared.lock();
            (status.last, status.gap, status.spool_base)
        };
        if gap.is_some_and(|gap| gap.is_next_after(at.batch)) {
            let stops = link.shared.config.on_full == OnFull::Stop && gap.is_some_and(|gap| gap.open);
            waits_full |= stops;
            if !waits_full {
                at = resync(link, at)?;
                cursor = link.shared.spool.cursor(at.batch);
                link.report(LinkState::Following, None);
                continue;
            }
        } else if at.batch < base {
            return Err(SessionError::Refused("the spool does not reach back to the target's position".into()));
        } else if at.batch < last.batch {
            match next_batch(link, &mut cursor, at)? {
                Some(mark) => at = mark,
                None => cursor = link.shared.spool.cursor(at.batch),
            }
            continue;
        }
        wait(link, at)?;
    }
}

/// Tells up to when the target has everything, four times a second.
fn heartbeat(link: &mut Link<'_>, at: Mark) -> Result<(), SessionError> {
    if !link.heartbeat_is_due() {
        return Ok(());
    }
    let until = link.shared.lock().complete_until(at.batch, now_nanos());
    match until {
        Some(until) => link.send(Message::Heartbeat { at: until, mark: at }),
        None => Ok(()),
    }
}

fn wait(link: &mut Link<'_>, at: Mark) -> Result<(), SessionError> {
    let wait = if link.synced.is_some_and(|synced| synced >= at) { WAIT_IDLE } else { WAIT_BUSY };
    let status = link.shared.lock();
    if status.last.batch <= at.batch || status.gap.is_some() {
        drop(link.shared.wait(status, wait));
    }
    Ok(())
}

/// Sends one batch; `None` when the spool has changed under the cursor and the position must be looked at again.
fn next_batch(link: &mut Link<'_>, cursor: &mut Cursor, at: Mark) -> Result<Option<Mark>, SessionError> {
    let begin = Instant::now();
    let mut begun = false;
    loop {
        let record = match cursor.read() {
            Ok(record) => record,
            Err(error) => return Err(lost(link, &error)),
        };
        let Some(record) = record else {
            return Ok(None);
        };
        if !begun && record.batch != at.batch + 1 {
            let status = link.shared.lock();
            let known = status.gap.is_some_and(|gap| gap.is_next_after(at.batch)) || status.spool_base > at.batch;
            drop(status);
            if known || begin.elapsed() < Duration::from_millis(1) {
                return Ok(None);
            }
            return Err(lost(link, &SpoolError::Damaged(format!("batch {} is missing", at.batch + 1))));
        }
        begun = true;
        let message = Message::decode(record.kind, &record.body)
            .map_err(|error| lost(link, &SpoolError::Damaged(error.to_string())))?;
        failpoint::pass("source.send");
        if let Message::BatchEnd { mark, .. } = message {
            link.sent = link.sent.max(mark);
            link.send(message)?;
            return Ok(Some(mark));
        }
        link.send(message)?;
    }
}

/// What cannot be read is not guessed at: the next session synchronizes in full.
fn lost(link: &Link<'_>, error: &SpoolError) -> SessionError {
    if let SpoolError::Damaged(why) = error {
        // An engine that has ended will find it itself when it starts again.
        let _ = link.shared.order(super::command::Command::SpoolLost(why.clone()));
    }
    SessionError::Io { what: error.to_string(), source: std::io::ErrorKind::InvalidData.into() }
}
