//! The receiving end: batches are staged, recorded, placed beneath held roots, and acknowledged.
//!
//! A record of a batch goes to the `map` (what the target has, by the source's object numbers) and to the staging
//! directory of a root (`incoming`). When the end of the batch has come and fits, everything is synced, checked to make
//! a tree (`check`) and committed as *pending*; then it is placed (`place`), and a second commit moves the mark. A crash
//! before the first commit leaves only things to sweep; after it the batch is placed again from the record alone.
//! Nothing the target did not put in its place itself is ever overwritten or deleted outside of a synchronization: it
//! goes to the `quarantine`.

mod ability;
mod carry;
mod check;
mod disk;
mod diverged;
mod engine;
mod fixed;
mod incoming;
mod inherit;
mod map;
mod mirror;
mod patch;
mod place;
mod quarantine;
mod recorded;
mod removal;
mod report;
mod rights;
mod serve;
mod settle;
mod shared;
mod synchronize;
#[cfg(test)]
mod tests;

pub use report::TargetReport;
pub use serve::serve;
pub use shared::{Target, TargetConfig, TargetError, forget};
