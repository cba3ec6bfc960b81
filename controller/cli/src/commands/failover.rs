//! `standin failover`: the primary is lost, and what is lost with it is named.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{MemberName, ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Make a replica active although the active host is lost; names what may be lost with it
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin failover mail --to dublin --allow-data-loss
  standin failover mail --to dublin --allow-data-loss --no-fence --confirm mail

--no-fence records your word that the old active host is off. If it is only cut off, it goes on writing
until it hears of the new epoch; such writes are set aside when it comes back.")]
pub struct Failover {
    /// Scenario
    name: String,
    /// Replica that becomes active
    #[arg(long, value_name = "REPLICA")]
    to: String,
    /// Accept that what the lost host wrote last may be missing
    #[arg(long)]
    allow_data_loss: bool,
    /// Go on without proof that the old active host accepts no writes: you have checked that it is off
    #[arg(long)]
    no_fence: bool,
    /// Say yes by the scenario's name, without being asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Kept with the run
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: Failover) -> Outcome {
    let options = RunOptions {
        to: Some(MemberName(args.to)),
        allow_data_loss: args.allow_data_loss,
        no_fence: args.no_fence,
        reason: args.reason,
        ..RunOptions::default()
    };
    let order = Order {
        verb: Verb::Failover,
        scenario: ScenarioName(args.name),
        options,
        consent: Consent::Name(args.confirm),
        purpose: "fail over",
    };
    order.carry_out(cx, &args.following).await
}
