//! Agents' sessions on port 25002. Nothing is answered that `wire::access` does not allow.

mod expiry;
mod greeting;
mod join;
mod limit;
mod listener;
mod renew;
mod session;

pub use expiry::watch_certificates;
pub use join::JoinLimits;
pub use limit::{Bucket, Failures};
pub use listener::listen;
