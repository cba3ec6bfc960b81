//! Syncthing: two devices that know each other, one that only sends and one that only receives.

use super::{Follower, lsyncd::wait_until_followed, rsync};
use crate::{
    place::{Exactness, Place},
    processes::Group,
};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command, time::Duration};
use testkit::Relay;

const FOLDER: &str = "bench";
/// Seconds it gathers changes; ten by itself. Its own rescans, once an hour by themselves, are left as they are.
const WATCHER_DELAY: u32 = 1;
/// No discovery, relays, reports or upgrades: nothing but two devices on loopback.
const OPTIONS: &str = "<globalAnnounceEnabled>false</globalAnnounceEnabled>
    <localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled>
    <natEnabled>false</natEnabled>
    <startBrowser>false</startBrowser>
    <crashReportingEnabled>false</crashReportingEnabled>
    <urAccepted>-1</urAccepted>
    <autoUpgradeIntervalH>0</autoUpgradeIntervalH>
    <setLowPriority>false</setLowPriority>
    <reconnectionIntervalS>1</reconnectionIntervalS>
    <minHomeDiskFree unit=\"%\">0</minHomeDiskFree>";

pub struct Syncthing {
    devices: [Group; 2],
    relay: Relay,
}

/// One of both before it runs.
struct Device {
    home: std::path::PathBuf,
    id: String,
}

impl Device {
    fn make(home: &Path) -> Result<Self> {
        let run = |arguments: &[&str]| -> Result<String> {
            let output = Command::new("syncthing").args(arguments).arg("--home").arg(home).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "syncthing {arguments:?} ended with {}: {said}", output.status);
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        run(&["generate", "--no-default-folder", "--skip-port-probing"])?;
        let id = run(&["--device-id"])?;
        Ok(Self { home: home.to_owned(), id })
    }

    /// `kind` is `sendonly` or `receiveonly`; `dials` is where the other one is, for the one of both that looks for it.
    fn write(&self, other: &Self, path: &Path, kind: &str, listens: u16, dials: Option<u16>) -> Result<()> {
        fs::create_dir_all(path.join(".stfolder"))?; // without it a folder counts as not mounted
        let address = dials.map_or_else(|| "dynamic".to_owned(), |port| format!("tcp://127.0.0.1:{port}"));
        let text = format!(
            "<configuration version=\"36\">
  <folder id=\"{FOLDER}\" label=\"\" path=\"{path}\" type=\"{kind}\" rescanIntervalS=\"3600\" fsWatcherEnabled=\"true\"
      fsWatcherDelayS=\"{WATCHER_DELAY}\" ignorePerms=\"false\" autoNormalize=\"false\">
    <device id=\"{ours}\"></device>
    <device id=\"{theirs}\"></device>
    <minDiskFree unit=\"%\">0</minDiskFree>
  </folder>
  <device id=\"{ours}\" name=\"here\"><address>dynamic</address></device>
  <device id=\"{theirs}\" name=\"there\"><address>{address}</address></device>
  <gui enabled=\"false\"></gui>
  <options>
    <listenAddress>tcp://127.0.0.1:{listens}</listenAddress>
    {OPTIONS}
  </options>
</configuration>
",
            path = path.display(),
            ours = self.id,
            theirs = other.id,
        );
        Ok(fs::write(self.home.join("config.xml"), text)?)
    }

    fn start(&self) -> Result<Group> {
        let mut command = Command::new("syncthing");
        command.args(["serve", "--no-browser", "--no-restart", "--no-upgrade"]).arg("--home").arg(&self.home);
        Group::start(&mut command, &self.home.with_extension("log"))
    }
}

impl Syncthing {
    pub fn following(place: &Place) -> Result<Self> {
        let at = &place.directory;
        let (source, target) = (Device::make(&at.join("st-source"))?, Device::make(&at.join("st-target"))?);
        let (ours, theirs) = (rsync::free_port()?, rsync::free_port()?);
        let relay = rsync::relay_to(theirs)?;
        source.write(&target, &place.source(), "sendonly", ours, Some(relay.address().port()))?;
        target.write(&source, &place.replica(), "receiveonly", theirs, None)?;
        let devices = [target.start()?, source.start()?];
        wait_until_followed(place, "syncthing").context("see st-source.log and st-target.log")?;
        Ok(Self { devices, relay })
    }
}

impl Follower for Syncthing {
    fn cpu(&mut self) -> Result<Duration> {
        self.devices.iter().map(Group::cpu).sum()
    }

    fn wire_bytes(&self) -> Result<u64> {
        Ok(self.relay.passed_bytes())
    }

    fn memory_bytes(&mut self) -> Result<u64> {
        self.devices.iter().map(Group::memory).sum()
    }

    fn exactness(&self) -> Exactness {
        Exactness::Content
    }
}
