//! `spec.follow` of a controller's configuration.

use super::{absolute, wrong};
use crate::exit::Outcome;
use controller::{FollowFrom, Git};
use model::units::Period;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Component, Path, PathBuf},
    time::Duration,
};

/// What the controller takes manifests from by itself: exactly one of `directory` and `git`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Follow {
    pub directory: Option<DirectorySpec>,
    pub git: Option<GitSpec>,
    /// Overlay of the project.
    pub overlay: Option<String>,
    /// Delete what was applied from here and is not there any more.
    #[serde(default)]
    pub prune: bool,
    /// Time between two looks; a directory is also looked at when it changes.
    #[serde(default = "interval")]
    pub interval: Period,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySpec {
    pub path: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitSpec {
    pub repository: String,
    #[serde(default = "branch")]
    pub branch: String,
    /// Directory in the repository.
    #[serde(default)]
    pub path: PathBuf,
    /// A private file with one line, `user:password` or a token.
    pub credential_file: Option<PathBuf>,
}

const INTERVAL_MIN: Duration = Duration::from_secs(1);

fn interval() -> Period {
    Period(Duration::from_secs(60))
}

fn branch() -> String {
    "main".to_owned()
}

impl Follow {
    pub fn check(&self, path: &Path) -> Outcome<()> {
        match (&self.directory, &self.git) {
            (Some(directory), None) => absolute(path, "follow.directory.path", &directory.path)?,
            (None, Some(git)) => git.check(path)?,
            _ => return Err(wrong(path, "spec.follow: exactly one of directory and git says what is followed")),
        }
        if self.interval.0 < INTERVAL_MIN {
            return Err(wrong(path, "spec.follow.interval: at least 1s"));
        }
        Ok(())
    }

    /// As the controller takes it; `check` has found it right.
    pub fn settings(self) -> controller::Follow {
        let from = match (self.directory, self.git) {
            (_, Some(GitSpec { repository, branch, path, credential_file })) => {
                FollowFrom::Git(Git { repository, branch, path, credential_file })
            }
            (directory, None) => FollowFrom::Directory(directory.map(|directory| directory.path).unwrap_or_default()),
        };
        controller::Follow { from, overlay: self.overlay, prune: self.prune, interval: self.interval.0 }
    }
}

impl GitSpec {
    fn check(&self, path: &Path) -> Outcome<()> {
        // What begins with a dash would be an option to git, `a::b` a program to fetch with.
        let word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let program = self.repository.split_once("::").is_some_and(|(program, _)| program.chars().all(word));
        if self.repository.is_empty() || self.repository.starts_with('-') || program {
            return Err(wrong(path, "spec.follow.git.repository: a URL or a path is expected"));
        }
        self.check_credential(path)?;
        let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
        if self.branch.is_empty()
            || self.branch.starts_with('-')
            || self.branch.contains("..")
            || self.branch.contains(odd)
        {
            return Err(wrong(path, "spec.follow.git.branch: a branch's name is expected, without refs/heads/"));
        }
        if self.path.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(wrong(
                path,
                "spec.follow.git.path: a directory within the repository, without .. and leading /",
            ));
        }
        Ok(())
    }

    fn check_credential(&self, path: &Path) -> Outcome<()> {
        let (scheme, server) = self.server();
        let user = server.rsplit_once('@').map(|(user, _)| user);
        // Without repeating it: it is a secret.
        if user.is_some_and(|user| user.contains(':') || scheme.starts_with("http")) {
            let message = "spec.follow.git.repository: there is a user, a password or a token in it, which everybody on \
                           the machine would see";
            return Err(wrong(path, message)
                .help(
                    "leave it out, and write user:password or the token into a file that only the controller can read",
                )
                .help("then name that file: spec.follow.git.credentialFile"));
        }
        let Some(file) = &self.credential_file else { return Ok(()) };
        absolute(path, "follow.git.credentialFile", file)?;
        if scheme == "https" || (scheme == "http" && is_loopback(server)) {
            return Ok(());
        }
        let message =
            "spec.follow.git.credentialFile: it is for a repository behind https://; nothing else would hide it";
        Err(wrong(path, message).help("for SSH: an identity of the controller's user, in its ~/.ssh"))
    }

    /// Scheme and server of the repository's URL; both are empty where it is none.
    fn server(&self) -> (&str, &str) {
        let (scheme, rest) = self.repository.split_once("://").unwrap_or_default();
        (scheme, rest.split(['/', '?', '#']).next().unwrap_or_default())
    }
}

fn is_loopback(server: &str) -> bool {
    let address: Option<SocketAddr> = server.parse().ok();
    address.is_some_and(|address| address.ip().is_loopback()) || server.split(':').next() == Some("localhost")
}
