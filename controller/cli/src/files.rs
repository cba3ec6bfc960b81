//! Which manifests are meant: `-f FILE|DIR|-`, a directory with all that is below it.

use crate::exit::{Exit, Failure, Outcome};
use std::{
    collections::HashSet,
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use wire::api::ManifestFile;

/// Largest single manifest.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Deepest directory that is searched.
const DEPTH_MAX: usize = 64;

/// Where manifests are read from.
#[derive(Clone, Debug, clap::Args)]
pub struct Sources {
    /// Manifest, directory (with all *.yaml and *.yml below it) or - for standard input; may be repeated
    #[arg(short, long = "file", value_name = "PATH", default_value = ".")]
    file: Vec<String>,
}

impl Sources {
    /// Reads all of them, in order, each once.
    pub fn read(&self) -> Outcome<Vec<ManifestFile>> {
        let (mut files, mut known) = (Vec::new(), HashSet::new());
        for source in &self.file {
            let found = if source == "-" { vec![standard_input()?] } else { read_path(Path::new(source))? };
            for file in found {
                if known.insert(file.path.clone()) {
                    files.push(file);
                }
            }
        }
        if files.is_empty() {
            let searched = self.file.join(", ");
            let failure = Failure::new(Exit::Malformed, format!("no manifest found in {searched}"));
            return Err(failure.help("name a file or a directory with *.yaml or *.yml files: -f PATH"));
        }
        Ok(files)
    }
}

fn malformed(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Malformed, format!("{}: {why}", path.display()))
}

fn read_path(path: &Path) -> Outcome<Vec<ManifestFile>> {
    let kind = fs::metadata(path).map_err(|error| malformed(path, error))?;
    if !kind.is_dir() {
        return Ok(vec![read_file(path)?]);
    }
    let mut found = Vec::new();
    search(path, DEPTH_MAX, &mut found)?;
    found.sort();
    found.iter().map(|path| read_file(path)).collect()
}

/// Finds manifests without following symbolic links; names that begin with a dot are left out.
fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Outcome<()> {
    if depth == 0 {
        return Err(malformed(directory, "too many directories inside each other"));
    }
    for entry in fs::read_dir(directory).map_err(|error| malformed(directory, error))? {
        let entry = entry.map_err(|error| malformed(directory, error))?;
        let (path, kind) = (tidy(entry.path()), entry.file_type().map_err(|error| malformed(directory, error))?);
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if kind.is_dir() && !hidden {
            search(&path, depth - 1, found)?;
        } else if kind.is_file() && yaml && !hidden {
            found.push(path);
        }
    }
    Ok(())
}

/// `./a` is shown as `a`.
fn tidy(path: PathBuf) -> PathBuf {
    path.strip_prefix("./").map(Path::to_path_buf).unwrap_or(path)
}

/// Reads one regular file; never waits for the other end of a fifo.
fn read_file(path: &Path) -> Outcome<ManifestFile> {
    let opened = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|error| malformed(path, error))?;
    let about = file.metadata().map_err(|error| malformed(path, error))?;
    if !about.is_file() {
        return Err(malformed(path, "not a regular file").help("standard input is read with -f -"));
    }
    let text = read_text(file).map_err(|error| malformed(path, error))?;
    Ok(ManifestFile { path: path.display().to_string(), text })
}

fn standard_input() -> Outcome<ManifestFile> {
    let text = read_text(io::stdin().lock()).map_err(|error| malformed(Path::new("standard input"), error))?;
    Ok(ManifestFile { path: "-".to_owned(), text })
}

fn read_text(source: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 8 MiB, which no manifest is"));
    }
    Ok(manifest::text(&bytes))
}

/// The form in which `manifest` reads them.
pub fn pairs(files: &[ManifestFile]) -> Vec<(&str, &str)> {
    files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sources(paths: &[&Path]) -> Sources {
        Sources { file: paths.iter().map(|path| path.display().to_string()).collect() }
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
        let names = |files: Vec<ManifestFile>| files.into_iter().map(|file| file.text).collect::<Vec<_>>();
        assert_eq!(names(sources(&[dir.path()]).read().unwrap()), ["a.yaml", "b/c.yaml", "z.yml"]);
        let twice = sources(&[&at("z.yml"), dir.path()]).read().unwrap();
        assert_eq!(names(twice), ["z.yml", "a.yaml", "b/c.yaml"], "each once");
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |path: &Path| sources(&[path]).read().unwrap_err();
        assert!(refused(dir.path()).obstacles[0].message.starts_with("no manifest found in"));
        assert_eq!(refused(&dir.path().join("missing.yaml")).exit, Exit::Malformed);
        let fifo = dir.path().join("fifo.yaml");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(refused(&fifo).obstacles[0].message.ends_with("not a regular file"));
    }
}
