//! The files that a glob of `include` names.

use super::{
    LoadError, PROJECT_FILE,
    walk::{Listing, Walk, is_manifest},
};
use globset::{GlobBuilder, GlobMatcher};
use std::path::{Component, Path, PathBuf};

/// A glob, one matcher for each part between slashes.
pub struct Include {
    parts: Vec<Part>,
}

enum Part {
    /// `**`: any number of directories.
    Any,
    One(GlobMatcher),
}

/// Why a text is no glob that may be included.
pub enum Refused {
    /// It names something outside the project.
    Outside,
    NotAGlob(String),
}

/// What a glob names.
#[derive(Default)]
pub struct Matches {
    pub files: Vec<PathBuf>,
    /// Links, pipes and the like.
    pub others: Vec<PathBuf>,
}

impl Include {
    pub fn new(text: &str) -> Result<Self, Refused> {
        leads_out(text)?;
        let parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
        let parts = parts.map(|part| match part {
            "**" => Ok(Part::Any),
            part => {
                let glob = GlobBuilder::new(part).literal_separator(true).build();
                glob.map(|glob| Part::One(glob.compile_matcher())).map_err(|e| Refused::NotAGlob(e.kind().to_string()))
            }
        });
        let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
        // Twice any number is any number, and would be searched again and again.
        parts.dedup_by(|a, b| matches!((a, b), (Part::Any, Part::Any)));
        Ok(Self { parts })
    }

    /// Files that match, in the order of their paths. `left_out` are the directories of overlays.
    pub fn matches(&self, root: &Path, left_out: &[PathBuf], walk: &mut Walk) -> Result<Matches, LoadError> {
        let mut found = Matches::default();
        let mut search = Search { root, left_out, walk, found: &mut found };
        search.below(Path::new(""), &self.parts)?;
        for list in [&mut found.files, &mut found.others] {
            list.sort();
            list.dedup();
        }
        Ok(found)
    }
}

/// Refuses a path that is not below the project.
pub fn leads_out(text: &str) -> Result<(), Refused> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let inside = Path::new(text).components().all(plain) && !text.starts_with('~');
    if inside { Ok(()) } else { Err(Refused::Outside) }
}

struct Search<'a> {
    root: &'a Path,
    left_out: &'a [PathBuf],
    walk: &'a mut Walk,
    found: &'a mut Matches,
}

impl Search<'_> {
    fn below(&mut self, directory: &Path, parts: &[Part]) -> Result<(), LoadError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        let Listing { directories, files, others } = self.walk.list(self.root, directory)?;
        let directories: Vec<PathBuf> = directories.into_iter().filter(|path| self.belongs(path)).collect();
        match part {
            Part::Any => {
                if !rest.is_empty() {
                    self.below(directory, rest)?;
                }
                for below in &directories {
                    self.below(below, parts)?;
                }
                if rest.is_empty() {
                    self.found.files.extend(files);
                }
            }
            Part::One(matcher) => {
                let named = |path: &PathBuf| path.file_name().is_some_and(|name| matcher.is_match(name));
                let manifest = |path: &PathBuf| path.file_name().is_some_and(is_manifest);
                if rest.is_empty() {
                    self.found.files.extend(files.into_iter().filter(named));
                    self.found.others.extend(others.into_iter().filter(|path| named(path) && manifest(path)));
                } else {
                    self.found.others.extend(others.into_iter().filter(named));
                    for below in directories.iter().filter(|path| named(path)) {
                        self.below(below, rest)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A directory of an overlay, or of another project, holds nothing of this one's base.
    fn belongs(&self, directory: &Path) -> bool {
        !self.left_out.iter().any(|other| directory == other) && !self.root.join(directory).join(PROJECT_FILE).is_file()
    }
}
