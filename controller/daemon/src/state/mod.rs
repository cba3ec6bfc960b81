//! What the tasks of the controller share, each behind its own small lock.

mod feed;
mod posts;
mod roster;
mod triggers;

pub use feed::{Feed, now};
pub use posts::Posts;
pub use roster::{Roster, Seen, SessionId, Sitting};
pub use triggers::{Triggered, Triggers};

#[cfg(test)]
mod tests;
