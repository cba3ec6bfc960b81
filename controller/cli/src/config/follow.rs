//! `spec.follow` of a controller's configuration.

use super::{absolute, wrong};
use crate::exit::Outcome;
use controller::{FollowFrom, Git};
use model::units::Period;
use serde::Deserialize;
use std::{
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
#[serde(deny_unknown_fields)]
pub struct GitSpec {
    pub repository: String,
    #[serde(default = "branch")]
    pub branch: String,
    /// Directory in the repository.
    #[serde(default)]
    pub path: PathBuf,
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
            (_, Some(GitSpec { repository, branch, path })) => FollowFrom::Git(Git { repository, branch, path }),
            (directory, None) => FollowFrom::Directory(directory.map(|directory| directory.path).unwrap_or_default()),
        };
        controller::Follow { from, overlay: self.overlay, prune: self.prune, interval: self.interval.0 }
    }
}

impl GitSpec {
    fn check(&self, path: &Path) -> Outcome<()> {
        // What begins with a dash would be an option to git, `a::b` a program to fetch with.
        if self.repository.is_empty() || self.repository.starts_with('-') || self.repository.contains("::") {
            return Err(wrong(path, "spec.follow.git.repository: a URL or a path is expected"));
        }
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
}
