//! Which manifests are meant: `-f FILE|DIR|-`, or the project around the working directory.

use crate::exit::{Exit, Failure, Outcome};
use manifest::{LoadError, Loaded, Set, Surroundings, find_project, load, project, read_loaded};
use std::{
    env, io,
    path::{Path, PathBuf},
};
use wire::api::ManifestFile;

/// Where manifests are read from.
#[derive(Clone, Debug, clap::Args)]
pub struct Sources {
    /// Manifest, directory (its standin.yaml, or all *.yaml and *.yml below it) or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "PATH")]
    file: Vec<String>,
    /// Overlay of standin.yaml that is merged in
    #[arg(long, value_name = "NAME")]
    overlay: Option<String>,
}

impl Sources {
    /// Exactly these, with that overlay.
    pub fn of(file: Vec<String>, overlay: Option<String>) -> Self {
        Self { file, overlay }
    }

    /// As they were given, or where they are looked for when they were not.
    pub fn given(&self) -> Vec<String> {
        match self.file.is_empty() {
            true => vec![around().display().to_string()],
            false => self.file.clone(),
        }
    }

    /// The context that the project names for the overlay, and where it does.
    pub fn context(&self) -> Option<(String, PathBuf)> {
        let overlay = self.overlay.as_ref()?;
        let given = self.given();
        // What cannot be loaded is told by the verb itself.
        let project = load(Path::new(given.first()?), Some(overlay)).ok()?.project?;
        Some((project.spec.context.get(overlay)?.clone(), project.path.into()))
    }

    /// The overlay that is merged in.
    pub fn overlay(&self) -> Option<String> {
        self.overlay.clone()
    }

    /// Reads all of them, in order, each once.
    pub fn load(&self) -> Outcome<Loaded> {
        let named: Vec<PathBuf> = self.given().iter().map(PathBuf::from).collect();
        if self.overlay.is_some() && named.len() > 1 {
            let failure =
                Failure::new(Exit::Malformed, "an overlay belongs to one project, and several paths are named");
            return Err(failure.help("name the directory of the project alone: -f DIR --overlay NAME"));
        }
        let mut together = Loaded::default();
        for (at, path) in named.iter().enumerate() {
            let loaded = self.one(path)?;
            match at {
                0 => together = loaded,
                _ => together.join(loaded),
            }
        }
        match together.files.is_empty() {
            true => Err(nothing(&named)),
            false => Ok(together),
        }
    }

    fn one(&self, path: &Path) -> Outcome<Loaded> {
        let loaded = match path.as_os_str() == "-" {
            true if self.overlay.is_some() => Err(LoadError::NoProject(PathBuf::from("standard input"))),
            true => {
                let text = project::read_text(Path::new("standard input"), io::stdin().lock());
                // An empty file may be about to be filled; an empty input is what a command that failed has left.
                if text.as_ref().is_ok_and(|text| holds_nothing(text)) {
                    return Err(nothing_on_input());
                }
                text.map(|text| Loaded::text("-", text))
            }
            false => load(path, self.overlay.as_deref()),
        };
        loaded.map_err(|error| {
            let failure = Failure::new(Exit::Malformed, error.to_string());
            error.help().into_iter().fold(failure, Failure::help)
        })
    }
}

/// Whether a text is blank, but for remarks and marks between documents.
fn holds_nothing(text: &str) -> bool {
    let empty = |line: &str| line.is_empty() || line.starts_with('#') || line == "---" || line == "...";
    text.trim_start_matches('\u{FEFF}').lines().all(|line| empty(line.trim()))
}

fn nothing_on_input() -> Failure {
    let failure = Failure::new(Exit::Malformed, "no manifest found in standard input");
    failure.help("look at the command before the pipe: it has written nothing")
}

fn nothing(named: &[PathBuf]) -> Failure {
    let searched: Vec<String> = named.iter().map(|path| path.display().to_string()).collect();
    let failure = Failure::new(Exit::Malformed, format!("no manifest found in {}", searched.join(", ")));
    failure.help("name a file or a directory with *.yaml or *.yml files: -f PATH")
}

/// The directory of the project that the working directory lies in, as seen from there; itself where there is none.
fn around() -> PathBuf {
    let here = env::current_dir().ok();
    let found = here.as_ref().and_then(|here| find_project(here).map(|project| (here, project)));
    let steps = found.map_or(0, |(here, project)| here.components().count() - project.components().count());
    if steps == 0 { PathBuf::from(".") } else { std::iter::repeat_n("..", steps).collect() }
}

/// Reads what was loaded; what the project accepts is left out.
pub fn look(loaded: &Loaded, surroundings: &Surroundings) -> Set {
    let mut set = read_loaded(loaded, surroundings);
    // Every entry of a project file has a place, so what is wrong with one is a finding like any other.
    loaded.lint().apply(&mut set, jiff::Zoned::now().date());
    set
}

/// The form in which `manifest` reads and shows them.
pub fn pairs(loaded: &Loaded) -> &[(String, String)] {
    &loaded.files
}

/// Files that were read before, such as those of a plan.
pub fn together(files: &[ManifestFile]) -> Loaded {
    let files: Vec<(String, String)> = files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
    Loaded { overlay_from: files.len(), files, ..Loaded::default() }
}

/// What the controller is sent: files as they are; where an overlay changed something, the merged objects.
///
/// **Assumes** that the set has no errors.
pub fn composed(loaded: &Loaded, set: &Set) -> Vec<ManifestFile> {
    let files = project::composed(loaded, set);
    files.into_iter().map(|(path, text)| ManifestFile { path, text }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn sources(paths: &[&Path]) -> Sources {
        Sources::of(paths.iter().map(|path| path.display().to_string()).collect(), None)
    }

    #[test]
    fn a_directory_is_read_in_order_without_links_and_hidden_names() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("b/.git")).unwrap();
        for name in ["z.yml", "a.yaml", "b/c.yaml", "b/.git/no.yaml", ".no.yaml", "no.txt"] {
            fs::write(at(name), name).unwrap();
        }
        symlink(at("a.yaml"), at("link.yaml")).unwrap();
        symlink(dir.path(), at("b/loop")).unwrap();
        let names = |loaded: Loaded| loaded.files.into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(names(sources(&[dir.path()]).load().unwrap()), ["a.yaml", "b/c.yaml", "z.yml"]);
        let twice = sources(&[&at("z.yml"), dir.path()]).load().unwrap();
        assert_eq!(names(twice), ["z.yml", "a.yaml", "b/c.yaml"], "each once");
    }

    #[test]
    fn an_input_without_a_document_is_told_from_one_that_may_hold_one() {
        for nothing in ["", "\n", "\u{FEFF}", "# nothing\n---\n  # more\n...\n"] {
            assert!(holds_nothing(nothing), "{nothing:?}");
        }
        for something in ["kind: Host\n", "--- x\n", "{}"] {
            assert!(!holds_nothing(something), "{something:?}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| sources(&[path]).load().unwrap_err();
        assert!(refused(dir.path()).obstacles[0].message.starts_with("no manifest found in"));
        assert_eq!(refused(&dir.path().join("missing.yaml")).exit, Exit::Malformed);
        let fifo = dir.path().join("fifo.yaml");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(refused(&fifo).obstacles[0].message.ends_with("not a regular file"));
    }
}
