//! The source by itself: what it captures is what is there.

mod fuzz;
mod lab;
mod scan;
mod stream;
