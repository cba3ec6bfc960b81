//! The credential of a followed repository: in a file that git's own helper reads, never in what a process is started
//! with, since everybody on the machine sees that.

use super::super::source::{Git, Unreadable};
use rustix::{fs::OFlags, process::geteuid};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Longest line of a credential.
const BYTES_MAX: u64 = 4096;
/// Names the file to the helper.
pub const FILE: &str = "STANDIN_CREDENTIAL_FILE";
/// Says what the file holds: `user:password`, or a token, for which servers take any user. Everything it runs is
/// built into the shell, so that nothing of it becomes the argument of a program.
const HELPER: &str = "!f() { test \"$1\" = get || return 0; IFS= read -r line < \"$STANDIN_CREDENTIAL_FILE\"; \
                      case \"$line\" in *:*) user=${line%%:*};; *) user=git;; esac; \
                      printf 'username=%s\\npassword=%s\\n' \"$user\" \"${line#*:}\"; }; f";

/// Settings of git by which it asks the file, and nothing else, for a credential of this server, and of no other.
///
/// **Errors** when the file is not for the controller alone, or holds no credential.
pub fn settings(from: &Git) -> Result<Vec<String>, Unreadable> {
    let Some(file) = &from.credential_file else { return Ok(Vec::new()) };
    ensure_good(file)?;
    let setting = |setting: String| ["-c".to_owned(), setting];
    let ours = format!("credential.{}.helper={HELPER}", server(&from.repository));
    Ok([setting("credential.helper=".to_owned()), setting(ours)].concat())
}

/// `https://git.example:8443` of an address in it.
fn server(repository: &str) -> &str {
    let begin = repository.find("://").map_or(0, |at| at + 3);
    let end = repository[begin..].find('/').map_or(repository.len(), |at| begin + at);
    &repository[..end]
}

fn ensure_good(path: &Path) -> Result<(), Unreadable> {
    let refused = |why: &str| Unreadable::new(format!("the credential in {} {why}", path.display()));
    let unreadable = |error: io::Error| refused("cannot be read").fact(error.to_string());
    let file = open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let own = geteuid().as_raw();
    if about.mode() & 0o077 != 0 {
        return Err(refused("can be read or changed by others").fact(format!("chmod 600 {}", path.display())));
    }
    if about.uid() != own && about.uid() != 0 {
        return Err(refused("belongs to somebody else").fact(format!("chown {own} {}", path.display())));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    // The text is a secret: an error never shows it.
    let right = !line.is_empty() && text.len() as u64 <= BYTES_MAX && !line.contains(char::is_control);
    right
        .then_some(())
        .ok_or_else(|| refused("is not one line").fact("one line is expected: user:password, or a token"))
}

/// Does not wait for the other end of a pipe that somebody put in place of the file.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_credential_is_one_line_for_the_controller_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("credential");
        let checked = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            ensure_good(&path)
        };
        for (text, mode) in [("bot:hunter2\n", 0o600), ("hunter2", 0o400)] {
            checked(text, mode).unwrap();
        }
        for (text, mode) in [
            ("hunter2\n", 0o640),
            ("hunter2\n", 0o604),
            ("", 0o600),
            ("\n", 0o600),
            ("hunter2\nhost=evil\n", 0o600),
            ("hunter2\r\n", 0o600),
        ] {
            let error = checked(text, mode).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{text:?} {mode:o}: {error:?}");
        }
        assert!(ensure_good(temp.path()).is_err() && ensure_good(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_server_is_the_address_without_its_path() {
        assert_eq!(server("https://git.example:8443/dr/a.git"), "https://git.example:8443");
        assert_eq!(server("https://git.example"), "https://git.example");
    }
}
