//! lsyncd over rsync's daemon, with the shortest delay that its manual speaks of.

use super::{Follower, Rsync, rsync::EXACT_TIMES};
use crate::{place::Place, processes::Group};
use anyhow::Result;
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

const READY_WITHIN: Duration = Duration::from_secs(600);
/// Seconds it gathers changes.
const DELAY: u32 = 1;
/// A change that it missed is made again; seldom, because it may begin to count anew.
const PROBE_EVERY: Duration = Duration::from_secs(20);

/// Which events it looks at.
#[derive(Clone, Copy)]
pub enum Notices {
    /// Its default: a file counts as changed when it is closed.
    Closing,
    /// Also while it is written, for files that stay open.
    Writing,
}

pub struct Lsyncd {
    program: Group,
    rsync: Rsync,
}

impl Lsyncd {
    /// Its configuration.
    fn config(source: &str, target: &str, notices: Notices) -> String {
        let mode = match notices {
            Notices::Closing => "CloseWrite",
            Notices::Writing => "CloseWrite or Modify",
        };
        format!(
            "settings {{ nodaemon = true, insist = true, inotifyMode = \"{mode}\" }}
sync {{
    default.rsync,
    source = {source:?},
    target = {target:?},
    delay = {DELAY},
    rsync = {{ archive = true, hard_links = true, acls = true, xattrs = true, _extra = {{ \"{EXACT_TIMES}\" }} }},
}}
"
        )
    }

    pub fn following(place: &Place, notices: Notices) -> Result<Self> {
        let rsync = Rsync::start(place, true)?;
        let at = &place.directory;
        let config = Self::config(&place.source().display().to_string(), &rsync.address, notices);
        fs::write(at.join("lsyncd.lua"), config)?;
        let mut command = Command::new("lsyncd");
        let program = Group::start(command.arg(at.join("lsyncd.lua")), &at.join("lsyncd.out"))?;
        wait_until_followed(place, "lsyncd")?;
        Ok(Self { program, rsync })
    }
}

/// Waits until the first copy is made and changes are followed; leaves nothing of what it wrote for that.
pub(super) fn wait_until_followed(place: &Place, who: &str) -> Result<()> {
    let (probe, copy) = (place.source().join("probe"), place.replica().join("probe"));
    let (mut number, mut written) = (0, Instant::now());
    testkit::wait_until(READY_WITHIN, &format!("{who} follows"), || {
        // What was written before it watches may be missed, or be part of the first copy.
        if number == 0 || written.elapsed() > PROBE_EVERY {
            number += 1;
            written = Instant::now();
            fs::write(&probe, number.to_string())?;
        }
        Ok(fs::read(&copy).is_ok_and(|text| text == number.to_string().as_bytes()))
    })?;
    fs::remove_file(&probe)?;
    testkit::wait_until(READY_WITHIN, &format!("{who} follows a removal"), || Ok(!copy.exists())).map(drop)
}

impl Follower for Lsyncd {
    fn cpu(&mut self) -> Result<Duration> {
        Ok(self.program.cpu()? + self.rsync.daemon_cpu()?)
    }

    fn wire_bytes(&self) -> Result<u64> {
        Ok(self.rsync.wire_bytes())
    }

    fn memory_bytes(&mut self) -> Result<u64> {
        self.program.memory()
    }
}
