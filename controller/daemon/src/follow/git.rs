//! The `git` command, as far as following a branch needs it: fetch into a bare repository of our own, then write one
//! commit's files into a directory of our own. Nobody's checkout is touched, and nothing of a repository is run.

//! The `git` command, as far as following a branch needs it: fetch into a bare repository of our own, then write one
//! commit's files into a directory of our own. Nobody's checkout is touched, and nothing of a repository is run.

mod credential;
mod listing;
mod run;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
mod usage;

use super::source::{Git, Unreadable};
use listing::{LIST, Listing};
use run::{Call, Failure};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

/// Longest time that a fetch may take.
const FETCH_MAX: Duration = Duration::from_secs(120);
/// Longest time of what needs no network.
const LOCAL_MAX: Duration = Duration::from_secs(60);
/// Bytes that one fetch may bring, everything counted that the commit holds.
const FETCHED_BYTES_MAX: u64 = 1 << 30;
/// What is fetched becomes this.
const HEAD: &str = "refs/standin/followed";

/// One commit's files, gone with it.
#[derive(Debug)]
pub struct Checkout {
    directory: PathBuf,
    pub commit: String,
}

impl Checkout {
    pub fn path(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // What cannot be removed is removed before the next one is made.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Fetches the branch and writes its newest commit into `tree` below the answered path.
pub async fn fetch(from: &Git, state: &Path) -> Result<Checkout, Unreadable> {
    fetch_within(from, state, Limits { time: FETCH_MAX, bytes: FETCHED_BYTES_MAX }).await
}

/// Of one look at a repository, with everything that is tried for it.
#[derive(Clone, Copy)]
struct Limits {
    time: Duration,
    bytes: u64,
}

/// A repository that is of no use any more, because a fetch was cut off in it or the power was, is replaced by a new
/// one: nothing rests on it but the next fetch.
async fn fetch_within(from: &Git, state: &Path, limits: Limits) -> Result<Checkout, Unreadable> {
    let (repository, new) = (state.join("repository.git"), state.join("repository.new.git"));
    let until = Instant::now() + limits.time;
    if usage::is_grown(&repository) {
        let _ = fs::remove_dir_all(&repository);
    }
    if repository.exists() {
        match (Fetch { from, state, repository: &repository, until, bytes_max: limits.bytes }).checkout().await {
            Err(failure) if failure.of_repository => {
                tracing::warn!(why = %failure.told, facts = ?failure.told.facts, "the fetched repository is made anew");
            }
            done => return done.map_err(|failure| failure.told),
        }
    }
    let _ = fs::remove_dir_all(&new);
    let made = Fetch { from, state, repository: &new, until, bytes_max: limits.bytes }.first_checkout().await;
    let kept = made.map_err(|failure| failure.told).and_then(|checkout| {
        usage::note(&new)
            .and_then(|()| replace(&repository, &new))
            .map(|()| checkout)
            .map_err(|error| Unreadable::new(format!("{}: {error}", repository.display())))
    });
    if kept.is_err() {
        let _ = fs::remove_dir_all(&new);
    }
    kept
}

fn replace(old: &Path, new: &Path) -> io::Result<()> {
    if old.exists() {
        fs::remove_dir_all(old)?;
    }
    fs::rename(new, old)
}

/// One fetch into one repository.
struct Fetch<'a> {
    from: &'a Git,
    state: &'a Path,
    repository: &'a Path,
    until: Instant,
    bytes_max: u64,
}

impl Fetch<'_> {
    async fn first_checkout(&self) -> Result<Checkout, Failure> {
        self.local(self.repository).git(&["init", "--quiet", "--bare", "."]).await?;
        self.checkout().await
    }

    async fn checkout(&self) -> Result<Checkout, Failure> {
        let branch = format!("+refs/heads/{}:{HEAD}", self.from.branch);
        let repository = &self.from.repository;
        let fetch =
            ["fetch", "--quiet", "--no-tags", "--depth=1", "--no-recurse-submodules", "--", repository, &branch];
        let settings = credential::settings(self.from)?;
        let file = self.from.credential_file.iter().map(|file| (credential::FILE, file.as_path()));
        let (environment, local) = (file.collect(), self.local(self.repository));
        let fetched = Call { until: self.until, settings, environment, ..local }.git(&fetch).await;
        fetched.map_err(|failure| self.too_large().unwrap_or(failure))?;
        let commit = self.line(&["rev-parse", "--verify", &format!("{HEAD}^{{commit}}")]).await?;
        let tree = self.tree(&commit).await?;
        self.ensure_small(&tree).await?;
        let directory = self.state.join("checkout");
        let _ = fs::remove_dir_all(&directory);
        let checkout = Checkout { directory, commit };
        self.write(&tree, checkout.path()).await?;
        Ok(checkout)
    }

    /// A call that needs no network.
    fn local<'a>(&'a self, within: &'a Path) -> Call<'a> {
        let until = Instant::now() + LOCAL_MAX;
        let file_bytes_max = self.bytes_max;
        Call {
            repository: self.repository,
            within,
            settings: Vec::new(),
            environment: Vec::new(),
            until,
            file_bytes_max,
        }
    }

    /// Whether a fetch was ended because it brought too much: git does not say so. What it left is removed.
    fn too_large(&self) -> Option<Failure> {
        let packs = fs::read_dir(self.repository.join("objects/pack")).ok()?.flatten();
        let full = |pack: &fs::DirEntry| pack.metadata().is_ok_and(|about| about.len() >= self.bytes_max);
        let full: Vec<_> = packs.filter(full).collect();
        for pack in &full {
            let _ = fs::remove_file(pack.path());
        }
        let told = Unreadable::new("what is followed is too large to be fetched");
        let told = told.fact(format!("the whole commit may have at most {} MiB", self.bytes_max >> 20));
        (!full.is_empty()).then(|| told.into())
    }

    async fn line(&self, args: &[&str]) -> Result<String, Failure> {
        let said = self.local(self.repository).git(args).await?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// The tree of what is followed in a commit.
    async fn tree(&self, commit: &str) -> Result<String, Failure> {
        let top = self.line(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")]).await?;
        if self.from.path.as_os_str().is_empty() {
            return Ok(top);
        }
        let (path, branch) = (self.from.path.display(), &self.from.branch);
        let found = async {
            let found = self.line(&["rev-parse", "--verify", &format!("{top}:{path}")]).await?;
            self.line(&["rev-parse", "--verify", &format!("{found}^{{tree}}")]).await
        };
        let found = found.await;
        found.map_err(|failure| failure.told.fact(format!("is there a directory {path} on {branch}?")).into())
    }

    /// Looks at sizes before anything is written.
    async fn ensure_small(&self, tree: &str) -> Result<(), Failure> {
        let mut listing = Listing::default();
        self.local(self.repository).list(&[&LIST[..], &[tree]].concat(), |piece| listing.take(piece)).await
    }

    /// Writes all files of a tree below `directory`/tree.
    async fn write(&self, tree: &str, directory: &Path) -> Result<(), Failure> {
        let to = directory.join("tree");
        let index = directory.join("index");
        let environment = vec![("GIT_INDEX_FILE", index.as_path()), ("GIT_WORK_TREE", to.as_path())];
        let call = Call { environment, ..self.local(&to) };
        call.git(&["read-tree", tree]).await?;
        call.git(&["checkout-index", "--all", "--force"]).await.map(drop)
    }
}
