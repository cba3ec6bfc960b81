//! Manifests outside of our own programs: what editors and CI make of the schemas and files that are shipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod ci_files;
mod corpus;
mod editors;
mod language_server;
mod tools;
