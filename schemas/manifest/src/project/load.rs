//! From a directory to the texts of its manifests.

use super::{
    LoadError, Loaded, PROJECT_FILE, Project,
    beneath::{Opened, Root, io_error},
    check::{self, Notes},
    include::{Include, Refused, leads_out},
    walk::{Found, Walk, search},
};
use crate::{
    escape::quoted,
    text,
    tree::{Node, child, documents},
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

/// Largest single file.
pub const FILE_BYTES_MAX: u64 = 8 << 20;
/// Most files that are read together.
pub const FILES_MAX: usize = 100_000;
/// Most bytes that are read together.
pub const BYTES_MAX: usize = 1 << 30;

/// Reads the project of a directory or project file, with an overlay if one is named; without `standin.yaml`, all
/// *.yaml and *.yml below the directory. Any other file is read alone.
///
/// **Guarantees**: nothing outside the directory is read, nothing is waited for.
/// **Errors**: what could not be read at all; a set without it must not be applied.
pub fn load(path: &Path, overlay: Option<&str>) -> Result<Loaded, LoadError> {
    let kind = std::fs::metadata(path).map_err(|error| io_error(path, error))?;
    let is_project_file = !kind.is_dir() && path.file_name().is_some_and(|name| name == PROJECT_FILE);
    let root = match path.parent() {
        Some(parent) if is_project_file && parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) if is_project_file => parent,
        _ => path,
    };
    let mut reading = Reading { walk: Walk::default(), bytes: 0, files: 0 };
    match kind.is_dir() || is_project_file {
        true => reading.directory(root, overlay),
        false if overlay.is_some() => Err(LoadError::NoProject(path.to_owned())),
        false => reading.alone(path),
    }
}

/// The text of a manifest that lies in no directory.
pub fn read_text(path: &Path, source: impl Read) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| io_error(path, error))?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(LoadError::TooLarge(path.to_owned())),
        false => Ok(text(&bytes)),
    }
}

/// What may still be read.
struct Reading {
    walk: Walk,
    bytes: usize,
    files: usize,
}

impl Reading {
    fn alone(&mut self, path: &Path) -> Result<Loaded, LoadError> {
        let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true), flags);
        let file = options.open(path).map_err(|error| io_error(path, error))?;
        let about = file.metadata().map_err(|error| io_error(path, error))?;
        if !about.is_file() {
            return Err(LoadError::NotRegular(path.to_owned()));
        }
        Ok(Loaded { root: path.to_owned(), ..Loaded::text(shown(path), read_text(path, file)?) })
    }

    fn directory(&mut self, root: &Path, overlay: Option<&str>) -> Result<Loaded, LoadError> {
        let held = Root::hold(root)?;
        if root.join(PROJECT_FILE).symlink_metadata().is_ok() {
            return self.project(root, &held, overlay);
        }
        if overlay.is_some() {
            return Err(LoadError::NoProject(root.to_owned()));
        }
        let mut loaded = Loaded { root: root.to_owned(), ..Loaded::default() };
        let mut found = Found::default();
        search(root, Path::new(""), &mut self.walk, &mut found)?;
        found.files.sort();
        for relative in &found.files {
            // One that was exchanged for something else since it was listed is no manifest any more.
            if let Opened::File(file) = held.open(relative)? {
                self.add(root, relative, file, &mut loaded)?;
            }
        }
        loaded.overlay_from = loaded.files.len();
        for project in found.projects {
            // How strict one of them is says nothing about the others.
            loaded.join(Loaded { project: None, ..self.directory(&root.join(project), None)? });
        }
        Ok(loaded)
    }

    fn add(&mut self, root: &Path, relative: &Path, file: File, loaded: &mut Loaded) -> Result<(), LoadError> {
        let path = root.join(relative);
        let text = read_text(&path, file)?;
        (self.bytes, self.files) = (self.bytes + text.len(), self.files + 1);
        let too_many = |limit, what| LoadError::TooMany { path: root.to_owned(), limit, what };
        if self.files > FILES_MAX {
            return Err(too_many(FILES_MAX, "manifests below it"));
        }
        if self.bytes > BYTES_MAX {
            return Err(too_many(BYTES_MAX, "bytes of manifests below it"));
        }
        loaded.files.push((shown(&path), text));
        Ok(())
    }

    fn project(&mut self, root: &Path, held: &Root, overlay: Option<&str>) -> Result<Loaded, LoadError> {
        let path = root.join(PROJECT_FILE);
        let mut loaded = Loaded { root: root.to_owned(), overlay: overlay.map(str::to_owned), ..Loaded::default() };
        match held.open(Path::new(PROJECT_FILE))? {
            Opened::File(file) => self.add(root, Path::new(PROJECT_FILE), file, &mut loaded)?,
            Opened::Outside | Opened::NotRegular => return Err(LoadError::NotRegular(path)),
        }
        loaded.overlay_from = 1;
        let Some(document) = project_document(&mut loaded) else { return Ok(loaded) };
        let spec = check::decode(&document, &check::check(0, &document));
        if let Some(name) = overlay.filter(|name| !spec.overlays.contains_key(*name)) {
            let known = spec.overlays.keys().cloned().collect();
            return Err(LoadError::NoOverlay { path: PathBuf::from(shown(&path)), name: name.to_owned(), known });
        }
        let lint = check::lint(0, &document, &spec);
        loaded.project = Some(Project { path: shown(&path), spec, lint });
        let mut notes = Notes { root: &document, loaded: &mut loaded };
        self.layers(root, held, overlay, &mut notes)?;
        Ok(loaded)
    }

    /// Reads what the includes name, then the overlay.
    fn layers(
        &mut self,
        root: &Path,
        held: &Root,
        overlay: Option<&str>,
        notes: &mut Notes<'_>,
    ) -> Result<(), LoadError> {
        let spec = notes.loaded.project.as_ref().map(|project| project.spec.clone()).unwrap_or_default();
        let overlays = overlays(root, &spec, notes);
        let directories: Vec<PathBuf> = overlays.iter().map(|(_, directory)| directory.clone()).collect();
        let mut taken = BTreeSet::new();
        for (index, glob) in spec.include.iter().enumerate() {
            let pointer = child("/spec/include", index);
            let include = match Include::new(glob) {
                Ok(include) => include,
                Err(Refused::Outside) => {
                    notes.outside(&pointer, glob);
                    continue;
                }
                Err(Refused::NotAGlob(why)) => {
                    notes.not_a_glob(&pointer, glob, &why);
                    continue;
                }
            };
            let matches = include.matches(root, &directories, &mut self.walk)?;
            // The default stands for two endings, of which mostly one is used.
            if matches.files.is_empty() && matches.others.is_empty() && notes.root.find(&pointer).is_some() {
                notes.nothing(&pointer, &quoted(glob));
            }
            for relative in matches.files.into_iter().chain(matches.others) {
                self.take(root, held, relative, &pointer, &mut taken, notes)?;
            }
        }
        notes.loaded.overlay_from = notes.loaded.files.len();
        let chosen = overlay.and_then(|name| overlays.iter().find(|(known, _)| known == name));
        let Some((name, directory)) = chosen else { return Ok(()) };
        let pointer = child("/spec/overlays", name);
        let mut found = Found::default();
        search(root, directory, &mut self.walk, &mut found)?;
        found.files.sort();
        if found.files.is_empty() {
            notes.nothing(&pointer, &format!("the overlay {}", quoted(name)));
        }
        for relative in found.files {
            self.take(root, held, relative, &pointer, &mut taken, notes)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        root: &Path,
        held: &Root,
        relative: PathBuf,
        pointer: &str,
        taken: &mut BTreeSet<PathBuf>,
        notes: &mut Notes<'_>,
    ) -> Result<(), LoadError> {
        let path = root.join(&relative);
        if !taken.insert(relative.clone()) {
            return Ok(());
        }
        let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
        match held.open(&relative)? {
            Opened::File(_) if is_link && self.known(root, &path, taken) => Ok(()),
            Opened::File(file) => self.add(root, &relative, file, notes.loaded),
            Opened::Outside => {
                notes.outside(pointer, &shown(&path));
                Ok(())
            }
            Opened::NotRegular => {
                notes.not_regular(pointer, &shown(&path));
                Ok(())
            }
        }
    }

    /// Whether a link stands for a file that is read under its own name.
    fn known(&self, root: &Path, link: &Path, taken: &BTreeSet<PathBuf>) -> bool {
        let (Ok(real), Ok(root)) = (link.canonicalize(), root.canonicalize()) else { return false };
        real.strip_prefix(root).is_ok_and(|relative| taken.contains(relative))
    }
}

/// The one document of a project file, if it is one.
fn project_document(loaded: &mut Loaded) -> Option<Node> {
    let text = loaded.files.first().map(|(_, text)| text.clone())?;
    // `read` says what is wrong with the YAML.
    let mut ignored = Vec::new();
    let found: Vec<Node> = documents(0, &text, &mut ignored).into_iter().map(|document| document.root).collect();
    let (projects, others): (Vec<Node>, Vec<Node>) = found.into_iter().partition(check::is_project);
    let place = |node: &Node| node.spot("/kind").or_else(|| node.map().first().map(|e| e.key_span.clone()));
    let mut notes = Notes { root: projects.first().or(others.first())?, loaded };
    for other in &others {
        let span = place(other).unwrap_or(0..0);
        notes.not_alone(span, "standin.yaml holds the Project and nothing else", "this is something else");
    }
    for second in projects.iter().skip(1) {
        let span = place(second).unwrap_or(0..0);
        notes.not_alone(span, "a second Project in standin.yaml", "only the first one counts");
    }
    projects.into_iter().next()
}

/// Name and directory of every overlay that has one.
fn overlays(root: &Path, spec: &super::ProjectSpec, notes: &mut Notes<'_>) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (name, directory) in &spec.overlays {
        let pointer = child("/spec/overlays", name);
        let relative: PathBuf =
            Path::new(directory).components().filter(|part| matches!(part, Component::Normal(_))).collect();
        let is_link = |path: &Path| root.join(path).symlink_metadata().is_ok_and(|about| about.is_symlink());
        if leads_out(directory).is_err() || relative.ancestors().any(is_link) {
            notes.outside(&pointer, directory);
        } else if relative.as_os_str().is_empty() || !root.join(&relative).is_dir() {
            notes.no_directory(&pointer, directory);
        } else {
            found.push((name.clone(), relative));
        }
    }
    found
}

/// A path as it is shown: `./a` as `a`.
fn shown(path: &Path) -> String {
    let tidy: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    tidy.display().to_string()
}
