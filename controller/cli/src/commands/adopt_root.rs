//! `standin adopt-root`: goes on after a root was halted.

use crate::{
    context::Context,
    exit::Outcome,
    order::{Consent, Following, Order},
};
use model::{HostName, RootName, ScenarioName, view::Verb};
use wire::api::RunOptions;

/// Accept what is in a halted root now as the root, and replicate it
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin adopt-root mail mailboxes --host mx1
  standin adopt-root mail mailboxes --host mx1 --confirm mail

A root halts when it is missing, empty or another one than before. Look first: what is missing in it now
will be deleted or set aside on the replicas.")]
pub struct AdoptRoot {
    /// Scenario
    name: String,
    /// Root
    root: String,
    /// Host on which the root was halted
    #[arg(long, value_name = "HOST")]
    host: String,
    /// Say yes by the scenario's name, without being asked
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: AdoptRoot) -> Outcome {
    let options =
        RunOptions { root: Some(RootName(args.root)), host: Some(HostName(args.host)), ..RunOptions::default() };
    let order = Order {
        verb: Verb::AdoptRoot,
        scenario: ScenarioName(args.name),
        options,
        consent: Consent::Name(args.confirm),
        purpose: "adopt the root",
    };
    order.carry_out(cx, &args.following).await
}
