//! The `standin` program: commands for people and their tools, and the daemons.
//!
//! A command answers with an `Exit` or a `Failure`; only here do they become an exit code. stdout is data, stderr is
//! talk: `output` writes, `show` says what things look like, `client` asks the controller.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod board;
mod cli;
mod client;
mod commands;
mod config;
mod context;
mod contexts;
mod daemon;
mod demo;
mod exit;
mod files;
mod follow;
mod git;
mod listed;
mod log;
mod order;
mod origin;
mod output;
mod prompt;
mod settle;
mod show;
mod sorted;
mod starter;
mod states;

use clap::Parser;
use exit::{Exit, Failure};
use output::stream::say;

fn main() {
    // Not `ExitCode`: a thread that still reads an answer from the terminal must not keep the program.
    std::process::exit(i32::from(run() as u8));
}

fn run() -> Exit {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and end well; a closed pipe there is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Malformed } else { Exit::Done };
        }
    };
    let mut cx = match cli.context() {
        Ok(cx) => cx,
        Err(failure) => return failed(&failure, output::Style::default()),
    };
    let outcome = cli::carry_out(&mut cx, cli.command);
    let outcome = match cx.out.finish() {
        Some(error) => Err(Failure::new(Exit::Failed, format!("the output could not be written: {error}"))),
        None => outcome,
    };
    outcome.unwrap_or_else(|failure| failed(&failure, cx.talk))
}

fn failed(failure: &Failure, style: output::Style) -> Exit {
    say(&show::failure::lines(failure, style).join("\n"));
    failure.exit
}
