//! `standin demo`: the main job in five minutes, on one machine, without root.
//!
//! A controller, two agents and a small shop run as child processes of this binary, so that each can be killed.
//! `mx1` and `mx2` are directories and ports below one temporary directory. Clients reach the shop through a relay
//! that the redirection moves; the agents reach each other through relays that can be cut. A buyer places numbered
//! orders all the time, so that a lost or doubled one is a missing or repeated number. `--script` plays the tour
//! without questions and checks every claim, and is therefore the end-to-end test.

mod accounts;
mod buyer;
mod manifests;
mod relay;
mod remote;
mod shop;
mod tour;
mod town;

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// See switchover and failover happen here: no root, no second host, nothing left behind.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  standin demo                     the tour; Enter goes on, q leaves
  standin demo --script            the same without questions, every claim checked
  eval \"$(standin demo env)\"       in another terminal: let standin talk to the demo
  standin demo break link          and: heal link, break primary, heal primary")]
pub struct Demo {
    /// Play the tour without questions and check every claim.
    #[arg(long)]
    script: bool,
    /// Keep the demo's directory when it ends, and say where it is.
    #[arg(long)]
    keep: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What another terminal can ask of a running demo.
#[derive(Debug, Subcommand)]
enum Action {
    /// Print the environment that lets standin talk to the running demo.
    Env,
    /// Break something: `link` or `primary`.
    Break { what: remote::Thing },
    /// Mend it again.
    Heal { what: remote::Thing },
    /// The demo's own parts, started by its scripts.
    #[command(subcommand, hide = true)]
    Part(shop::Part),
}

/// Runs the demo, or one of its parts, and returns the exit code.
pub fn run(demo: Demo) -> u8 {
    let outcome = match demo.action {
        Some(Action::Env) => remote::print_environment(),
        Some(Action::Break { what }) => remote::ask(remote::Order::Break(what)),
        Some(Action::Heal { what }) => remote::ask(remote::Order::Heal(what)),
        Some(Action::Part(part)) => return shop::run(part),
        None => tour::play(demo.script, demo.keep),
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            5
        }
    }
}

/// Directory in which demos are made.
fn temporary_directory() -> PathBuf {
    std::env::temp_dir()
}
