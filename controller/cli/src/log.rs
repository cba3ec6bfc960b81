//! The log on stderr: of the daemons always, of other commands when it is asked for.

use crate::exit::{Exit, Failure, Outcome};
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// Form of a daemon's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// What is told at each number of `-v`, of a daemon with one more.
const LEVELS: [&str; 4] = ["off", "info", "debug", "trace"];

/// Starts the log of a command that is no daemon; without `-v` there is none.
pub fn start(verbose: u8) -> Outcome<()> {
    match verbose {
        0 => Ok(()),
        // The first of them tells what was asked of the controller, which is `debug` to a daemon.
        more => start_at(LogFormat::Text, level(more.saturating_add(1))),
    }
}

/// Starts the log of a daemon. STANDIN_LOG says more exactly what is wanted.
pub fn start_daemon(format: LogFormat, verbose: u8) -> Outcome<()> {
    let asked = std::env::var("STANDIN_LOG").unwrap_or_else(|_| level(verbose.saturating_add(1)).to_owned());
    start_at(format, &asked)
}

fn level(at: u8) -> &'static str {
    LEVELS[usize::from(at).min(LEVELS.len() - 1)]
}

fn start_at(format: LogFormat, asked: &str) -> Outcome<()> {
    let filter = EnvFilter::try_new(asked)
        .map_err(|error| Failure::new(Exit::Malformed, format!("STANDIN_LOG={asked} is not a filter: {error}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Failed, format!("the log cannot be started: {error}")))
}
