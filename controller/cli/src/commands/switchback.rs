//! `standin switchback`: the way home.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Whose changes are given up where both sides have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Discard {
    /// What only the home host has is set aside there, in .standin/quarantine
    Home,
}

/// Move the work back home: copies back what changed, then switches over
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin switchback mail
  standin switchback mail --discard home --confirm mail    after a failover: set aside what only home has")]
pub struct Switchback {
    /// Scenario
    name: String,
    /// After a failover: whose own changes are given up; they are set aside, not deleted
    #[arg(long, value_enum, value_name = "SIDE")]
    discard: Option<Discard>,
    #[command(flatten)]
    plan: super::plan::Follow,
    /// Say yes by the scenario's name, without being asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Kept with the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: Switchback) -> Outcome {
    let discard = args.discard.map(|Discard::Home| "home".to_owned());
    let order = Order {
        verb: Verb::Switchback,
        scenario: ScenarioName(args.name),
        options: RunOptions { discard, reason: args.reason, ..args.plan.options() },
        consent: Consent::Name(args.confirm),
        purpose: "switch back",
    };
    order.carry_out(cx, &args.following).await
}
