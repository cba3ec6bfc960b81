//! The source by itself: what it captures is what is there.

mod blind;
mod copy;
mod disk;
mod fuzz;
mod lab;
mod patch;
mod scan;
#[path = "../../../../tests/testkit/src/skip.rs"]
mod skip;
mod stream;
