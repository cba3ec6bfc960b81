//! Plans and runs as people ask for them.

mod follow;
mod person;
mod start;

pub use person::{abort, resume};
pub use start::{plan, plan_manifest, start};
