//! Reads a project.

use super::source::Unreadable;
use std::path::Path;
use wire::api::ManifestFile;

/// All manifests of the project at `root`, or an error where not all of them could be read.
pub fn read(root: &Path, _overlay: Option<&str>) -> Result<Vec<ManifestFile>, Unreadable> {
    let mut files = Vec::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(directory) = left.pop() {
        let broken = |error: std::io::Error| Unreadable::new(format!("{}: {error}", directory.display()));
        for entry in std::fs::read_dir(&directory).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            if path.is_dir() && !path.ends_with(".git") {
                left.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml") {
                let text = std::fs::read_to_string(&path).map_err(broken)?;
                files.push(ManifestFile { path: path.strip_prefix(root).unwrap_or(&path).display().to_string(), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
