//! What processes have used, from /proc, and groups of processes that end with whoever started them.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Ticks a second in /proc: a constant of Linux's interface to programs, USER_HZ.
const TICKS: f64 = 100.0;

/// Processor time of a process and of the children it has waited for: fields 14 to 17 of /proc/PID/stat.
pub fn cpu_of(pid: u32) -> Result<Duration> {
    let ticks: u64 = fields(pid)?.iter().skip(11).take(4).map(|field| field.parse().unwrap_or(0)).sum();
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS))
}

/// The fields of /proc/PID/stat after the name, which begin with the third.
fn fields(pid: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("/proc/PID/stat without a name")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

/// A line of /proc/PID/status in bytes: `VmHWM` is the highest resident memory so far, `VmRSS` that of now.
pub fn memory_of(pid: u32, line: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = text.lines().find_map(|each| each.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next());
    let kib: u64 = kib.with_context(|| format!("no {line} of process {pid}"))?.parse()?;
    Ok(kib << 10)
}

/// A program with all its children. They are killed when this is dropped.
pub struct Group(Child);

impl Group {
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        Ok(Self(command.spawn().with_context(|| format!("{command:?}"))?))
    }

    /// Of all its processes, and of those that one of them has waited for.
    pub fn cpu(&self) -> Result<Duration> {
        self.members()?.into_iter().map(|pid| Ok(cpu_of(pid).unwrap_or_default())).sum()
    }

    /// The sum over its processes.
    pub fn memory(&self) -> Result<u64> {
        Ok(self.members()?.into_iter().filter_map(|pid| memory_of(pid, "VmHWM").ok()).sum())
    }

    /// Those that run now; one may end before it is looked at again.
    fn members(&self) -> Result<Vec<u32>> {
        let processes = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let group = self.0.id().to_string();
        Ok(processes.filter(|pid| fields(*pid).is_ok_and(|fields| fields.get(2) == Some(&group))).collect())
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

/// What one command took from its start to its end.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub took: Duration,
    pub cpu: Duration,
    pub memory_bytes: u64,
}

/// Runs a command that has to end well.
pub fn cost(command: &mut Command) -> Result<Cost> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().with_context(|| format!("{command:?}"))?;
    let mut status = 0;
    // SAFETY: all-zero is a value of this plain structure of numbers.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values, and nobody else waits for this child.
    let ended = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut used) };
    let took = start.elapsed();
    ensure!(ended == child.id() as i32 && status == 0, "{command:?} ended with {status}");
    let time = |t: libc::timeval| Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64);
    Ok(Cost { took, cpu: time(used.ru_utime) + time(used.ru_stime), memory_bytes: (used.ru_maxrss as u64) << 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_counted_and_ends_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let group = Group::start(Command::new("sh").args(["-c", "sleep 1000 & sleep 1000 & wait"]), &log).unwrap();
        let two = || Ok(group.members()?.len() == 3);
        testkit::wait_until(Duration::from_secs(10), "the shell and both sleep", two).unwrap();
        assert!(group.memory().unwrap() > 0 && group.cpu().unwrap() < Duration::from_secs(5));
        let pids = group.members().unwrap();
        drop(group);
        let gone = || Ok(pids.iter().all(|pid| fields(*pid).map_or(true, |fields| fields[0] == "Z")));
        testkit::wait_until(Duration::from_secs(10), "all have ended", gone).unwrap();
    }

    #[test]
    fn a_command_that_fails_has_no_cost() {
        assert!(cost(&mut Command::new("false")).is_err());
        assert!(cost(&mut Command::new("true")).unwrap().memory_bytes > 0);
    }
}
