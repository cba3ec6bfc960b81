//! `standin approve`: lets a mass change pass that replication was halted for.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Let a mass removal that replication was halted for pass, once
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin approve mail --digest 5f1c2a9be07d4c3388d1f5a6b7c80912
  standin approve mail --digest 5f1c2a9be07d4c3388d1f5a6b7c80912 --confirm mail

The digest stands for the list of what would go, which lies on the host; `describe` shows both. Look at the list
first: what is on it will be removed on the replicas. When more has gone meanwhile the digest is another one, and
nothing is removed.")]
pub struct Approve {
    /// Scenario
    name: String,
    /// Digest of the list, as `describe` shows it
    #[arg(long, value_name = "DIGEST")]
    digest: String,
    /// Say yes by the scenario's name, without being asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: Approve) -> Outcome {
    let order = Order {
        verb: Verb::Approve,
        scenario: ScenarioName(args.name),
        options: RunOptions { digest: Some(args.digest), ..RunOptions::default() },
        consent: Consent::Name(args.confirm),
        purpose: "approve the removal",
    };
    order.carry_out(cx, &args.following).await
}
