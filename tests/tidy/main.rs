//! What the compiler does not check of the shape of this repository.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crates;
mod dependencies;
mod reached;
mod tree;
mod workspace;
