//! The token that is shown to a controller: read from a file or standard input, and never from anywhere else.

use crate::exit::{Exit, Failure, Outcome};
use rustix::process::geteuid;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use wire::people::{PersonToken, PersonTokenError};

/// Longest text that is looked at: a token with some blanks around it.
const TEXT_BYTES_MAX: u64 = 4096;

/// Where the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The socket needs none: the kernel says who asks.
    NotNeeded,
    File(PathBuf),
    /// Not yet kept anywhere.
    Held(PersonToken),
}

impl Credential {
    pub fn read(&self) -> Outcome<Option<PersonToken>> {
        match self {
            Credential::NotNeeded => Ok(None),
            Credential::Held(token) => Ok(Some(token.clone())),
            Credential::File(path) => read_kept(path).map(Some),
        }
    }
}

/// Reads a token that is kept. One that others can read is refused: it may be theirs by now.
fn read_kept(path: &Path) -> Outcome<PersonToken> {
    let unreadable = |error: io::Error| {
        let failure =
            Failure::new(Exit::Malformed, format!("the token cannot be read from {}: {error}", path.display()));
        failure.help("standin context add NAME --replace --token-file FILE  keeps a new one")
    };
    let file = open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let own = geteuid().as_raw();
    if about.mode() & 0o077 != 0 {
        let close = format!("chmod 600 {}", path.display());
        return Err(refused(path, "can be read or changed by others", &close));
    }
    if about.uid() != own && about.uid() != 0 && own != 0 {
        let close = format!("chown {own} {}", path.display());
        return Err(refused(path, "belongs to somebody else", &close));
    }
    token(file, &path.display().to_string())
}

fn refused(path: &Path, why: &str, close: &str) -> Failure {
    Failure::new(Exit::Refused, format!("refused, the token in {} {why}", path.display()))
        .fact("it was not sent anywhere")
        .help(close)
        .help("if it may have been seen:  standin token revoke NAME  and make a new one")
}

/// Reads a token that is to be kept, from a file or `-`. Its permissions are not looked at: a job's file may have any.
pub fn read_new(file: &str) -> Outcome<PersonToken> {
    if file == "-" {
        return token(io::stdin().lock(), "standard input");
    }
    let opened = open(Path::new(file));
    let opened = opened
        .map_err(|error| Failure::new(Exit::Malformed, format!("the token cannot be read from {file}: {error}")))?;
    token(opened, file)
}

/// Does not wait for the other end of a pipe that somebody put in place of the file.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// The text is a secret: an error never shows it.
fn token(source: impl Read, place: &str) -> Outcome<PersonToken> {
    let mut text = String::new();
    let read = source.take(TEXT_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| Failure::new(Exit::Malformed, format!("the token cannot be read from {place}: {error}")))?;
    text.parse().map_err(|error: PersonTokenError| {
        let why = if text.trim().is_empty() { "it is empty".to_owned() } else { error.to_string() };
        Failure::new(Exit::Malformed, format!("{place} does not hold an access token: {why}"))
            .help("standin token create --role viewer|operator|admin  on the controller's machine prints one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_kept_token_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (path, token) = (dir.path().join("t"), PersonToken::create().unwrap());
        fs::write(&path, format!("{token}\n")).unwrap();
        for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_kept(&path);
            assert_eq!(read.is_ok(), fine, "{mode:o}");
            if let Err(failure) = read {
                assert_eq!(failure.exit, Exit::Refused);
                assert!(!format!("{failure:?}").contains(token.secret()));
            }
        }
        let new = read_new(&path.display().to_string()).unwrap();
        assert_eq!(new, token, "a new one may come from anywhere");
    }

    #[test]
    fn what_is_no_token_is_never_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        for (text, words) in [("", "is empty"), ("hunter2", "looks like"), ("v1.ab.cd", "with which a host joins")] {
            fs::write(&path, text).unwrap();
            let failure = read_new(&path.display().to_string()).unwrap_err();
            assert!(failure.obstacles[0].message.contains(words), "{failure:?}");
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
        assert!(read_new(&dir.path().display().to_string()).is_err(), "a directory");
    }
}
