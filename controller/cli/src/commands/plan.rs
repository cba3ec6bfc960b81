//! `standin plan show`: what a switchover, failover or switchback would do now.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    order::{Consent, Order, nothing_started},
    output::{machine, stream::say},
    show,
};
use model::{
    MemberName, Metadata, Object, PlanName, ScenarioName,
    view::{PlanView, Verb},
};
use wire::api::{PlanManifest, RunOptions};

/// Show what a switchover, failover or switchback would do; nothing is done
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Plan {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the ordered steps; exit 1 when something stands in the way
    #[command(before_help = "Examples:
  standin plan show mail
  standin plan show mail --for failover --to dublin
  standin plan show mail --plan mail-quiet --set ticket=OPS-12
  standin plan show mail --as-manifest > plan.yaml      the built-in plan, to be edited
  standin plan show mail -o json")]
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Scenario
    name: String,
    /// What the plan is for
    #[arg(long = "for", value_enum, value_name = "VERB", default_value = "switchover")]
    purpose: Purpose,
    /// Replica that becomes active
    #[arg(long, value_name = "REPLICA")]
    to: Option<String>,
    #[command(flatten)]
    follow: Follow,
    /// Print the plan as a RecoveryPlan: the built-in one to be edited, or the one that is followed
    #[arg(long, conflicts_with = "output")]
    as_manifest: bool,
    /// Plan as if the drain were left out
    #[arg(long)]
    skip_drain: bool,
    /// Plan as if data loss were accepted
    #[arg(long)]
    allow_data_loss: bool,
    /// Plan as if the old active host were known to be off
    #[arg(long)]
    no_fence: bool,
    /// Plan as if what only the home host has were given up
    #[arg(long, value_name = "SIDE", value_parser = ["home"])]
    discard: Option<String>,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: super::TextOrJson,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Purpose {
    Switchover,
    Failover,
    Switchback,
}

/// Which plan is followed, and with what.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Follow {
    /// RecoveryPlan to follow instead of the scenario's own; `built-in` for none
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Value of a parameter of the plan; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    set: Vec<(String, String)>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "a parameter is set as NAME=VALUE".to_owned())
}

impl Follow {
    /// The options that say it. Of a parameter that is set twice, the last counts.
    pub fn options(self) -> RunOptions {
        let parameters = self.set.into_iter().collect();
        RunOptions { plan: self.plan.map(PlanName), parameters, ..RunOptions::default() }
    }
}

/// The modeline by which editors find the schema.
const MODELINE: &str = "# yaml-language-server: $schema=../schemas/v1alpha1/manifest.json";

/// Prints the plan as people write it.
async fn as_manifest(cx: &mut Context, order: &Order) -> Outcome {
    let asked = cx.client.post("/v1/plan-manifest", &order.request(None)).await;
    let PlanManifest { name, spec } = asked.map_err(nothing_started)?;
    let metadata = Metadata { name: name.0, ..Metadata::default() };
    cx.out.line(MODELINE);
    cx.out.text(&manifest::to_yaml(&Object::RecoveryPlan(metadata, spec)));
    Ok(Exit::Done)
}

pub async fn run(cx: &mut Context, args: Plan) -> Outcome {
    let Action::Show(args) = args.action;
    let options = RunOptions {
        to: args.to.map(MemberName),
        skip_drain: args.skip_drain,
        allow_data_loss: args.allow_data_loss,
        no_fence: args.no_fence,
        discard: args.discard,
        ..args.follow.options()
    };
    let verb = match args.purpose {
        Purpose::Switchover => Verb::Switchover,
        Purpose::Failover => Verb::Failover,
        Purpose::Switchback => Verb::Switchback,
    };
    let order =
        Order { verb, scenario: ScenarioName(args.name), options, consent: Consent::NotNeeded, purpose: "plan" };
    if args.as_manifest {
        return as_manifest(cx, &order).await;
    }
    let plan: PlanView = order.plan(cx).await?;
    let refusal = Failure::blocked(&plan);
    match args.output {
        super::TextOrJson::Json => machine::json(&mut cx.out, &plan)?,
        super::TextOrJson::Text if !plan.steps.is_empty() => cx.out.lines(&show::plan::lines(&plan, cx.style)),
        super::TextOrJson::Text => {}
    }
    let Some(refusal) = refusal else {
        return Ok(Exit::Done);
    };
    say(&show::failure::lines(&refusal, cx.talk).join("\n"));
    Ok(Exit::No)
}
