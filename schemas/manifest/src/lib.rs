//! Manifests: from YAML to the model's objects and back, with positions, findings and differences.
//!
//! `read` takes the texts of a whole set of files and gives the objects in them together with every finding: what
//! YAML does not allow here, what the schema does not know, and what contradicts itself. It never stops at the
//! first mistake, and one bad document hides nothing of the others. `render` shows findings as rustc does,
//! `diff` tells what a change of a manifest leads to, `schema` is published for editors, and `codes` explains
//! every finding. `load` finds the files that belong together, and is all that reads files; nothing here reads the
//! environment or the clock.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod canonical;
pub mod codes;
pub mod diff;
pub mod fields;
pub mod finding;
pub mod lint_settings;
pub mod lints;
pub mod project;
pub mod render;
pub mod schema;
pub mod tree;

mod credential;
mod escape;
mod object;
mod overlay;
mod read;
mod reference;
mod suggest;
mod write;
mod yaml;

pub use diff::{Effect, FieldChange, diff, diff_at};
pub use escape::escape;
pub use finding::{Finding, Severity};
pub use overlay::REMOVE;
pub use project::{LoadError, Loaded, Project, find_project, load, read_loaded};
pub use read::{Located, Set, Subject, Surroundings, read, read_layers, read_with, text};
pub use reference::reference_markdown;
pub use write::{document as write_document, flow as write_value};
pub use yaml::to_yaml;
