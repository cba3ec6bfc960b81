//! Stands in for the source's sessions until the replication crate has them.
#![allow(dead_code, unused_variables)]
use model::{Epoch, Mark, agent_status::*, elements::synchronization::Synchronization, errand::Comparison};
use replication::{peer::Peer, session::SessionError, source::Source};
use std::sync::atomic::AtomicBool;

pub struct FollowOptions {
    pub set_aside: Option<Epoch>,
    pub synchronization: Synchronization,
    pub force_mirror: bool,
}
pub struct Follow {
    pub state: LinkState,
    pub progress: Option<Progress>,
    pub synced: Option<Mark>,
}
pub fn follow(
    source: &Source,
    target: &str,
    options: FollowOptions,
    peer: &mut dyn Peer,
    progress: &dyn Fn(Follow),
    stop: &AtomicBool,
) -> Result<(), SessionError> {
    Ok(())
}
pub fn compare(source: &Source, peer: &mut dyn Peer, stop: &AtomicBool) -> Result<Comparison, SessionError> {
    Ok(Comparison::default())
}
