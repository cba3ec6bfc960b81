//! The source by itself: what it captures is what is there.

mod audit;
mod blind;
mod copy;
mod disk;
mod flags;
mod fuzz;
mod hammer;
mod lab;
mod lacks;
mod limits;
mod links;
mod mass;
mod mounts;
mod patch;
mod preserve;
mod scan;
#[allow(clippy::print_stdout, reason = "a skipped test says so")]
#[path = "../../../../tests/testkit/src/skip.rs"]
mod skip;
mod sparse;
mod stream;
mod torment;
