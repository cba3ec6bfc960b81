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

/// A project as it was read, and what is to be stored of it: nothing where an error was found.
pub struct Composed {
    pub found: Set,
    pub files: Option<Vec<ManifestFile>>,
}

pub fn composed(loaded: &Loaded, stored: &Surroundings, today: Date) -> Composed {
    let mut found = read_loaded(loaded, stored);
    let lint = loaded.lint();
    lint.apply(&mut found, today);
    let composed = |found: &Set| {
        let files = project::composed(loaded, found).into_iter();
        files.map(|(path, text)| ManifestFile { path, text }).collect()
    };
    let files = (!lint.fails(&found)).then(|| composed(&found));
    Composed { found, files }
}
