//! The demo's processes and directories, all of which go with it.

use super::{
    manifests::{self, HOSTS, REPLICA, SCENARIO},
    relay::Relay,
    shop,
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

const READY_WITHIN: Duration = Duration::from_secs(20);
/// Longest time in which what a demo left is removed.
const SWEPT_WITHIN: Duration = Duration::from_secs(10);
/// How often a part of the demo looks whether the demo still runs.
const ALIVE_EVERY: Duration = Duration::from_millis(200);

/// Everything that runs for the demo.
pub struct Town {
    directory: PathBuf,
    standin: PathBuf,
    controller: Option<Child>,
    agents: [Option<Child>; 2],
    /// Where each agent listens for replication now; the relays ask.
    ports: [Arc<Mutex<Option<SocketAddr>>>; 2],
    links: [Relay; 2],
    pub front: Relay,
    keep: bool,
    _alive: File,
}

impl Town {
    /// Starts the controller and two joined agents below a fresh directory.
    pub fn found(keep: bool) -> Result<Self> {
        let directory = super::temporary_directory().join(format!("standin-demo-{}", short_id()));
        fs::create_dir(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        restrict(&directory)?;
        let alive = File::create(directory.join("alive"))?;
        rustix::fs::flock(&alive, rustix::fs::FlockOperation::LockExclusive)?;
        let ports = [Arc::new(Mutex::new(None)), Arc::new(Mutex::new(None))];
        let links = [link_to(&ports[0])?, link_to(&ports[1])?];
        let front = front_door(directory.clone())?;
        let mut town = Self {
            standin: std::env::current_exe()?,
            controller: None,
            agents: [None, None],
            ports,
            links,
            front,
            keep,
            directory,
            _alive: alive,
        };
        if !keep {
            town.leave_a_broom()?;
        }
        town.settle()?;
        Ok(town)
    }

    fn settle(&mut self) -> Result<()> {
        manifests::write_manifests(&self.directory, [self.links[0].address(), self.links[1].address()])?;
        manifests::write_controller_config(&self.directory)?;
        let (child, controller) = self.spawn("controller", &self.directory.join("controller.yaml"))?;
        self.controller = Some(child);
        self.quietly(&["apply", "--yes", "-f", &self.manifests("hosts.yaml")])?;
        for host in HOSTS {
            manifests::write_host(&self.directory, host, &controller.to_string(), &self.standin)?;
            let token = self.quietly(&["token", "create", "--host", host, "-o", "json"])?;
            let token: wire::api::Token = serde_json::from_slice(&token.stdout).context("token create -o json")?;
            let file = self.home(host).join("token");
            fs::write(&file, token.token)?;
            let (file, config) = (file.display().to_string(), self.home(host).join("agent.yaml").display().to_string());
            let address = controller.to_string();
            self.quietly(&["agent", "join", &address, "--host", host, "--token-file", &file, "--config", &config])?;
            self.start_agent(host)?;
        }
        Ok(())
    }

    /// Starts a process that takes the directory away when this one ends without doing so, as by Ctrl-C.
    fn leave_a_broom(&self) -> Result<()> {
        let mut broom = Command::new(&self.standin);
        broom.args(["demo", "part", "sweep"]).arg(&self.directory).process_group(0);
        broom.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        broom.spawn().context("cannot start the demo's broom").map(drop)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn home(&self, host: &str) -> PathBuf {
        self.directory.join(host)
    }

    pub fn orders(&self, host: &str) -> PathBuf {
        self.home(host).join("orders")
    }

    /// A file of the manifests directory, as an argument.
    pub fn manifests(&self, file: &str) -> String {
        self.directory.join("dr").join(file).display().to_string()
    }

    /// Environment that makes `standin` talk to this demo.
    pub fn environment(&self) -> [(&'static str, String); 1] {
        [("STANDIN_SOCKET", self.directory.join("controller.sock").display().to_string())]
    }

    /// A `standin` command against this demo's controller.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.standin);
        command.args(arguments).envs(self.environment()).stdin(Stdio::null());
        command
    }

    /// Runs a command that must succeed, and keeps its output.
    pub fn quietly(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            bail!(
                "standin {} ended with {}: {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }

    pub fn start_agent(&mut self, host: &str) -> Result<()> {
        let index = index_of(host);
        let (child, address) = self.spawn("agent", &self.home(host).join("agent.yaml"))?;
        self.agents[index] = Some(child);
        *self.ports[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        Ok(())
    }

    /// Ends the agent and the shop of a host at once, as a power cut would.
    pub fn kill_host(&mut self, host: &str) -> Result<()> {
        let index = index_of(host);
        *self.ports[index].lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(mut agent) = self.agents[index].take() {
            agent.kill()?;
            agent.wait()?;
        }
        shop::kill(&self.home(host));
        Ok(())
    }

    pub fn host_is_up(&self, host: &str) -> bool {
        self.agents[index_of(host)].is_some()
    }

    pub fn cut_links(&self) {
        self.links.iter().for_each(Relay::cut);
    }

    pub fn mend_links(&self) {
        self.links.iter().for_each(Relay::mend);
    }

    fn spawn(&self, role: &str, config: &Path) -> Result<(Child, SocketAddr)> {
        let name = config.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let log = config.with_file_name(format!("{name}.log"));
        let log_file = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = Command::new(&self.standin);
        command.args([role, "--config"]).arg(config).envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
        die_with_parent(&mut command);
        let mut child = command.spawn()?;
        match ready_address(&mut child) {
            Ok(address) => Ok((child, address)),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error.context(format!("the {role} did not start, see {}", log.display())))
            }
        }
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in self.agents.iter_mut().chain([&mut self.controller]).filter_map(Option::as_mut) {
            // They may have ended by themselves; nothing is left to do for them then.
            let _ = child.kill();
            let _ = child.wait();
        }
        HOSTS.iter().for_each(|host| shop::kill(&self.home(host)));
        let kept = self.keep || fs::remove_dir_all(&self.directory).is_err();
        if kept {
            let _ = writeln!(std::io::stderr(), "kept {}", self.directory.display());
        }
    }
}

/// Ends this process when the demo that owns `town` is gone, however it went.
pub fn exit_with_the_demo(town: &Path) {
    let alive = town.join("alive");
    loop {
        let free = File::open(&alive)
            .map(|file| rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_ok());
        if free.unwrap_or(true) {
            std::process::exit(0);
        }
        thread::sleep(ALIVE_EVERY);
    }
}

/// Waits until the demo that owns `town` is gone, and removes what it left. Its parts may take a moment to end.
pub fn sweep(town: &Path) {
    while is_alive(town) {
        thread::sleep(ALIVE_EVERY);
    }
    let begin = Instant::now();
    while town.join("alive").exists() && begin.elapsed() < SWEPT_WITHIN {
        thread::sleep(ALIVE_EVERY);
        // Tried again when something was still being written; nobody is there to be told.
        let _ = sweep_out(town);
    }
}

/// The file that marks a demo's directory goes last, so that nothing else is ever taken for one.
fn sweep_out(town: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(town)? {
        let path = entry?.path();
        match path.is_dir() {
            true => fs::remove_dir_all(path)?,
            false if path.ends_with("alive") => {}
            false => fs::remove_file(path)?,
        }
    }
    fs::remove_dir_all(town)
}

/// Whether a demo still runs in `town`.
pub fn is_alive(town: &Path) -> bool {
    let file = File::open(town.join("alive"));
    file.is_ok_and(|file| rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared).is_err())
}

fn link_to(port: &Arc<Mutex<Option<SocketAddr>>>) -> Result<Relay> {
    let port = Arc::clone(port);
    Ok(Relay::start(move || *port.lock().unwrap_or_else(PoisonError::into_inner))?)
}

/// Clients come here; the redirection script decides which host's shop they reach.
fn front_door(town: PathBuf) -> Result<Relay> {
    Ok(Relay::start(move || {
        let text = fs::read_to_string(town.join("forward")).ok();
        let host = text.as_deref().and_then(|text| text.split_whitespace().nth(1)).unwrap_or(HOSTS[0]).to_owned();
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, shop::port(&town.join(host))?)))
    })?)
}

/// Reads the line that a daemon prints when it is ready, such as `ready replication=127.0.0.1:41873`.
fn ready_address(child: &mut Child) -> Result<SocketAddr> {
    let stdout = child.stdout.take().context("no output")?;
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        let _ = lines.read_line(&mut line);
        let _ = sender.send(line);
        // Goes on reading, so that a later line cannot block the daemon.
        let _ = std::io::copy(&mut lines, &mut std::io::sink());
    });
    let line = receiver.recv_timeout(READY_WITHIN).context("it was not ready in time")?;
    let address = line.trim().rsplit_once('=').and_then(|(_, address)| address.parse().ok());
    address.with_context(|| format!("it said {line:?}"))
}

fn die_with_parent(command: &mut Command) {
    command.process_group(0);
    // SAFETY: prctl with PR_SET_PDEATHSIG is async-signal-safe and touches nothing of this process's memory.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

fn restrict(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

fn index_of(host: &str) -> usize {
    usize::from(host != HOSTS[0])
}

fn short_id() -> String {
    let id = uuid::Uuid::now_v7().simple().to_string();
    id[id.len() - 6..].to_owned()
}

/// Waits for `done` with a deadline and says what was waited for when it passes.
pub fn wait_for(what: &str, within: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let begin = Instant::now();
    while begin.elapsed() < within {
        if done()? {
            return Ok(begin.elapsed());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("{what}: not within {}s", within.as_secs())
}

/// The scenario as the controller shows it.
pub fn scenario(town: &Town) -> Result<wire::api::StoredScenario> {
    let output = town.quietly(&["get", "scenario", SCENARIO, "-o", "json"])?;
    let list: wire::api::List<wire::api::StoredScenario> = serde_json::from_slice(&output.stdout)?;
    list.items.into_iter().next().context("the controller knows no scenario of that name")
}

/// The member that receives, which is the twin unless roles are reversed.
pub fn member<'a>(scenario: &'a wire::api::StoredScenario, name: &str) -> Option<&'a model::view::MemberView> {
    let name = if name == HOSTS[1] { REPLICA } else { "primary" };
    scenario.status.members.iter().find(|member| member.name.as_str() == name)
}
