//! The source by itself: what it captures is what is there.

mod audit;
mod blind;
mod copy;
mod disk;
mod fuzz;
mod hammer;
mod lab;
mod limits;
mod mounts;
mod patch;
mod scan;
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
#[path = "../../../../tests/testkit/src/skip.rs"]
mod skip;
mod stream;
mod torment;
