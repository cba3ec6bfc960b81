//! What people use today: rsync and its daemon, lsyncd over it, and the loop everybody writes once.
//!
//! None of them encrypts here, and none makes what it copied durable: both are in their favour.

use crate::{contestant::Contestant, cpu};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A program with all its children. They are killed when this is dropped.
struct Group(Child);

impl Group {
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        Ok(Self(command.spawn().with_context(|| format!("{command:?}"))?))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id() as i32) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL); // it may have ended
        }
        let _ = self.0.wait(); // nothing is done with how it ended
    }
}

/// An rsync daemon on loopback with one module, `replica`.
pub struct RsyncDaemon {
    daemon: Group,
    pub address: String,
    pub directory: tempfile::TempDir,
}

impl RsyncDaemon {
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("standin-bench-").tempdir()?;
        let at = directory.path();
        for tree in ["source", "replica"] {
            fs::create_dir(at.join(tree))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let config = format!(
            "use chroot = no\nlog file = {0}/rsyncd.log\n[replica]\npath = {0}/replica\nread only = no\nuid = 0\ngid = 0\n",
            at.display()
        );
        fs::write(at.join("rsyncd.conf"), config)?;
        let mut command = Command::new("rsync");
        command.args(["--daemon", "--no-detach", "--address=127.0.0.1", &format!("--port={port}"), "--config"]);
        let daemon = Group::start(command.arg(at.join("rsyncd.conf")), &at.join("rsync.out"))?;
        let listens = || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        testkit::wait_until(READY_WITHIN, "the rsync daemon listens", listens)?;
        Ok(Self { daemon, address: format!("rsync://127.0.0.1:{port}/replica/"), directory })
    }

    pub fn source(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    pub fn replica(&self) -> PathBuf {
        self.directory.path().join("replica")
    }

    pub fn pid(&self) -> u32 {
        self.daemon.0.id()
    }
}

/// Something that watches the source and calls rsync.
pub struct Watcher {
    name: String,
    program: Group,
    rsync: RsyncDaemon,
}

impl Watcher {
    /// Follows what `fill` makes, and has copied it when this returns.
    pub fn lsyncd(delay: Option<u32>, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let rsync = RsyncDaemon::start()?;
        fill(&rsync.source())?;
        let config = format!(
            "settings {{ nodaemon = true, insist = true }}\nsync {{ default.rsync, source = {:?}, target = {:?},{} rsync = {{ archive = true, hard_links = true, acls = true, xattrs = true }} }}\n",
            rsync.source(),
            rsync.address,
            delay.map(|delay| format!(" delay = {delay},")).unwrap_or_default()
        );
        let at = rsync.directory.path();
        fs::write(at.join("lsyncd.lua"), config)?;
        let mut command = Command::new("lsyncd");
        let program = Group::start(command.arg(at.join("lsyncd.lua")), &at.join("lsyncd.out"))?;
        let name = delay.map_or("lsyncd (default delay, 15 s)".to_owned(), |delay| format!("lsyncd (delay {delay} s)"));
        Self { name, program, rsync }.ready()
    }

    /// `inotifywait | while read; do rsync; done`, taking all waiting events at once.
    pub fn inotify_loop(fill: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let rsync = RsyncDaemon::start()?;
        fill(&rsync.source())?;
        let at = rsync.directory.path();
        let script = format!(
            "(echo begin; exec inotifywait -q -m -r -e close_write,create,delete,move,attrib '{0}') |
             while read -r _; do
                 while read -r -t 0.001 _; do :; done
                 rsync -aHAX --delete '{0}/' '{1}'
             done",
            rsync.source().display(),
            rsync.address
        );
        let program = Group::start(Command::new("bash").arg("-c").arg(script), &at.join("loop.out"))?;
        Self { name: "inotifywait and rsync".to_owned(), program, rsync }.ready()
    }

    /// Waits until the first copy is made and a change is followed.
    fn ready(self) -> Result<Self> {
        let probe = self.source().join("probe");
        let mut number = 0;
        let mut written = std::time::Instant::now();
        let followed = || {
            // A change made before the watch stands may be missed, so it is made again; seldom, because a watcher
            // with a delay may begin to count anew.
            if number == 0 || written.elapsed() > Duration::from_secs(20) {
                number += 1;
                written = std::time::Instant::now();
                fs::write(&probe, format!("{number}"))?;
            }
            Ok(fs::read(self.replica().join("probe")).is_ok_and(|text| text == format!("{number}").as_bytes()))
        };
        testkit::wait_until(READY_WITHIN, &format!("{} follows", self.name), followed)?;
        ensure!(fs::metadata(&probe)?.len() > 0, "the probe is there");
        Ok(self)
    }
}

impl Contestant for Watcher {
    fn name(&self) -> &str {
        &self.name
    }

    fn source(&self) -> PathBuf {
        self.rsync.source()
    }

    fn replica(&self) -> PathBuf {
        self.rsync.replica()
    }

    fn cpu(&mut self) -> Result<Duration> {
        cpu::used_by(&[self.program.0.id(), self.rsync.pid()])
    }
}
