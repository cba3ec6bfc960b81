//! Starts a script, waits for it, and leaves nothing behind.

use super::{copy::Copy, locate::ScriptError};
use crate::agent::lock;
use rustix::process::{self, Pid, Signal};
use std::{
    io,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
    sync::Mutex,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::{Child, Command},
    time::{Instant, sleep, timeout, timeout_at},
};

/// Most output that is kept; the rest is read and dropped.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// Time between asking a group of processes to end and killing it.
pub const KILL_AFTER: Duration = Duration::from_secs(2);
/// How long a group that was killed is waited for. Only a system call that hangs keeps one longer.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// Longest time a script may ever take, whatever its order says.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// How long output is still read after the script has ended, because something it started may hold the pipe.
const LINGER: Duration = Duration::from_millis(100);
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What becomes of processes that a script leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// They are the service that was started.
    Keep,
    Kill,
}

/// One run of one script.
#[derive(Clone, Debug)]
pub struct Order {
    /// Name of the script, then its arguments.
    pub command: Vec<String>,
    /// `STANDIN_...` variables; everything else in the environment is fixed.
    pub environment: Vec<(&'static str, String)>,
    pub timeout: Duration,
    pub leftovers: Leftovers,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
    TimedOut,
}

/// What is known of a run that was started.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub ended: Ended,
    /// The first `OUTPUT_BYTES_MAX` bytes of standard output and standard error, in the order they came.
    pub output: String,
    /// blake3 of the script, in hexadecimal.
    pub hash: String,
}

impl Outcome {
    pub fn success(&self) -> bool {
        self.ended == Ended::Exit(0)
    }

    /// One line for people: how it ended and the last thing it said, without control characters.
    pub fn summary(&self) -> String {
        let ended = match self.ended {
            Ended::Exit(code) => format!("exit status {code}"),
            Ended::Signal(signal) => format!("killed by signal {signal}"),
            Ended::TimedOut => "timed out".to_owned(),
        };
        match self.output.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{ended}: {}", printable(line)),
            None => ended,
        }
    }
}

/// The first 200 characters of `text`, with control characters shown as escapes.
fn printable(text: &str) -> String {
    text.chars().take(200).flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Groups of processes that were killed and may not be gone yet.
#[derive(Debug, Default)]
pub struct Killed(Mutex<Vec<Pid>>);

impl Killed {
    fn note(&self, id: Pid) {
        let mut groups = lock(&self.0);
        groups.retain(|group| is_there(*group));
        groups.push(id);
    }

    /// Waits until all of them are gone. One that the kernel does not let go is not waited for endlessly.
    pub async fn gone(&self) {
        let groups = lock(&self.0).clone();
        let all = async {
            while groups.iter().any(|group| is_there(*group)) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(GONE_WITHIN, all).await.is_err() {
            tracing::warn!("a script that was killed is not gone");
        }
    }
}

fn is_there(group: Pid) -> bool {
    process::test_kill_process_group(group) != Err(rustix::io::Errno::SRCH)
}

/// Kills the group of a script whose run was given up half-way.
struct Group<'a> {
    id: Option<Pid>,
    killed: &'a Killed,
}

impl Group<'_> {
    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            let _ = process::kill_process_group(id, signal);
        }
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(id) = self.id.filter(|id| is_there(*id)) {
            self.killed.note(id);
        }
    }
}

/// Runs `copy` to its end or its deadline. Dropping the future kills the whole group of processes.
pub async fn run(copy: &Copy, arguments: &[String], order: &Order, killed: &Killed) -> Result<Outcome, ScriptError> {
    let deadline = Instant::now() + order.timeout.min(TIMEOUT_MAX);
    let (mut child, output) = start(copy, arguments, order).await?;
    let mut group = Group { id: child.id().and_then(|id| Pid::from_raw(id as i32)), killed };
    let mut output = Output::new(output);
    let waited = tokio::select! {
        waited = timeout_at(deadline, child.wait()) => waited,
        () = output.read_until_end() => timeout_at(deadline, child.wait()).await,
    };
    let ended = match waited {
        Ok(status) => ended(status.map_err(|e| ScriptError::Start(e.to_string()))?),
        Err(_) => {
            end_group(&group, &mut child, &mut output).await;
            Ended::TimedOut
        }
    };
    let _ = timeout(LINGER, output.read_until_end()).await;
    let keep = order.leftovers == Leftovers::Keep && ended == Ended::Exit(0);
    let text = output.text();
    if keep {
        group.id = None;
        // A service may go on writing to the pipe; closing it would kill the service at its next line.
        tokio::spawn(async move { output.read_until_end().await });
    }
    Ok(Outcome { ended, output: text, hash: copy.hash.clone() })
}

/// A process that another thread has just forked may still hold the copy open for writing, for an instant.
async fn start(copy: &Copy, arguments: &[String], order: &Order) -> Result<(Child, pipe::Receiver), ScriptError> {
    let failed = |e: io::Error| ScriptError::Start(e.to_string());
    let mut attempts = 0;
    loop {
        let (reader, writer) = io::pipe().map_err(failed)?;
        let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
        let mut command = Command::new(&copy.path);
        command.args(arguments).env_clear().env("PATH", SEARCH_PATH).env("LANG", "C.UTF-8");
        command.envs(order.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command.current_dir("/").process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        match command.spawn() {
            Ok(child) => return Ok((child, reader)),
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy && attempts < 50 => attempts += 1,
            Err(e) => return Err(failed(e)),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

fn ended(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, signal) => Ended::Signal(signal.unwrap_or(0)),
    }
}

/// Asks the group to end, and kills it when it does not.
async fn end_group(group: &Group<'_>, child: &mut Child, output: &mut Output) {
    group.signal(Signal::TERM);
    let asked = async {
        tokio::select! {
            _ = child.wait() => {}
            () = output.read_until_end() => { let _ = child.wait().await; }
        }
    };
    if timeout(KILL_AFTER, asked).await.is_err() {
        group.signal(Signal::KILL);
        let _ = timeout(KILL_AFTER, child.wait()).await;
    }
}

/// What a script wrote so far.
struct Output {
    pipe: pipe::Receiver,
    kept: Vec<u8>,
}

impl Output {
    fn new(pipe: pipe::Receiver) -> Self {
        Self { pipe, kept: Vec::new() }
    }

    /// Reads until every writer has closed the pipe. Cancelling loses nothing that was read.
    async fn read_until_end(&mut self) {
        let mut buffer = [0u8; 8192];
        while let Ok(read @ 1..) = self.pipe.read(&mut buffer).await {
            let room = OUTPUT_BYTES_MAX.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&buffer[..read.min(room)]);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}
