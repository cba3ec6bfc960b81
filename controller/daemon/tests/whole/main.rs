//! A whole controller in this process, on loopback and a temporary directory, with fake agents that speak the real
//! control protocol over real TLS.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod agent;
mod applies;
mod fixture;
mod follows;
mod http;
mod joins;
mod network;
mod people;
mod plans;
mod renewals;
mod restored;
mod runs;
mod starts;
