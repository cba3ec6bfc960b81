//! End to end: real processes, real sockets, real TLS, real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod changes;
mod demo;
mod failpoints;
mod faults;
mod histories;
mod kills;
mod mass_change;
mod plans;
mod remote;
mod replicate;
mod roles;
mod roots;
mod story;
mod verbs;
mod wrong_input;
