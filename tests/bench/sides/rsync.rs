//! rsync: to its daemon, once or all the time.

use super::Follower;
use crate::{
    measure::{CPU_TIME, MEMORY_SOURCE, Sample, TIME},
    place::{Place, sync},
    processes::{self, Cost, Group},
};
use anyhow::Result;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};
use testkit::Relay;

const READY_WITHIN: Duration = Duration::from_secs(60);
/// What a user says who wants all that Standin carries; by itself it takes times within a second for the same.
pub const FLAGS: &[&str] = &["-aHAX", "--delete", EXACT_TIMES];
pub const EXACT_TIMES: &str = "--modify-window=-1";
/// For a large file that is changed in place.
pub const IN_PLACE: &str = "--inplace";
/// Runs anew as soon as it has ended.
const LOOP: &str = "while :; do rsync \"$@\"; done";

/// An rsync daemon on loopback with one module, `replica`.
pub struct Rsync {
    daemon: Group,
    /// `None` where nothing is counted: then nothing stands between.
    relay: Option<Relay>,
    pub address: String,
    source: String,
    directory: std::path::PathBuf,
}

impl Rsync {
    pub fn start(place: &Place, counted: bool) -> Result<Self> {
        fs::create_dir_all(place.replica())?;
        let at = &place.directory;
        let port = free_port()?;
        let config = format!(
            "use chroot = no\nlog file = {0}/rsyncd.log\n[replica]\npath = {1}\nread only = no\nuid = 0\ngid = 0\n",
            at.display(),
            place.replica().display()
        );
        fs::write(at.join("rsyncd.conf"), config)?;
        let mut command = Command::new("rsync");
        command.args(["--daemon", "--no-detach", "--address=127.0.0.1", &format!("--port={port}"), "--config"]);
        let daemon = Group::start(command.arg(at.join("rsyncd.conf")), &at.join("rsyncd.out"))?;
        let listens = || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        testkit::wait_until(READY_WITHIN, "the rsync daemon listens", listens)?;
        let relay = counted.then(|| relay_to(port)).transpose()?;
        let reached = relay.as_ref().map_or(port, |relay| relay.address().port());
        let address = format!("rsync://127.0.0.1:{reached}/replica/");
        let source = format!("{}/", place.source().display());
        Ok(Self { daemon, relay, address, source, directory: at.clone() })
    }

    /// Copies once.
    pub fn copy(&self, more: &[&str]) -> Result<Cost> {
        let before = self.daemon.cpu()?;
        let mut command = Command::new("rsync");
        let cost = processes::cost(command.args(FLAGS).args(more).args([&self.source, &self.address]))?;
        Ok(Cost { cpu: cost.cpu + self.daemon.cpu()?.saturating_sub(before), ..cost })
    }

    /// The first copy of what is in the source, until it is on the disk as ours is.
    pub fn first_copy(place: &Place) -> Result<Sample> {
        let rsync = Self::start(place, false)?;
        let begin = Instant::now();
        let cost = rsync.copy(&[])?;
        sync(&place.directory)?;
        let sample = Sample::default().with(TIME, begin.elapsed().as_secs_f64());
        Ok(sample.with(CPU_TIME, cost.cpu.as_secs_f64()).with(MEMORY_SOURCE, cost.memory_bytes as f64))
    }

    pub fn daemon_cpu(&self) -> Result<Duration> {
        self.daemon.cpu()
    }

    pub fn wire_bytes(&self) -> u64 {
        self.relay.as_ref().map_or(0, Relay::passed_bytes)
    }
}

pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A forwarder that counts, on a free port.
pub fn relay_to(port: u16) -> Result<Relay> {
    Relay::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// rsync in a loop without a rest.
pub struct RsyncLoop {
    program: Group,
    rsync: Rsync,
}

impl RsyncLoop {
    pub fn following(place: &Place) -> Result<Self> {
        let rsync = Rsync::start(place, true)?;
        rsync.copy(&[IN_PLACE])?;
        let mut command = Command::new("sh");
        command.args(["-c", LOOP, "sh"]).args(FLAGS).arg(IN_PLACE).args([&rsync.source, &rsync.address]);
        let program = Group::start(&mut command, &rsync.directory.join("loop.out"))?;
        Ok(Self { program, rsync })
    }
}

impl Follower for RsyncLoop {
    fn cpu(&mut self) -> Result<Duration> {
        Ok(self.program.cpu()? + self.rsync.daemon_cpu()?)
    }

    fn wire_bytes(&self) -> Result<u64> {
        Ok(self.rsync.wire_bytes())
    }

    fn memory_bytes(&mut self) -> Result<u64> {
        Ok(self.program.memory()? + self.rsync.daemon.memory()?)
    }
}
