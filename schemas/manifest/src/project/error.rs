//! Why files could not be read at all.

use crate::suggest;
use std::{io, path::PathBuf};

/// Nothing could be read, or not all of it: no part of such a set may be applied.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: not a regular file", path = .0.display())]
    NotRegular(PathBuf),
    #[error("{path}: larger than {limit} MiB, which no manifest is", path = .0.display(), limit = super::load::FILE_BYTES_MAX >> 20)]
    TooLarge(PathBuf),
    #[error("{path}: too many directories inside each other", path = .0.display())]
    TooDeep(PathBuf),
    #[error("{path}: more than {limit} {what}", path = .path.display())]
    TooMany { path: PathBuf, limit: usize, what: &'static str },
    #[error("{path}: there is no standin.yaml, so there are no overlays", path = .0.display())]
    NoProject(PathBuf),
    #[error("{path} has no overlay {name}", path = .path.display())]
    NoOverlay { path: PathBuf, name: String, known: Vec<String> },
}

impl LoadError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            LoadError::NotRegular(_) => Some("standard input is read with -f -".to_owned()),
            LoadError::TooMany { .. } | LoadError::TooDeep(_) => {
                Some("name a directory that holds manifests: -f PATH".to_owned())
            }
            LoadError::NoProject(_) => Some("standin init  writes one".to_owned()),
            LoadError::NoOverlay { known, .. } if known.is_empty() => Some("it has none: spec.overlays".to_owned()),
            LoadError::NoOverlay { name, known, .. } => {
                let meant = suggest::closest(name, known.iter().map(String::as_str));
                Some(meant.map_or_else(
                    || format!("--overlay {}", known.join(" or ")),
                    |meant| format!("did you mean --overlay {meant}?"),
                ))
            }
            LoadError::Io { .. } | LoadError::TooLarge(_) => None,
        }
    }
}
