//! One call of the `git` command: bounded in time, and ended so that it takes its locks away.

use super::super::source::Unreadable;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
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
/// Lines of git's own words that are passed on.
const LINES_MAX: usize = 6;
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
    pub environment: Vec<(&'static str, &'a Path)>,
    pub until: Instant,
}

impl Call<'_> {
    /// Runs git without hooks, questions or transports that start programs of a URL's choice, and answers what it said.
    pub async fn git(&self, args: &[&str]) -> Result<Vec<u8>, Failure> {
        let verb = args.first().copied().unwrap_or_default();
        let failed = |what: String| Failure { told: Unreadable::new(what), of_repository: true };
        let made = std::fs::create_dir_all(self.within);
        made.map_err(|error| Unreadable::new(format!("{}: {error}", self.within.display())))?;
        let mut running = Running::start(self.command(args))?;
        let Ok(ended) = timeout_at(self.until, running.end()).await else {
            running.stop().await;
            return Err(Unreadable::new(format!("git {verb} took longer than it may")).into());
        };
        let ended = ended.map_err(|error| failed(format!("git {verb} cannot be heard: {error}")))?;
        if ended.status.success() {
            return Ok(ended.stdout);
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let of_repository = !OF_THE_OTHER_SIDE.iter().any(|words| said.contains(words));
        let told = Unreadable::new(format!("git {verb} failed"));
        let told = said.lines().take(LINES_MAX).fold(told, |told, line| told.fact(line.trim_end()));
        Err(Failure { told, of_repository })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]).args(args);
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
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// A git that runs, and is asked to end when nobody waits for it any more.
struct Running {
    child: Option<Child>,
}

impl Running {
    fn start(mut command: Command) -> Result<Self, Unreadable> {
        let started = command.spawn();
        let child = started.map_err(|error| Unreadable::new(format!("git cannot be started: {error}")))?;
        Ok(Self { child: Some(child) })
    }

    async fn end(&mut self) -> std::io::Result<Ended> {
        let gone = || std::io::Error::other("it is gone");
        let child = self.child.as_mut().ok_or_else(gone)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = tokio::try_join!(all(stdout), all(stderr))?;
        Ok(Ended { status: child.wait().await?, stdout, stderr })
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

/// Tells the whole group, as long as the child was not waited for: its number is its own until then.
fn signal(child: &Child, signal: Signal) {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

async fn all(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
