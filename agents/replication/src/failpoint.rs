//! Places where a test may kill the process. Off, a failpoint costs one relaxed load.
//!
//! `main` arms them from `STANDIN_FAILPOINT=NAME:COUNT` (libraries do not read the environment): the process aborts,
//! as by `kill -9`, when the place is passed for the COUNTth time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

static ARMED: AtomicBool = AtomicBool::new(false);
static LEFT: AtomicU64 = AtomicU64::new(0);
static NAME: OnceLock<String> = OnceLock::new();

/// Every failpoint of this crate and of the agent; a test arms each in turn.
pub const ALL: &[&str] = &[
    "source.scan",
    "source.index.commit",
    "source.spool.append",
    "source.spool.sync",
    "source.spool.trim",
    "source.send",
    "source.ack",
    "mirror.listing",
    "mirror.decide",
    "mirror.part",
    "target.receive",
    "target.stage",
    "target.patch",
    "target.place",
    "target.meta",
    "target.index.commit",
    "target.ack",
    "target.setAside",
    "target.orphans",
    "agent.spec.stored",
    "agent.epoch.stored",
    "agent.errand.begun",
    "agent.errand.done",
    "agent.service",
];

/// Arms `name`; later calls are ignored. Returns false for a name that does not exist.
pub fn arm(name: &str, count: u64) -> bool {
    let known = ALL.contains(&name);
    if known && NAME.set(name.to_owned()).is_ok() {
        LEFT.store(count.max(1), Relaxed);
        ARMED.store(true, Relaxed);
    }
    known
}

/// Aborts the process if `name` is armed and its count is used up.
pub fn pass(name: &'static str) {
    debug_assert!(ALL.contains(&name), "failpoint {name} is not in the list");
    if ARMED.load(Relaxed) && NAME.get().is_some_and(|armed| armed == name) && LEFT.fetch_sub(1, Relaxed) == 1 {
        std::process::abort();
    }
}
