//! Which paths below a root are not replicated: the user's globs, and the reserved directory.

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use model::elements::roots::RESERVED_DIRECTORY;

/// Globs as in `.gitignore`, relative to the root: the last one that matches decides, `!` includes again, a `/` at the
/// beginning or in the middle ties a glob to the root, one at the end makes it match directories only, and nothing
/// below an excluded directory is included again.
#[derive(Clone, Debug, Default)]
pub struct Excludes {
    globs: GlobSet,
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    excludes: bool,
    directories_only: bool,
}

/// A glob that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exclude {glob:?} cannot be read: {why}")]
pub struct GlobError {
    pub glob: String,
    pub why: String,
}

impl Excludes {
    pub fn new(globs: &[String]) -> Result<Self, GlobError> {
        let mut set = GlobSetBuilder::new();
        let mut rules = Vec::new();
        for glob in globs.iter().filter(|glob| !glob.is_empty()) {
            let error = |e: globset::Error| GlobError { glob: glob.clone(), why: e.to_string() };
            let (excludes, rest) = glob.strip_prefix('!').map_or((true, glob.as_str()), |rest| (false, rest));
            let (directories_only, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
            let text = match rest.strip_prefix('/') {
                Some(tied) => tied.to_owned(),
                None if rest.contains('/') => rest.to_owned(),
                None => format!("**/{rest}"),
            };
            set.add(GlobBuilder::new(&text).literal_separator(true).backslash_escape(true).build().map_err(error)?);
            rules.push(Rule { excludes, directories_only });
        }
        let whole = |e: globset::Error| GlobError { glob: globs.join(" "), why: e.to_string() };
        Ok(Self { globs: set.build().map_err(whole)?, rules })
    }

    /// Whether `path` below the root is left out, by itself or because a directory above it is.
    pub fn matches(&self, path: &[u8], is_dir: bool) -> bool {
        if is_reserved(path) {
            return true;
        }
        !self.rules.is_empty()
            && (path.iter().enumerate().any(|(at, b)| *b == b'/' && self.matches_entry(&path[..at], true))
                || self.matches_entry(path, is_dir))
    }

    /// As `matches`, for a walk that did not enter excluded directories.
    pub fn matches_entry(&self, path: &[u8], is_dir: bool) -> bool {
        if is_reserved(path) {
            return true;
        }
        if self.rules.is_empty() {
            return false;
        }
        let hits = self.globs.matches_candidate(&Candidate::from_bytes(path));
        let rules = hits.into_iter().rev().filter_map(|at| self.rules.get(at));
        rules.filter(|rule| is_dir || !rule.directories_only).take(1).any(|rule| rule.excludes)
    }
}

/// Whether `path` is the reserved directory at the top of a root, or below it.
pub fn is_reserved(path: &[u8]) -> bool {
    let reserved = RESERVED_DIRECTORY.as_bytes();
    path.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(globs: &[&str]) -> Excludes {
        Excludes::new(&globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn globs_are_as_in_gitignore() {
        for (globs, path, is_dir, expected) in [
            (&["**/tmp/**"][..], "a/tmp/x/y", false, true),
            (&["**/tmp/**"], "tmp", true, false),
            (&["*.log"], "a/b.log", false, true),
            (&["*.log"], "a.log/b", false, true),
            (&["/a.log"], "b/a.log", false, false),
            (&["cache/"], "x/cache", true, true),
            (&["cache/"], "x/cache", false, false),
            (&["cache/"], "x/cache/deep/file", false, true),
            (&["*.log", "!keep.log"], "keep.log", false, false),
            (&["a/*"], "a/b/c", false, true),
            (&["a/*.c"], "a/b/x.c", false, false),
            (&[], "anything", false, false),
        ] {
            assert_eq!(excludes(globs).matches(path.as_bytes(), is_dir), expected, "{globs:?} {path}");
        }
    }

    #[test]
    fn the_reserved_directory_is_always_left_out_at_the_top_only() {
        let none = excludes(&["!.standin"]);
        assert!(none.matches(b".standin", true));
        assert!(none.matches(b".standin/staging/x", false));
        assert!(!none.matches(b".standing", true));
        assert!(!none.matches(b"a/.standin", true));
    }

    #[test]
    fn bytes_that_are_no_text_are_matched() {
        assert!(excludes(&["*.bak"]).matches(b"\xff\xfe.bak", false));
        assert!(Excludes::new(&["a[".to_owned()]).is_err());
    }
}
