//! The source by itself: what it captures is what is there.

mod copy;
mod flags;
mod fuzz;
mod lab;
mod lacks;
mod links;
mod patch;
mod preserve;
mod scan;
mod sparse;
mod stream;
