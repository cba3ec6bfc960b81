//! Standin and those it is measured beside.
//!
//! None of the others makes what it copied durable by itself, and none but Syncthing encrypts: both are in their favour.

mod lsyncd;
mod rsync;
mod standin;
mod syncthing;

pub use lsyncd::{Lsyncd, Notices};
pub use rsync::{Rsync, RsyncLoop};
pub use standin::Standin;
pub use syncthing::Syncthing;

use crate::place::{Exactness, Place};
use anyhow::Result;
use std::time::Duration;

/// The name of our own side in all tables.
pub const OURS: &str = "standin";

/// Somebody who makes the replica follow the source, and did so once already. It ends when this is dropped.
pub trait Follower {
    /// Processor time of both sides until now.
    fn cpu(&mut self) -> Result<Duration>;

    /// Bytes that went over the wire until now, both ways.
    fn wire_bytes(&self) -> Result<u64>;

    /// Highest resident memory so far, of all its processes together.
    fn memory_bytes(&mut self) -> Result<u64>;

    fn exactness(&self) -> Exactness {
        Exactness::Everything
    }
}

/// Starts a follower and waits until it has made the first copy and follows.
pub type Start = fn(&Place) -> Result<Box<dyn Follower>>;

/// The followers by name, and the program that each needs.
pub const STANDIN: (&str, Start) = (OURS, |place| Ok(Box::new(Standin::following(place)?)));
pub const LSYNCD: (&str, Start) = ("lsyncd", |place| Ok(Box::new(Lsyncd::following(place, Notices::Closing)?)));
pub const LSYNCD_OPEN: (&str, Start) = ("lsyncd", |place| Ok(Box::new(Lsyncd::following(place, Notices::Writing)?)));
pub const SYNCTHING: (&str, Start) = ("syncthing", |place| Ok(Box::new(Syncthing::following(place)?)));
pub const RSYNC_LOOP: (&str, Start) = ("rsync loop", |place| Ok(Box::new(RsyncLoop::following(place)?)));
