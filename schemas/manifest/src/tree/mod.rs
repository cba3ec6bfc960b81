//! A YAML document as it was written: every key and value with its place.
//!
//! The tree is made from the parser's events, not through serde, since only events tell a quoted scalar from a
//! plain one, show tags and merge keys, and let the reader go on after a mistake.

mod all;
mod build;
mod disputed;
mod documents;
mod node;
mod pointer;
mod scalar;

pub use all::{Parsed, documents_of_all};
pub use disputed::disputed_finding;
pub use documents::{Document, FILE_SIZE_MAX, documents};
pub use node::{Entry, Node, Shape, Style};
pub use pointer::{child, escaped_token, push, readable, tokens, walk};
pub use scalar::{quoted, written};

#[cfg(test)]
mod tests;
