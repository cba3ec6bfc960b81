//! Keeps contexts and their tokens in the person's directory.

use super::{
    Asked, Entry, edit,
    file::{ConfigFile, parse, wrong},
};
use crate::exit::{Exit, Failure, Outcome};
use std::{
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use wire::people::PersonToken;

/// What is to become of the person's contexts.
#[derive(Debug, Default)]
pub struct Change<'a> {
    pub put: Option<&'a Entry>,
    pub remove: Option<&'a str>,
    pub current: Option<&'a str>,
    /// Kept under the name of the entry that is put.
    pub token: Option<&'a PersonToken>,
}

/// Makes the change, tokens first, so that no entry ever stands without its token. Answers the file that was written.
pub fn change(asked: &Asked, change: &Change<'_>) -> Outcome<PathBuf> {
    let Some(path) = &asked.user else {
        return Err(Failure::new(Exit::Malformed, "neither XDG_CONFIG_HOME nor HOME says where contexts are kept"));
    };
    let before = ConfigFile::read(path)?.map(|file| file.spec).unwrap_or_default();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => edit::head(),
        Err(error) => return Err(wrong(path, error)),
    };
    let mut new = change.remove.map_or(text.clone(), |name| edit::without_entry(&text, name));
    new = change.put.map_or(new.clone(), |entry| edit::with_entry(&new, entry));
    new = change.current.map_or(new.clone(), |name| edit::with_current(&new, name));
    let expected = edit::expected(before, change.put, change.remove, change.current);
    if !parse(path, &new).is_ok_and(|spec| edit::same(&spec, &expected)) {
        return Err(by_hand(path, change));
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    if let (Some(entry), Some(token)) = (change.put, change.token) {
        write(&directory.join(&entry.token_file), &format!("{token}\n"))?;
    }
    write(path, &new)?;
    Ok(path.clone())
}

/// A file that is laid out in its own way is its writer's to change.
fn by_hand(path: &Path, change: &Change<'_>) -> Failure {
    let message = format!("{} is not laid out as this program writes it, and was not touched", path.display());
    let mut failure = Failure::new(Exit::Refused, message);
    if let Some(entry) = change.put {
        failure = failure.fact("to be added below `contexts:`");
        failure = edit::lines(entry).into_iter().fold(failure, Failure::fact);
    }
    if let Some(name) = change.remove {
        failure = failure.fact(format!("to be removed: the entry with `name: {name}`"));
    }
    match change.current {
        Some(name) => failure.fact(format!("to be set below `spec:`:  context: {name}")),
        None => failure,
    }
}

/// Writes a private file as a whole, so that a crash leaves the old one or the new one. A link is followed: people
/// keep such files elsewhere.
fn write(path: &Path, text: &str) -> Outcome<()> {
    let failed =
        |error: io::Error| Failure::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()));
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    // A temporary file has mode 0600 from its first moment.
    let mut new = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    new.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}
