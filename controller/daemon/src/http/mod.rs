//! The HTTP API on the Unix socket: exactly the routes and types of `wire::api`.

pub mod accounts;
mod changes;
mod extract;
mod gate;
mod problem;
mod reads;
mod routes;
mod socket;
mod watch;

pub use problem::Refusal;
pub use routes::serve;
pub use socket::Socket;

#[cfg(test)]
mod tests;
