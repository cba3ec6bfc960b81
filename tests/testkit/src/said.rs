//! What a command answered.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::{
    io::Read,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Exit code and both streams of a command that has ended.
#[derive(Clone, Debug)]
pub struct Said {
    pub command: String,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Runs a command to its end, and kills it at the deadline.
    pub fn by(command: &mut Command, deadline: Duration) -> Result<Self> {
        let name = format!("{command:?}");
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("cannot run {name}"))?;
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let ended = crate::wait_until(deadline, &name, || Ok(child.try_wait()?.is_some()));
        let code = end(&mut child)?;
        let (stdout, stderr) = (text(stdout), text(stderr));
        ended.with_context(|| format!("it had said:\n{stdout}{stderr}"))?;
        Ok(Self { command: name, code, stdout, stderr })
    }

    /// Insists on one exit code.
    pub fn with_code(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        bail!(
            "{} ended with {:?}, not {code}\nstdout:\n{}\nstderr:\n{}",
            self.command,
            self.code,
            self.stdout,
            self.stderr
        )
    }

    pub fn ok(self) -> Result<Self> {
        self.with_code(0)
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.stdout).with_context(|| format!("{} said:\n{}", self.command, self.stdout))
    }
}

fn end(child: &mut Child) -> Result<Option<i32>> {
    if let Some(status) = child.try_wait()? {
        return Ok(status.code());
    }
    child.kill()?;
    Ok(child.wait()?.code())
}

fn collect<R: Read + Send + 'static>(stream: Option<R>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes); // what came until then is what there is
        }
        bytes
    })
}

fn text(stream: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&stream.join().unwrap_or_default()).into_owned()
}
