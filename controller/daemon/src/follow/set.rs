//! Reads a project as `standin apply` does on a person's machine.

use super::source::Unreadable;
use jiff::civil::Date;
use manifest::{Loaded, Set, Surroundings, project, read_loaded};
use std::path::Path;
use wire::api::ManifestFile;

/// Everything of the project at `root`, or an error where not all of it could be read.
pub fn load(root: &Path, overlay: Option<&str>) -> Result<Loaded, Unreadable> {
    let mut loaded = manifest::load(root, overlay).map_err(|error| {
        let unreadable = Unreadable::new(error.to_string());
        error.help().into_iter().fold(unreadable, Unreadable::fact)
    })?;
    // A checkout lies in a directory of ours, which means nothing to whoever reads of it.
    for (path, _) in &mut loaded.files {
        if let Ok(below) = Path::new(path.as_str()).strip_prefix(root) {
            *path = below.display().to_string();
        }
    }
    Ok(loaded)
}

/// What is to be stored, or the findings for which nothing of it is.
pub fn composed(loaded: &Loaded, stored: &Surroundings, today: Date) -> Result<Vec<ManifestFile>, Set> {
    let mut set = read_loaded(loaded, stored);
    let lint = loaded.lint();
    lint.apply(&mut set, today);
    if lint.fails(&set) {
        return Err(set);
    }
    let files = project::composed(loaded, &set).into_iter();
    Ok(files.map(|(path, text)| ManifestFile { path, text }).collect())
}
