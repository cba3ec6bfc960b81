//! What the controller remembers: one SQLite database in one directory that one controller holds.
//!
//! Each table is one file of functions over a connection, so that a caller composes whatever belongs together
//! into one transaction. Nothing is acted on before it is stored; the file is readable with `sqlite3` on a bad day.

pub mod agents;
mod database;
mod directory;
mod error;
pub mod events;
pub mod ledgers;
pub mod objects;
pub mod plans;
pub mod reports;
pub mod runs;
mod schema;
pub mod specs;
pub mod tokens;
pub mod views;

pub use database::Store;
pub use directory::StateDirectory;
pub use error::StoreError;

#[cfg(test)]
mod tests;
