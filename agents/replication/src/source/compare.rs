//! A full comparison with what a target has, which changes nothing.

use super::{
    Source,
    link::{Link, preserve_at, session_error},
};
use crate::{
    compare,
    listing::{Listing, Wanted},
    message::{Entry, Message},
    peer::Peer,
    preserve::Preserve,
    root::{HeldRoot, Side},
    session::SessionError,
};
use model::{MemberName, RootName, elements::preserve::Loss, errand::Comparison};
use std::{
    collections::BTreeSet,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

/// How often the two sides are compared again when something changed meanwhile.
const ROUNDS: u32 = 3;
/// How long a barrier, and the target's reaching it, are waited for.
const SETTLE_MAX: Duration = Duration::from_secs(120);
const LISTING_MAX: Duration = Duration::from_secs(24 * 3600);

/// Compares one root, or all of them, with the target at the other end of `peer`, whose roots may be without what is in
/// `lossy`. When changes flowed meanwhile and differences were
/// found, it is done again, three times at most.
pub fn compare(
    source: &Source,
    target: &str,
    only: Option<&RootName>,
    lossy: &[BTreeSet<Loss>],
    peer: &mut dyn Peer,
    stop: &AtomicBool,
) -> Result<Comparison, SessionError> {
    let nothing = |_| {};
    let mut link = Link::new(source, target, peer, &nothing, stop);
    let Message::Welcome { .. } = link.expect(Duration::from_secs(60))? else {
        return Err(SessionError::Protocol("the target does not begin with what it holds".into()));
    };
    let roots = hold_roots(source)?;
    let only = only.map(|name| position(&roots, name)).transpose()?;
    let preserve = preserve_at(&source.shared().config, lossy);
    let mut round = 1;
    loop {
        let before = settled(source, target, &link)?;
        link.send(Message::Compare { root: only })?;
        let found = once(&mut link, &roots, only, &preserve)?;
        let after = source.barrier(SETTLE_MAX).map_err(session_error)?;
        if found.differences == 0 || before == after || round == ROUNDS {
            return Ok(found);
        }
        round += 1;
    }
}

/// Waits until the target has everything written so far. One that is just being copied, or has lost its session for a
/// moment, is waited for as well: what it has not got yet is no difference that anybody asked for.
fn settled(source: &Source, target: &str, link: &Link<'_>) -> Result<model::Mark, SessionError> {
    let mark = source.barrier(SETTLE_MAX).map_err(session_error)?;
    let begin = Instant::now();
    let mut status = link.shared.lock();
    while status.acked.get(target).is_none_or(|synced| *synced < mark) && begin.elapsed() < SETTLE_MAX {
        status = link.shared.wait(status, Duration::from_millis(50));
        link.check_stop()?;
    }
    Ok(mark)
}

fn hold_roots(source: &Source) -> Result<Vec<HeldRoot>, SessionError> {
    let config = &source.shared().config;
    config
        .roots
        .iter()
        .enumerate()
        .map(|(index, root)| Ok(HeldRoot::open(&config.scenario, index as u32, root, &config.state, Side::Source)?))
        .collect()
}

/// The index of the root of this name.
fn position(roots: &[HeldRoot], name: &RootName) -> Result<u32, SessionError> {
    let found = roots.iter().find(|root| root.config.name == *name).map(|root| root.index);
    found.ok_or_else(|| SessionError::Refused(format!("there is no root {name}")))
}

fn once(
    link: &mut Link<'_>,
    roots: &[HeldRoot],
    only: Option<u32>,
    preserve: &[Preserve],
) -> Result<Comparison, SessionError> {
    let names: Vec<_> = roots.iter().map(|root| root.config.name.clone()).collect();
    let ours = only.map_or(roots, |root| std::slice::from_ref(&roots[root as usize]));
    let (stopped, member) = (link.stopped(), MemberName::new(link.target.as_str()));
    let mut ours = Listing::new(ours, Wanted { digests: true }, &stopped);
    let mut theirs = Received { link, entries: Vec::new().into_iter(), unreadable: None };
    let mut found = compare::compare(ours.by_ref(), theirs.by_ref(), &names, &member, preserve)?;
    // A comparison may end before the other side has said everything.
    for entry in theirs.by_ref() {
        entry?;
    }
    found.unreadable += ours.unreadable() + theirs.unreadable.unwrap_or(0);
    Ok(found)
}

/// The target's listing as it comes.
struct Received<'l, 'a> {
    link: &'l mut Link<'a>,
    entries: std::vec::IntoIter<Entry>,
    unreadable: Option<u64>,
}

impl Iterator for Received<'_, '_> {
    type Item = Result<Entry, SessionError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(Ok(entry));
            }
            if self.unreadable.is_some() {
                return None;
            }
            match self.link.expect(LISTING_MAX) {
                Ok(Message::Listing(entries)) => self.entries = entries.into_iter(),
                Ok(Message::ListingEnd { unreadable }) => self.unreadable = Some(unreadable),
                Ok(other) => {
                    self.unreadable = Some(0);
                    let why = format!("{:#x} within a listing", other.kind());
                    return Some(Err(SessionError::Protocol(why)));
                }
                Err(error) => {
                    self.unreadable = Some(0);
                    return Some(Err(error));
                }
            }
        }
    }
}
