//! Links between agents: the source of a stream dials its target.
//!
//! `listen` takes connections, `greet` decides whether a greeting matches this host's own spec, `dial` keeps the
//! outgoing ones by the limits in force (`bandwidth`, `outflow`). A link that stands is two tasks (`pump`) between TLS and the blocking session thread (`session`).

mod bandwidth;
mod bucket;
pub mod dial;
pub mod greet;
pub mod listen;
pub mod outflow;
pub mod pump;
pub mod session;

use std::time::Duration;

/// Longest time for each part of making a link: connecting, TLS, greeting, answer.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Largest greeting, and largest answer.
pub const GREETING_BYTES_MAX: usize = 16 << 10;
