//! Why the store could not be opened, read or written.

use std::{io, path::PathBuf};

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the state directory {} {problem}", path.display())]
    Directory { path: PathBuf, problem: String },
    #[error("another controller holds {}: {owner}", path.display())]
    Held { path: PathBuf, owner: String },
    #[error("{} could not be used", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the store has schema {found}, written by standin {program}; this program reads schemas up to {supported}: \
         start standin {program} or newer"
    )]
    Newer { found: i64, supported: i64, program: String },
    #[error("the store could not be read or written")]
    Sql(#[from] rusqlite::Error),
    #[error("{what} in the store is not readable")]
    Content { what: String, source: serde_json::Error },
    #[error("the task that used the store ended early")]
    Interrupted,
}
