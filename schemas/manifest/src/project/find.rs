//! Where the project is.

use std::path::{Path, PathBuf};

/// The file that makes a directory a project.
pub const PROJECT_FILE: &str = "standin.yaml";

/// The directory of the project that `start` lies in: itself or one above it, but not above its git repository.
///
/// **Assumes** that `start` is absolute.
pub fn find_project(start: &Path) -> Option<PathBuf> {
    for directory in start.ancestors() {
        if directory.join(PROJECT_FILE).is_file() {
            return Some(directory.to_owned());
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}
