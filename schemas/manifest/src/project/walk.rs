//! Everything below a directory.

use super::{LoadError, PROJECT_FILE, beneath::io_error};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Deepest directory that is searched.
const DEPTH_MAX: usize = 64;
/// Most names that are looked at. More means that a whole disk was named by mistake.
pub const NAMES_MAX: usize = 1_000_000;

/// What is found in one directory, in the order of the names. Hidden names are left out.
pub struct Listing {
    pub directories: Vec<PathBuf>,
    /// Regular files that end in .yaml or .yml, without project files.
    pub files: Vec<PathBuf>,
    /// Links and things that are neither files nor directories.
    pub others: Vec<PathBuf>,
}

/// How much has been looked at.
#[derive(Default)]
pub struct Walk {
    names: usize,
}

impl Walk {
    /// Lists the directory `root/relative`; what is answered is relative to `root`.
    pub fn list(&mut self, root: &Path, relative: &Path) -> Result<Listing, LoadError> {
        let path = if relative.as_os_str().is_empty() { root.to_owned() } else { root.join(relative) };
        if relative.components().count() > DEPTH_MAX {
            return Err(LoadError::TooDeep(path));
        }
        let mut listing = Listing { directories: Vec::new(), files: Vec::new(), others: Vec::new() };
        for entry in fs::read_dir(&path).map_err(|error| io_error(&path, error))? {
            let entry = entry.map_err(|error| io_error(&path, error))?;
            let kind = entry.file_type().map_err(|error| io_error(&path, error))?;
            self.names += 1;
            if self.names > NAMES_MAX {
                return Err(LoadError::TooMany { path: root.to_owned(), limit: NAMES_MAX, what: "names below it" });
            }
            let name = entry.file_name();
            let below = relative.join(&name);
            match name.as_encoded_bytes().starts_with(b".") {
                true => {}
                false if kind.is_dir() => listing.directories.push(below),
                false if kind.is_file() && is_manifest(&name) => listing.files.push(below),
                false if kind.is_file() => {}
                false => listing.others.push(below),
            }
        }
        for list in [&mut listing.directories, &mut listing.files, &mut listing.others] {
            list.sort();
        }
        Ok(listing)
    }
}

/// Whether a name is that of a manifest; a project file is none.
pub fn is_manifest(name: &OsStr) -> bool {
    let ending = Path::new(name).extension();
    name != PROJECT_FILE && ending.is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// All manifests below a directory, and the projects in it, without what belongs to those.
#[derive(Default)]
pub struct Found {
    pub files: Vec<PathBuf>,
    pub projects: Vec<PathBuf>,
}

/// Searches `root/relative` to the bottom. Links are not followed.
pub fn search(root: &Path, relative: &Path, walk: &mut Walk, found: &mut Found) -> Result<(), LoadError> {
    let listing = walk.list(root, relative)?;
    found.files.extend(listing.files);
    for directory in listing.directories {
        match root.join(&directory).join(PROJECT_FILE).is_file() {
            true => found.projects.push(directory),
            false => search(root, &directory, walk, found)?,
        }
    }
    Ok(())
}
