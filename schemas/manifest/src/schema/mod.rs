//! The published JSON Schema, and what it says about a document.
//!
//! Draft-07, because editors stop there. Everything is inlined and closed; no `anyOf` or `oneOf`, which would turn
//! exact messages into "not valid under any of the schemas".

mod check;
mod generate;
mod quantity;
mod scalars;
mod shape;

pub use check::{Checked, check, check_project, project_schema, schema_of};
pub use generate::{combined, files, project, schema, write_schemas};
pub use quantity::name as quantity_name;
pub use shape::{fields, subschema};

#[cfg(test)]
mod tests;
