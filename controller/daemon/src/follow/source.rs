//! Where a followed set comes from.

use super::{From, git, set};
use manifest::Loaded;
use std::path::{Path, PathBuf};
use wire::api::Origin;

/// A git repository, a branch of it, and the directory in it that is a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Git {
    /// As `git fetch` takes it: a URL or a path.
    pub repository: String,
    pub branch: String,
    /// Directory in the repository; empty for its top.
    pub path: PathBuf,
    /// A private file with one line, `user:password` or a token, for a repository behind HTTPS.
    pub credential_file: Option<PathBuf>,
}

/// A set as it was at one moment.
#[derive(Debug)]
pub struct Set {
    pub loaded: Loaded,
    /// Of git.
    pub commit: Option<String>,
    /// Stands for names and contents.
    pub digest: String,
}

/// Why a set could not be read; nothing is concluded from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreadable {
    pub what: String,
    pub facts: Vec<String>,
}

impl Unreadable {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), facts: Vec::new() }
    }

    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }
}

impl From {
    /// For people and events.
    pub fn name(&self) -> String {
        match self {
            Self::Directory(path) => format!("directory {}", path.display()),
            Self::Git(git) => {
                let path = git.path.to_string_lossy();
                let within = if path.is_empty() { String::new() } else { format!(" {path}") };
                format!("git {} {}{within}", without_secrets(&git.repository), git.branch)
            }
        }
    }

    /// Where a set comes from, for whoever asks later which commit said so.
    pub fn origin(&self, set: &Set) -> Origin {
        let mut origin = Origin { commit: set.commit.clone(), project: Some(self.name()), ..Origin::default() };
        if let Self::Git(git) = self {
            let within = |path: &str| git.path.join(path).display().to_string();
            origin.repository = Some(without_secrets(&git.repository));
            origin.paths = set.loaded.files.iter().map(|(path, _)| (path.clone(), within(path))).collect();
        }
        origin
    }

    /// The set as it is now. `state` is a private directory to work in.
    pub async fn read(&self, state: &Path, overlay: Option<&str>) -> Result<Set, Unreadable> {
        match self {
            Self::Directory(path) => read(path.clone(), overlay, None).await,
            Self::Git(from) => {
                let checkout = git::fetch(from, state).await?;
                read(checkout.path().join("tree"), overlay, Some(checkout.commit.clone())).await
            }
        }
    }
}

async fn read(root: PathBuf, overlay: Option<&str>, commit: Option<String>) -> Result<Set, Unreadable> {
    let overlay = overlay.map(str::to_owned);
    let read = tokio::task::spawn_blocking(move || set::load(&root, overlay.as_deref()));
    let loaded = read.await.map_err(|_| Unreadable::new("the set could not be read"))??;
    let mut digest = blake3::Hasher::new();
    for part in loaded.files.iter().flat_map(|(path, text)| [path, text]) {
        digest.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    Ok(Set { loaded, commit, digest: digest.finalize().to_hex().to_string() })
}

/// A URL without the user and password that it may hold.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let server = rest.find('/').unwrap_or(rest.len());
    let user = rest[..server].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[user..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_no_secret() {
        let git = |repository: &str, path: &str| {
            let git = Git { repository: repository.into(), branch: "main".into(), path: path.into(), ..Git::default() };
            From::Git(git).name()
        };
        assert_eq!(git("https://bot:hunter2@git.example/dr.git", "dr"), "git https://git.example/dr.git main dr");
        assert_eq!(git("https://bot:hunt@er2@git.example", ""), "git https://git.example main");
        assert_eq!(git("https://git.example/a@b/dr.git", ""), "git https://git.example/a@b/dr.git main");
        assert_eq!(git("git@git.example:dr.git", ""), "git git@git.example:dr.git main");
        assert_eq!(git("/srv/dr@home.git", ""), "git /srv/dr@home.git main");
    }
}
