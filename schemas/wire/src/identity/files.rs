//! Small files that appear whole or not at all.

use super::IdentityError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Nobody but us may list what is inside.
const DIRECTORY_MODE: u32 = 0o700;

/// Writes `text` under a temporary name, makes it durable, then gives it its name and makes that durable.
pub(super) fn write(directory: &Path, name: &str, text: &str, mode: u32) -> Result<(), IdentityError> {
    let path = directory.join(name);
    let attempt = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
        let temporary = directory.join(format!(".{name}.{}", std::process::id()));
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    };
    attempt().map_err(|source| IdentityError::File { path: path.clone(), source })
}

pub(super) fn read(directory: &Path, name: &str) -> Result<String, IdentityError> {
    let path = directory.join(name);
    fs::read_to_string(&path).map_err(|source| IdentityError::File { path, source })
}
