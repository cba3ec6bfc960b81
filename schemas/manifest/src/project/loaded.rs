//! Files that belong together, as they were read.

use super::ProjectSpec;
use crate::{
    canonical,
    finding::{Finding, sort},
    lint_settings::LintSettings,
    read::{Located, Set, Surroundings, read_layers},
    render::Places,
    write::document,
};
use std::{collections::HashMap, path::PathBuf};

/// The project that was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Path of its file, as it was reached.
    pub path: String,
    pub spec: ProjectSpec,
    /// What it says about findings, each with its place.
    pub lint: LintSettings,
}

/// Files that are read together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The directory that was asked for; the paths of the files begin with it.
    pub root: PathBuf,
    /// Path and text: the project file, manifests in the order of the includes, then those of the overlay.
    pub files: Vec<(String, String)>,
    /// Index of the first file of the overlay; the number of files where there is none.
    pub overlay_from: usize,
    /// `None` where there is no `standin.yaml`, or it is none.
    pub project: Option<Project>,
    /// Name of the overlay that was asked for.
    pub overlay: Option<String>,
    /// What the files lie like; what they say is found by `read_loaded`.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// One text that lies nowhere, such as standard input.
    pub fn text(path: impl Into<String>, text: String) -> Self {
        Self { files: vec![(path.into(), text)], overlay_from: 1, ..Self::default() }
    }

    /// Adds what was read elsewhere; a file that is known already is not added again.
    ///
    /// **Assumes** that `other` has no overlay.
    pub fn join(&mut self, other: Loaded) {
        let known: HashMap<String, usize> =
            self.files.iter().enumerate().map(|(at, (path, _))| (path.clone(), at)).collect();
        let mut moved = Vec::with_capacity(other.files.len());
        for (path, text) in other.files {
            let at = known.get(&path).copied();
            moved.push(at.unwrap_or(self.files.len()));
            if at.is_none() {
                self.files.push((path, text));
            }
        }
        self.overlay_from = self.files.len();
        let place = |file: usize| moved.get(file).copied().unwrap_or(file);
        self.findings.extend(other.findings.into_iter().map(|mut finding| {
            finding.file = place(finding.file);
            finding
        }));
        let moved_lint = |mut project: Project| {
            let places = project.lint.accepted.iter_mut().filter_map(|accepted| accepted.place.as_mut());
            places.for_each(|written| written.0 = place(written.0));
            project
        };
        self.project = self.project.take().or(other.project.map(moved_lint));
    }

    /// How strictly the project is checked; as usual where there is none.
    pub fn lint(&self) -> LintSettings {
        self.project.as_ref().map(|project| project.lint.clone()).unwrap_or_default()
    }
}

/// Reads what was loaded: every finding about the files and what is in them.
pub fn read_loaded(loaded: &Loaded, surroundings: &Surroundings) -> Set {
    let mut set = read_layers(&loaded.files, loaded.overlay_from, surroundings);
    set.findings.extend(loaded.findings.iter().cloned());
    sort(&mut set.findings);
    set
}

/// The same set as texts without an overlay: files as they are, and merged objects in place of what was changed.
///
/// **Assumes** that the set has no errors: what could not be read is not in it.
pub fn composed(loaded: &Loaded, set: &Set) -> Vec<(String, String)> {
    let mut objects: HashMap<usize, Vec<&Located>> = HashMap::new();
    set.objects.iter().for_each(|located| objects.entry(located.file).or_default().push(located));
    let places = Places::new(&loaded.files);
    let base = loaded.files.iter().take(loaded.overlay_from).enumerate();
    base.map(|(file, (path, text))| {
        let own = objects.get(&file).map(Vec::as_slice).unwrap_or_default();
        let changed = own.iter().any(|located| !located.overlaid.is_empty());
        let Some(name) = loaded.overlay.as_ref().filter(|_| changed) else {
            return (path.clone(), text.clone());
        };
        let documents = own.iter().map(|located| document(&canonical::parts(located, &places, false), false));
        // The lines are not those of the file any more.
        (format!("{path} (overlay {name})"), documents.collect::<Vec<_>>().join("---\n"))
    })
    .collect()
}
