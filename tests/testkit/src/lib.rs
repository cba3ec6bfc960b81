//! What tests of the whole are built from: a fleet of real processes, trees with everything a file system can hold,
//! writers that keep a tree busy, and comparisons by programs that are not ours.
//!
//! Everything lies below one temporary directory and listens on loopback addresses of its own; all of it goes when
//! the `Fleet` is dropped, also when a test panics.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod address;
mod binary;
mod compare;
mod daemon;
mod fleet;
mod home;
mod relay;
mod said;
mod skip;
mod tree;
mod wait;
mod writer;

pub use binary::standin;
pub use compare::{assert_equal, rsync_differences, rsync_equal};
pub use daemon::Daemon;
pub use fleet::{Builder, Fleet};
pub use relay::Relay;
pub use said::Said;
pub use skip::{has, is_root, skip};
pub use tree::Tree;
pub use wait::wait_until;
pub use writer::{Limit, Writer, Written};

#[cfg(test)]
mod tests;
