//! `standin switchover`: both sides alive, nothing is lost.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{MemberName, ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Move the work to a replica: both sides alive, drained, nothing lost
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin switchover mail                                shows the plan and asks
  standin switchover mail --to dublin --confirm mail     for scripts
  standin switchover mail --plan mail-quiet --set ticket=OPS-12
  standin switchover mail --confirm mail --wait=false    prints the run's id")]
pub struct Switchover {
    /// Scenario
    name: String,
    /// Replica that becomes active; needed when there are several
    #[arg(long, value_name = "REPLICA")]
    to: Option<String>,
    /// Do not wait until everything captured has reached the replica; guards.requireDrain refuses this
    #[arg(long)]
    skip_drain: bool,
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

pub async fn run(cx: &mut Context, args: Switchover) -> Outcome {
    let options = RunOptions {
        to: args.to.map(MemberName),
        skip_drain: args.skip_drain,
        reason: args.reason,
        ..args.plan.options()
    };
    let order = Order {
        verb: Verb::Switchover,
        scenario: ScenarioName(args.name),
        options,
        consent: Consent::Name(args.confirm),
        purpose: "switch over",
    };
    order.carry_out(cx, &args.following).await
}
