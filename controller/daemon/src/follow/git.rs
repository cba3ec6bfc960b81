//! The `git` command, as far as following a branch needs it: fetch into a bare repository of our own, then write one
//! commit's files into a directory of our own. Nobody's checkout is touched, and nothing of a repository is run.

use super::source::{Git, Unreadable};
use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{process::Command, time::timeout};

/// Longest time that a fetch may take.
const FETCH_MAX: Duration = Duration::from_secs(120);
/// Longest time of what needs no network.
const LOCAL_MAX: Duration = Duration::from_secs(60);
/// Files in a followed directory, and their bytes, at most.
const FILES_MAX: usize = 20_000;
const BYTES_MAX: u64 = 256 << 20;
/// Lines of git's own words that are passed on.
const LINES_MAX: usize = 6;
/// What is fetched becomes this.
const HEAD: &str = "refs/standin/followed";

/// One commit's files, gone with it.
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
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Fetches the branch and writes its newest commit into `tree` below the answered path.
pub async fn fetch(from: &Git, state: &Path) -> Result<Checkout, Unreadable> {
    let repository = state.join("repository.git");
    let run = Runner { repository: &repository };
    if !repository.join("HEAD").exists() {
        let _ = std::fs::remove_dir_all(&repository);
        run.git(LOCAL_MAX, &["init", "--quiet", "--bare", "."], &repository).await?;
    }
    let branch = format!("+refs/heads/{}:{HEAD}", from.branch);
    let fetch =
        ["fetch", "--quiet", "--no-tags", "--depth=1", "--no-recurse-submodules", "--", &from.repository, &branch];
    run.git(FETCH_MAX, &fetch, &repository).await?;
    let commit = run.line(&["rev-parse", "--verify", &format!("{HEAD}^{{commit}}")]).await?;
    let tree = match from.path.as_os_str().is_empty() {
        true => format!("{commit}^{{tree}}"),
        false => format!("{commit}:{}", from.path.display()),
    };
    run.ensure_small(&tree, from).await?;
    let directory = state.join("checkout");
    let _ = std::fs::remove_dir_all(&directory);
    let checkout = Checkout { directory, commit };
    run.write(&tree, checkout.path()).await?;
    Ok(checkout)
}

struct Runner<'a> {
    repository: &'a Path,
}

impl Runner<'_> {
    /// Runs git within the repository, without hooks, questions or transports that start programs of a URL's choice.
    async fn git(&self, limit: Duration, args: &[&str], within: &Path) -> Result<Output, Unreadable> {
        self.git_with(limit, args, within, &[]).await
    }

    async fn git_with(
        &self,
        limit: Duration,
        args: &[&str],
        within: &Path,
        environment: &[(&str, &Path)],
    ) -> Result<Output, Unreadable> {
        std::fs::create_dir_all(within).map_err(|error| Unreadable::new(format!("{}: {error}", within.display())))?;
        let mut command = Command::new("git");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]).args(args);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ALLOW_PROTOCOL", "file:https:http:ssh").env("LC_ALL", "C");
        for name in ["GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"] {
            command.env_remove(name);
        }
        command.current_dir(within).env("GIT_DIR", self.repository).envs(environment.iter().copied());
        command.stdin(Stdio::null()).kill_on_drop(true);
        let verb = args.first().copied().unwrap_or_default();
        let output = timeout(limit, command.output()).await;
        let output =
            output.map_err(|_| Unreadable::new(format!("git {verb} took longer than {} s", limit.as_secs())))?;
        let output = output.map_err(|error| Unreadable::new(format!("git cannot be started: {error}")))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let failure = Unreadable::new(format!("git {verb} failed"));
        Err(said.lines().take(LINES_MAX).fold(failure, |failure, line| failure.fact(line.trim_end())))
    }

    async fn line(&self, args: &[&str]) -> Result<String, Unreadable> {
        let output = self.git(LOCAL_MAX, args, self.repository).await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Looks at sizes before anything is written.
    async fn ensure_small(&self, tree: &str, from: &Git) -> Result<(), Unreadable> {
        let listed = self.git(LOCAL_MAX, &["ls-tree", "-r", "-l", "-z", tree], self.repository).await;
        let listed = listed.map_err(|failure| match from.path.as_os_str().is_empty() {
            true => failure,
            false => failure.fact(format!("is there a directory {} on {}?", from.path.display(), from.branch)),
        })?;
        let entries: Vec<&[u8]> = listed.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).collect();
        let size = |entry: &&[u8]| {
            let head = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
            String::from_utf8_lossy(head)
                .split_whitespace()
                .last()
                .and_then(|size| size.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let bytes: u64 = entries.iter().map(size).sum();
        if entries.len() > FILES_MAX || bytes > BYTES_MAX {
            let found = format!("{} files, {} MiB", entries.len(), bytes >> 20);
            return Err(Unreadable::new("what is followed is too large for manifests")
                .fact(found)
                .fact(format!("at most {FILES_MAX} files and {} MiB: name their directory as path", BYTES_MAX >> 20)));
        }
        Ok(())
    }

    /// Writes all files of a tree below `directory`/tree.
    async fn write(&self, tree: &str, directory: &Path) -> Result<(), Unreadable> {
        let to = directory.join("tree");
        let index = directory.join("index");
        let environment = [("GIT_INDEX_FILE", index.as_path()), ("GIT_WORK_TREE", to.as_path())];
        self.git_with(LOCAL_MAX, &["read-tree", tree], &to, &environment).await?;
        self.git_with(LOCAL_MAX, &["checkout-index", "--all", "--force"], &to, &environment).await.map(drop)
    }
}
