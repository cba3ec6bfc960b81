//! A controller or an agent as a process of its own, to be killed and started again.

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// One daemon. It is killed when this is dropped.
pub struct Daemon {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    first_line: Receiver<String>,
    ready: String,
}

impl Daemon {
    pub(crate) fn new(name: &str, program: &Path, arguments: Vec<String>, log: PathBuf) -> Self {
        let (name, program) = (name.to_owned(), program.to_owned());
        Self { name, program, arguments, environment: Vec::new(), log, running: None }
    }

    /// Sets or, with an empty value, removes a variable of every later start.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.environment.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&mut self) -> Result<()> {
        self.spawn()?;
        let running = self.running.as_ref().context("it was just started")?;
        let line = running.first_line.recv_timeout(READY_WITHIN).unwrap_or_default();
        if line.starts_with("ready") {
            if let Some(running) = &mut self.running {
                running.ready = line;
            }
            return Ok(());
        }
        self.kill()?;
        bail!("{} did not get ready, it said {line:?}; its log ends with\n{}", self.name, self.log_end())
    }

    /// Starts it without waiting: for a failpoint that may end it before it is ready.
    pub fn spawn(&mut self) -> Result<()> {
        self.kill()?;
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = spawn_to_die_with_us(command).with_context(|| format!("cannot start {}", self.name))?;
        let first_line = first_line(&mut child);
        self.running = Some(Running { child, first_line, ready: String::new() });
        Ok(())
    }

    /// Ends it as `kill -9` does. Nothing happens when it does not run.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.child.kill()?;
            running.child.wait()?;
        }
        Ok(())
    }

    /// Asks it to end with SIGTERM, and waits until it has.
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_for_exit(deadline)
    }

    /// Stops it in its tracks, as a host that hangs; `SIGCONT` lets it go on.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let running = self.running.as_ref().with_context(|| format!("{} does not run", self.name))?;
        rustix::process::kill_process(rustix::process::Pid::from_child(&running.child), signal)?;
        Ok(())
    }

    /// Waits until it ends by itself, as at a failpoint.
    pub fn wait_for_exit(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let running = self.running.as_mut().with_context(|| format!("{} does not run", self.name))?;
        let what = format!("{} ends", self.name);
        crate::wait_until(deadline, &what, || Ok(running.child.try_wait()?.is_some()))?;
        let status = running.child.wait()?;
        self.running = None;
        Ok(status)
    }

    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    /// A value of the line with which it said that it is ready, such as `agents`.
    pub fn ready(&self, key: &str) -> Option<&str> {
        let line = &self.running.as_ref()?.ready;
        line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has logged so far, over all starts.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Reads the line with which a daemon says that it is ready, and then keeps its output flowing.
fn first_line(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let stdout = child.stdout.take();
    thread::spawn(move || {
        let Some(mut lines) = stdout.map(BufReader::new) else { return };
        let mut line = String::new();
        let _ = lines.read_line(&mut line); // an early end is an empty line
        let _ = sender.send(line);
        let _ = io::copy(&mut lines, &mut io::sink());
    });
    receiver
}

type Order = (Command, Sender<io::Result<Child>>);

/// Spawns from one thread that lives as long as we do: the kernel sends the death signal when the *thread* that
/// started a process ends, and a test's threads come and go.
fn spawn_to_die_with_us(command: Command) -> Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                // SAFETY: prctl is async-signal-safe and touches no memory of ours.
                unsafe { command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?)) };
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    spawner.send((command, answer)).map_err(|_| anyhow::anyhow!("the spawning thread has ended"))?;
    Ok(child.recv()??)
}
