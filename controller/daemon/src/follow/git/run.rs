//! One call of the `git` command: bounded in time, in what it says and in what it writes, and ended so that it takes its
//! locks away.

use super::super::source::Unreadable;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{Instant, timeout, timeout_at},
};

/// Time that git has to take its locks away before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// Lines of git's own words that are passed on, and bytes of them that are kept.
const LINES_MAX: usize = 6;
const WORDS_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer that is no list.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Bytes that are read at once.
const PIECE_BYTES: usize = 16 << 10;
/// Whatever is fetched stays as the one file it arrives in.
const PACKED: [&str; 2] = ["-c", "fetch.unpackLimit=1"];
/// Words of a failure that is not the local repository's: a new one would meet it as well.
const OF_THE_OTHER_SIDE: [&str; 4] = [
    "fatal: unable to access 'http",
    "fatal: Authentication failed",
    "fatal: couldn't find remote ref",
    "Could not read from remote repository",
];

/// Why a call gave no answer.
#[derive(Debug)]
pub struct Failure {
    pub told: Unreadable,
    /// Whether the repository may be the cause, so that a new one may help.
    pub of_repository: bool,
}

impl From<Unreadable> for Failure {
    fn from(told: Unreadable) -> Self {
        Self { told, of_repository: false }
    }
}

/// The surroundings of a call.
pub struct Call<'a> {
    /// The repository that is asked.
    pub repository: &'a Path,
    pub within: &'a Path,
    /// Arguments before the verb.
    pub settings: Vec<String>,
    pub environment: Vec<(&'static str, &'a Path)>,
    pub until: Instant,
    /// Bytes of one file that git writes, at most.
    pub file_bytes_max: u64,
}

impl Call<'_> {
    /// Runs git without hooks, questions or transports that start programs of a URL's choice, and answers what it said.
    pub async fn git(&self, args: &[&str]) -> Result<Vec<u8>, Failure> {
        let mut answer = Vec::new();
        let keep = |bytes: &[u8]| {
            answer.extend_from_slice(bytes);
            let short = answer.len() <= ANSWER_BYTES_MAX;
            short.then_some(()).ok_or_else(|| Unreadable::new("git says more than it has been asked"))
        };
        self.list(args, keep).await?;
        Ok(answer)
    }

    /// Runs it in the same way and hands on what it says, piece by piece, until `take` has heard enough.
    pub async fn list(&self, args: &[&str], take: impl FnMut(&[u8]) -> Result<(), Unreadable>) -> Result<(), Failure> {
        let verb = args.first().copied().unwrap_or_default();
        let made = std::fs::create_dir_all(self.within);
        made.map_err(|error| Unreadable::new(format!("{}: {error}", self.within.display())))?;
        let mut running = Running::start(self.command(args), self.file_bytes_max)?;
        let ended = timeout_at(self.until, running.end(take)).await;
        let late = |_| Failure::from(Unreadable::new(format!("git {verb} took longer than it may")));
        match ended.map_err(late).flatten() {
            Ok(ended) if ended.status.success() => Ok(()),
            Ok(ended) => Err(ended.failure(verb)),
            Err(failure) => {
                running.stop().await;
                Err(failure)
            }
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]).args(PACKED);
        command.args(&self.settings).args(args);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ALLOW_PROTOCOL", "file:https:http:ssh").env("LC_ALL", "C");
        for name in ["GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"] {
            command.env_remove(name);
        }
        command.current_dir(self.within).env("GIT_DIR", self.repository).envs(self.environment.iter().copied());
        // A group of its own: what git has started is ended with it.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}

struct Ended {
    status: ExitStatus,
    words: Vec<u8>,
}

impl Ended {
    fn failure(&self, verb: &str) -> Failure {
        let said = String::from_utf8_lossy(&self.words);
        let told = Unreadable::new(format!("git {verb} failed"));
        let told = said.lines().take(LINES_MAX).fold(told, |told, line| told.fact(line.trim_end()));
        Failure { told, of_repository: !OF_THE_OTHER_SIDE.iter().any(|words| said.contains(words)) }
    }
}

/// A git that runs, and is asked to end when nobody waits for it any more.
struct Running {
    child: Option<Child>,
}

impl Running {
    fn start(mut command: Command, file_bytes_max: u64) -> Result<Self, Unreadable> {
        let started = command.spawn();
        let child = started.map_err(|error| Unreadable::new(format!("git cannot be started: {error}")))?;
        let limit = Rlimit { current: Some(file_bytes_max), maximum: Some(file_bytes_max) };
        let running = Self { child: Some(child) };
        // One that is over already writes nothing.
        let _ = running.group().map(|git| prlimit(Some(git), Resource::Fsize, limit));
        Ok(running)
    }

    async fn end(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), Unreadable>) -> Result<Ended, Failure> {
        let failed = |error: io::Error| Failure::from(Unreadable::new(format!("git cannot be heard: {error}")));
        let child = self.child.as_mut().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut words = Vec::new();
        let keep = |bytes: &[u8]| {
            let room = WORDS_BYTES_MAX.saturating_sub(words.len());
            words.extend_from_slice(&bytes[..bytes.len().min(room)]);
            Ok(())
        };
        tokio::try_join!(hear(stdout, &mut take), hear(stderr, keep))?;
        Ok(Ended { status: child.wait().await.map_err(failed)?, words })
    }

    fn group(&self) -> Option<Pid> {
        self.child.as_ref().and_then(group)
    }

    /// Ends it, and returns when it is gone.
    async fn stop(mut self) {
        if let Some(child) = self.child.take() {
            stop(child).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else { return };
        signal(&child, Signal::TERM);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(stop(child));
        }
    }
}

async fn stop(mut child: Child) {
    signal(&child, Signal::TERM);
    if timeout(GRACE, child.wait()).await.is_err() {
        signal(&child, Signal::KILL);
        // It cannot refuse that, and its end is all there is to know.
        let _ = child.wait().await;
    }
}

/// Tells the whole group.
fn signal(child: &Child, signal: Signal) {
    if let Some(group) = group(child) {
        let _ = kill_process_group(group, signal);
    }
}

/// The number of the child and of its group; none once it was waited for, since it may be another's from then on.
fn group(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
}

async fn hear(
    pipe: Option<impl AsyncRead + Unpin>,
    mut take: impl FnMut(&[u8]) -> Result<(), Unreadable>,
) -> Result<(), Failure> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = pipe.read(&mut piece).await;
        match read.map_err(|error| Unreadable::new(format!("git cannot be heard: {error}")))? {
            0 => return Ok(()),
            bytes => take(&piece[..bytes])?,
        }
    }
}
