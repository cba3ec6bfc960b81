//! `standin suspend`: replication rests.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Let replication of a scenario rest; the services go on where they run
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin suspend mail --reason \"disk replacement on mx2\"
  standin suspend mail --yes")]
pub struct Suspend {
    /// Scenario
    name: String,
    /// Shown wherever the scenario is shown
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: Suspend) -> Outcome {
    let order = Order {
        verb: Verb::Suspend,
        scenario: ScenarioName(args.name),
        options: RunOptions { reason: args.reason, ..RunOptions::default() },
        consent: Consent::Yes(args.yes),
        purpose: "suspend",
    };
    order.carry_out(cx, &args.following).await
}
