//! A YAML document as it was written: every key and value with its place.
//!
//! The tree is made from the parser's events, not through serde, since only events tell a quoted scalar from a
//! plain one, show tags and merge keys, and let the reader go on after a mistake.

mod build;
mod documents;
mod node;
mod pointer;
mod scalar;

pub use documents::{Document, documents};
pub use node::{Entry, Node, Shape};
pub use pointer::{child, escaped_token, readable, tokens};

#[cfg(test)]
mod tests;
