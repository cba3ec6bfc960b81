//! Manifests as they were at a commit: taken out of the repository into a directory of their own and read from there.

use crate::{
    exit::{Exit, Failure, Outcome},
    files::Sources,
    git::{Entry, Git, asked},
};
use manifest::{LoadError, Loaded, load};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Most files, and most bytes of them, that one state may have.
const FILES_MAX: usize = 200_000;
const BYTES_MAX: u64 = 1 << 30;

/// One state of the manifests, and what it is called.
#[derive(Debug)]
pub struct State {
    pub label: String,
    pub loaded: Loaded,
    /// The overlay that it was read without, because there is none of that name.
    pub without: Option<String>,
}

/// The repository that the sources lie in.
pub struct Repository {
    git: Git,
    /// Top of the checkout, if there is one.
    top: Option<PathBuf>,
    /// Where the sources lie in the repository.
    wanted: Vec<PathBuf>,
    /// The overlay that is merged in at every state.
    overlay: Option<String>,
}

impl Repository {
    /// Finds it from the working directory, or from the first source.
    pub fn of(sources: &Sources) -> Outcome<Self> {
        if sources.given().iter().any(|given| given == "-") {
            return Err(Failure::new(Exit::Malformed, "standard input has no other state to compare with; name files"));
        }
        let first = sources.given().first().map(PathBuf::from).unwrap_or_default();
        let near = first.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new(".")).to_owned();
        let git = Git::at(&near);
        let top = asked(git.top())?;
        let here = asked(std::env::current_dir().map_err(crate::git::GitError::Run))?;
        let base = if top.is_some() { here } else { PathBuf::new() };
        let place = |given: &String| placed(&base, given, top.as_deref());
        let wanted = sources.given().iter().map(place).collect::<Outcome<Vec<PathBuf>>>()?;
        Ok(Self { git, top, wanted, overlay: sources.overlay() })
    }

    /// The manifests at a commit that is compared with: an overlay that is new has no part in them.
    pub fn base(&self, reference: &str) -> Outcome<State> {
        self.at(reference, |there| self.overlay.clone().filter(|overlay| lacks(there, overlay)))
    }

    /// The manifests at a commit that is looked at.
    pub fn head(&self, reference: &str) -> Outcome<State> {
        self.at(reference, |_| None)
    }

    fn at(&self, reference: &str, without: impl Fn(&[String]) -> Option<String>) -> Outcome<State> {
        let commit = asked(self.git.commit(reference))?;
        let short = commit.get(..7).unwrap_or(&commit);
        let label = if commit.starts_with(reference) { short.to_owned() } else { format!("{reference} ({short})") };
        let listed = asked(self.git.files(&commit))?;
        let entries: Vec<&Entry> = listed.iter().filter(|entry| is_manifest(&entry.path)).collect();
        if entries.len() > FILES_MAX {
            return Err(Failure::new(Exit::Malformed, format!("{label} has more than {FILES_MAX} YAML files")));
        }
        let contents = asked(self.git.contents(&entries))?;
        let directory = tempfile::tempdir().and_then(|directory| {
            write(directory.path(), &entries, &contents)?;
            Ok(directory)
        });
        let directory =
            directory.map_err(|error| Failure::new(Exit::Failed, format!("{label} cannot be unpacked: {error}")))?;
        let there: Vec<PathBuf> = self.wanted.iter().map(|path| directory.path().join(path)).collect();
        let there: Vec<String> =
            there.iter().filter(|path| path.exists()).map(|path| path.display().to_string()).collect();
        let without = without(&there);
        let overlay = self.overlay.clone().filter(|_| without.is_none());
        let read = if there.is_empty() { Ok(Loaded::default()) } else { read(&Sources::of(there, overlay)) };
        let mut loaded = read.map_err(|failure| named_there(failure, directory.path(), &label))?;
        loaded.files.iter_mut().for_each(|(path, _)| moved(path, directory.path()));
        Ok(State { label, loaded, without })
    }

    /// The manifests as they are in the working tree.
    pub fn working_tree(&self, sources: &Sources) -> Outcome<State> {
        if self.top.is_none() {
            let failure = Failure::new(Exit::Malformed, "this repository has no working tree");
            return Err(failure.help("name the other state, too: --head REF"));
        }
        let there: Vec<String> = sources.given().iter().filter(|given| Path::new(given).exists()).cloned().collect();
        let loaded =
            if there.is_empty() { Loaded::default() } else { read(&Sources::of(there, self.overlay.clone()))? };
        Ok(State { label: "the working tree".to_owned(), loaded, without: None })
    }

    /// Whether `head` was made without some of what `base` has.
    pub fn is_behind(&self, base: &str, head: &str) -> bool {
        let commits = self.git.commit(base).and_then(|base| Ok((base, self.git.commit(head)?)));
        commits.is_ok_and(|(base, head)| !self.git.contains(&head, &base))
    }
}

/// A state without any manifest is one, too.
fn read(sources: &Sources) -> Outcome<Loaded> {
    match sources.load() {
        Err(failure) if failure.obstacles.iter().all(|o| o.message.starts_with("no manifest found")) => {
            Ok(Loaded::default())
        }
        other => other,
    }
}

/// Whether there is a project without that overlay, or none.
fn lacks(there: &[String], overlay: &str) -> bool {
    let [project] = there else { return false };
    let read = load(Path::new(project), Some(overlay));
    matches!(read, Err(LoadError::NoOverlay { .. } | LoadError::NoProject(_)))
}

/// Paths as they are in the repository: where a state was unpacked means nothing to anybody.
fn named_there(mut failure: Failure, directory: &Path, label: &str) -> Failure {
    let prefix = format!("{}/", directory.display());
    for obstacle in &mut failure.obstacles {
        obstacle.message = obstacle.message.replace(&prefix, "");
    }
    failure.fact(format!("in {label}"))
}

fn is_manifest(path: &Path) -> bool {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    plain && path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// Where a source lies in the repository.
fn placed(here: &Path, given: &str, top: Option<&Path>) -> Outcome<PathBuf> {
    let outside = || {
        let failure = Failure::new(Exit::Malformed, format!("{given} is not in this repository"));
        failure.help("name paths inside the repository that the working directory is in")
    };
    let mut path = PathBuf::new();
    for part in here.join(given).components() {
        match part {
            Component::ParentDir if !path.pop() => return Err(outside()),
            Component::ParentDir | Component::CurDir => {}
            other => path.push(other),
        }
    }
    let Some(top) = top else { return Ok(path) };
    // The top is a real path; what is above the repository may be reached through links.
    let real = path.ancestors().find_map(|above| Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?)));
    let real = real.unwrap_or(path);
    real.strip_prefix(top).map(Path::to_path_buf).map_err(|_| outside())
}

fn write(directory: &Path, entries: &[&Entry], contents: &[Vec<u8>]) -> io::Result<()> {
    let total: u64 = contents.iter().map(|content| content.len() as u64).sum();
    if total > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 1 GiB of YAML files"));
    }
    for (entry, content) in entries.iter().zip(contents) {
        let path = directory.join(&entry.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// As it is called in the repository.
fn moved(path: &mut String, directory: &Path) {
    if let Ok(below) = Path::new(path.as_str()).strip_prefix(directory) {
        *path = below.display().to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_from_the_top() {
        let at = |given: &str| placed(Path::new("/nowhere/r/sub"), given, Some(Path::new("/nowhere/r")));
        assert_eq!(at(".").unwrap(), PathBuf::from("sub"));
        assert_eq!(at("../dr/a.yaml").unwrap(), PathBuf::from("dr/a.yaml"));
        assert_eq!(at("..").unwrap(), PathBuf::from(""));
        assert_eq!(at("../../x").unwrap_err().exit, Exit::Malformed);
        assert_eq!(placed(Path::new(""), ".", None).unwrap(), PathBuf::from(""));
        assert!(placed(Path::new(""), "../x", None).is_err());
    }

    #[test]
    fn names_that_lead_elsewhere_are_left_out() {
        assert!(is_manifest(Path::new("a/b.yml")) && !is_manifest(Path::new("a/../../b.yaml")));
        assert!(!is_manifest(Path::new("/b.yaml")) && !is_manifest(Path::new("a.txt")));
    }
}
