//! `standin resume`: replication goes on, or also flows home.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Let replication go on; with --reverse also from the active host to its former home
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin resume mail
  standin resume mail --reverse       once the former home host has been looked at")]
pub struct Resume {
    /// Scenario
    name: String,
    /// Replicate from the active host to the home host
    #[arg(long)]
    reverse: bool,
    /// Kept with the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: Resume) -> Outcome {
    let options = RunOptions { reverse: args.reverse, reason: args.reason, ..RunOptions::default() };
    let order = Order {
        verb: Verb::Resume,
        scenario: ScenarioName(args.name),
        options,
        consent: Consent::Yes(args.yes),
        purpose: if args.reverse { "turn on reverse replication of" } else { "resume" },
    };
    order.carry_out(cx, &args.following).await
}
