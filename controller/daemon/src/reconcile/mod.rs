//! From what is stored and what is seen to what each host should be. The only code that drives agents: for first
//! install, change, run, crash and restart alike.

mod advance;
mod board;
mod hosts;
mod load;
mod outdated;
mod publish;
mod show;
mod tick;

pub use board::{Board, Current, Entry};
pub use load::{LoadError, load};
pub use tick::reconcile;

pub(crate) use advance::shown;
pub(crate) use board::{observed, settings};
