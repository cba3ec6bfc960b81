//! The HTTP API: exactly the routes and types of `wire::api`, on the Unix socket for local users, and on the network
//! for whoever has a token.

pub mod accounts;
mod certificate;
mod changes;
mod extract;
mod gate;
mod hosts;
mod network;
mod problem;
mod quiet;
mod reads;
mod routes;
mod socket;
mod watch;

pub use certificate::{ApiCertificate, ApiError};
pub use network::{ApiConfig, Door};
pub use problem::Refusal;
pub use routes::serve;
pub use socket::Socket;

#[cfg(test)]
mod tests;
