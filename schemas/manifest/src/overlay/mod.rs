//! Partial objects that change others: one merge rule, and findings that point at what was written.
//!
//! Objects merge by field, lists of objects by `name`, every other value is replaced. `$remove: true` takes an item
//! out. Nothing else: no patches, no expressions, no order but that of the lists themselves.

mod apply;
mod merge;
mod places;

pub use apply::{Layer, layered};
pub use merge::{REMOVE, merge};
pub use places::Places;

#[cfg(test)]
mod tests;
