//! The source by itself: what it captures is what is there.

mod copy;
mod flags;
mod fuzz;
mod lab;
mod patch;
mod lacks;
mod links;
mod preserve;
mod scan;
mod sparse;
mod stream;
