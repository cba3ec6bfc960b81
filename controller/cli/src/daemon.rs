//! What the two daemons have in common: their start, their end, and the failpoint of a test.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    log::{self, LogFormat},
};
use std::{error::Error, future::Future, io};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Threads of a daemon, besides those that wait for disks.
const WORKERS: usize = 4;

/// Runs a daemon until it ends or a signal asks it to.
pub fn run<E, F>(log: LogFormat, verbose: u8, serve: impl FnOnce(CancellationToken) -> F) -> Outcome
where
    E: Error + 'static,
    F: Future<Output = Result<(), E>>,
{
    log::start_daemon(log, verbose)?;
    arm_failpoint()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(|error| cannot_start(&error))?;
    let served = runtime.block_on(async {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone()).map_err(|error| cannot_start(&error))?;
        serve(stop).await.map_err(|error| failed(&error))
    });
    served.map(|()| Exit::Done)
}

fn cannot_start(error: &dyn Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot start: {error}"))
}

/// An error with what caused it.
pub fn failed(error: &dyn Error) -> Failure {
    let mut failure = Failure::new(Exit::Failed, error.to_string());
    let mut source = error.source();
    while let Some(cause) = source {
        failure = failure.fact(cause.to_string());
        source = cause.source();
    }
    failure
}

/// `STANDIN_FAILPOINT=NAME:COUNT` is for tests that kill the process at a named place.
fn arm_failpoint() -> Outcome<()> {
    let Ok(asked) = std::env::var("STANDIN_FAILPOINT") else {
        return Ok(());
    };
    let (name, count) = asked.rsplit_once(':').unwrap_or((&asked, "1"));
    let armed = count.parse().is_ok_and(|count| replication::failpoint::arm(name, count));
    if armed {
        Ok(())
    } else {
        Err(Failure::new(Exit::Malformed, format!("STANDIN_FAILPOINT={asked} names no failpoint")))
    }
}

/// The first SIGTERM or SIGINT ends the daemon in order, the second at once.
fn stop_on_signal(stop: CancellationToken) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for times in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if times > 0 {
                std::process::exit(i32::from(Exit::Failed as u8));
            }
            tracing::info!("asked to end");
            stop.cancel();
        }
    });
    Ok(())
}

/// Changes with every boot of this host.
pub fn boot_id() -> Outcome<String> {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map(|id| id.trim().to_owned())
        .map_err(|error| Failure::new(Exit::Failed, format!("the boot id of this host cannot be read: {error}")))
}

/// Says that a configuration is right.
pub fn checked(cx: &mut Context, path: &std::path::Path) -> Outcome {
    cx.out.line(&format!("{} is right", path.display()));
    Ok(Exit::Done)
}
