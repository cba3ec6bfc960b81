//! The source by itself: what it captures is what is there.

mod copy;
mod flags;
mod fuzz;
mod lab;
mod patch;
mod lacks;
mod preserve;
mod scan;
mod stream;
