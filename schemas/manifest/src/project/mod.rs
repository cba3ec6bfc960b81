//! Which files belong together: `standin.yaml`, or everything below a directory.
//!
//! `load` is the only part of this crate that reads files. It does not follow a link out of the directory it was
//! given, waits for nothing, and is bounded in files, bytes and depth.

mod beneath;
mod check;
mod error;
mod find;
mod include;
mod load;
mod loaded;
mod spec;
mod walk;

pub use check::{check, is_project};
pub use error::LoadError;
pub use find::{PROJECT_FILE, find_project};
pub use load::{load, read_text};
pub use loaded::{Loaded, Project, composed, read_loaded};
pub use spec::{Accepted, FailOn, ProjectLint, ProjectSpec};

#[cfg(test)]
mod tests;
