//! Asks the `git` command. Nothing of a repository is changed by it: no checkout, no index, no hook, no network.

use crate::exit::{Exit, Failure, Outcome};
use std::{
    ffi::OsStr,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A directory in, or of, a repository.
#[derive(Clone, Debug)]
pub struct Git {
    directory: PathBuf,
}

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git is not installed, or not found in PATH")]
    Missing,
    #[error("git could not be run")]
    Run(#[source] io::Error),
    #[error("{0}")]
    Said(String),
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub object: String,
    /// From the top of the repository.
    pub path: PathBuf,
}

impl Git {
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// The top of the checkout; `None` in a repository that has none.
    pub fn top(&self) -> Result<Option<PathBuf>, GitError> {
        if self.line(&["rev-parse", "--is-bare-repository"])? == "true" {
            return Ok(None);
        }
        Ok(Some(PathBuf::from(self.line(&["rev-parse", "--show-toplevel"])?)))
    }

    /// The full name of the commit that `reference` stands for. A reference is never taken for a flag.
    pub fn commit(&self, reference: &str) -> Result<String, GitError> {
        if reference.is_empty() || reference.starts_with('-') {
            return Err(GitError::Said(format!("`{}` is not the name of a commit", reference.escape_debug())));
        }
        let wanted = format!("{reference}^{{commit}}");
        self.line(&["rev-parse", "--verify", "--quiet", &wanted]).map_err(|error| match error {
            GitError::Said(_) => GitError::Said(format!("no commit is called `{}` here", reference.escape_debug())),
            other => other,
        })
    }

    /// Whether everything in `older` is in `newer` too.
    pub fn contains(&self, newer: &str, older: &str) -> bool {
        self.run(&["merge-base", "--is-ancestor", older, newer], &[]).is_ok()
    }

    /// The regular files of a commit, by path. Links and submodules are left out.
    pub fn files(&self, commit: &str) -> Result<Vec<Entry>, GitError> {
        let listed = self.run(&["ls-tree", "-r", "-z", "--full-tree", commit], &[])?;
        let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
        Ok(lines.filter_map(entry).collect())
    }

    /// The contents of files, in their order.
    pub fn contents(&self, entries: &[&Entry]) -> Result<Vec<Vec<u8>>, GitError> {
        let wanted: String = entries.iter().map(|entry| format!("{}\n", entry.object)).collect();
        let answer = self.run(&["cat-file", "--batch"], wanted.as_bytes())?;
        let mut rest = answer.as_slice();
        entries.iter().map(|entry| content(&mut rest, entry)).collect()
    }

    /// One configured value.
    pub fn config(&self, name: &str) -> Option<String> {
        self.line(&["config", "--get", name]).ok().filter(|value| !value.is_empty())
    }

    /// The names of all remotes.
    pub fn remotes(&self) -> Vec<String> {
        let said = self.run(&["remote"], &[]).unwrap_or_default();
        String::from_utf8_lossy(&said).lines().map(str::to_owned).collect()
    }

    /// Files below `paths` that are not as in the current commit, ignored ones too.
    pub fn changed(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, GitError> {
        let flags =
            ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=traditional"];
        let mut args: Vec<&OsStr> = flags.iter().map(OsStr::new).collect();
        args.extend([OsStr::new("--ignore-submodules=all"), OsStr::new("--")]);
        args.extend(paths.iter().map(|path| path.as_os_str()));
        let said = self.run_os(&args, &[])?;
        let lines = said.split(|byte| *byte == 0).filter(|line| line.len() > 3);
        Ok(lines.map(|line| PathBuf::from(String::from_utf8_lossy(&line[3..]).into_owned())).collect())
    }

    fn line(&self, args: &[&str]) -> Result<String, GitError> {
        let said = self.run(args, &[])?;
        Ok(String::from_utf8_lossy(&said).trim_end_matches('\n').to_owned())
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        self.run_os(&args.iter().map(OsStr::new).collect::<Vec<_>>(), input)
    }

    fn run_os(&self, args: &[&OsStr], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.directory);
        // Neither the repository's own hooks nor a fetch of what a partial clone lacks.
        command.args([
            "--no-pager",
            "--literal-pathspecs",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ]);
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
        command.env("LC_ALL", "C").args(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
                if error.kind() == io::ErrorKind::NotFound { GitError::Missing } else { GitError::Run(error) }
            })?;
        let stdin = child.stdin.take();
        let written = input.to_vec();
        // Beside the reading: neither side waits for the other to take what it says.
        let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&written)));
        let output = child.wait_with_output().map_err(GitError::Run)?;
        let _ = writer.join();
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("fatal: ").to_owned();
        Err(GitError::Said(if said.is_empty() { format!("git ended with {}", output.status) } else { said }))
    }
}

/// `100644 blob OBJECT\tPATH`.
fn entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let about = std::str::from_utf8(&line[..tab]).ok()?;
    let mut words = about.split(' ');
    let (mode, object) = (words.next()?, words.nth(1)?);
    let path = std::str::from_utf8(&line[tab + 1..]).ok()?;
    mode.starts_with("100").then(|| Entry { object: object.to_owned(), path: PathBuf::from(path) })
}

/// `OBJECT blob SIZE\nCONTENT\n`.
fn content(rest: &mut &[u8], entry: &Entry) -> Result<Vec<u8>, GitError> {
    let lost = || GitError::Said(format!("{} is not in this repository: it is incomplete", entry.path.display()));
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(lost)?;
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    let size = head.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok()).ok_or_else(lost)?;
    let (from, to) = (end + 1, end + 1 + size);
    let found = rest.get(from..to).ok_or_else(lost)?.to_vec();
    *rest = rest.get(to + 1..).unwrap_or_default();
    Ok(found)
}

impl GitError {
    /// As the end of a command, with what to do.
    pub fn failure(&self) -> Failure {
        let failure = Failure::new(Exit::Malformed, self.to_string());
        match self {
            GitError::Missing => failure.help("install git, or compare with the controller: standin diff"),
            GitError::Run(source) => failure.fact(source.to_string()),
            GitError::Said(said) if said.contains("not a git repository") => {
                failure.help("run it inside the repository, or compare with the controller: standin diff")
            }
            GitError::Said(said) if said.starts_with("no commit is called") => {
                failure.help("git branch -a lists what there is; in CI fetch it first: git fetch origin BRANCH")
            }
            GitError::Said(said) if said.contains("dubious ownership") => {
                failure.help("the repository belongs to another user; git says how to trust it")
            }
            GitError::Said(_) => failure,
        }
    }
}

/// The answer, or the end of the command.
pub fn asked<T>(answer: Result<T, GitError>) -> Outcome<T> {
    answer.map_err(|error| error.failure())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_listed() {
        let file = b"100644 blob 0a1b\tdr/mail.yaml".as_slice();
        assert_eq!(entry(file), Some(Entry { object: "0a1b".into(), path: "dr/mail.yaml".into() }));
        assert_eq!(entry(b"120000 blob 0a1b\tlink.yaml"), None);
        assert_eq!(entry(b"160000 commit 0a1b\tsub"), None);
    }

    #[test]
    fn contents_follow_each_other() {
        let entry = |object: &str| Entry { object: object.into(), path: "x".into() };
        let mut rest = b"aa blob 3\na\nb\nbb blob 0\n\ncc missing\n".as_slice();
        assert_eq!(content(&mut rest, &entry("aa")).unwrap(), b"a\nb");
        assert_eq!(content(&mut rest, &entry("bb")).unwrap(), b"");
        assert!(content(&mut rest, &entry("cc")).is_err());
    }

    #[test]
    fn a_reference_is_never_a_flag() {
        let git = Git::at(Path::new("/"));
        for hostile in ["--upload-pack=x", "-c", ""] {
            assert!(
                matches!(git.commit(hostile), Err(GitError::Said(said)) if said.contains("not the name")),
                "{hostile}"
            );
        }
    }
}
