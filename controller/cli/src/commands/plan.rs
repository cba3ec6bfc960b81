//! `standin plan show`: what a switchover, failover or switchback would do now.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    order::{Consent, Order},
    output::{machine, stream::say},
    show,
};
use model::{
    MemberName, ScenarioName,
    view::{PlanView, Verb},
};
use wire::api::RunOptions;

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

pub async fn run(cx: &mut Context, args: Plan) -> Outcome {
    let Action::Show(args) = args.action;
    let options = RunOptions {
        to: args.to.map(MemberName),
        allow_data_loss: args.allow_data_loss,
        no_fence: args.no_fence,
        discard: args.discard,
        ..RunOptions::default()
    };
    let verb = match args.purpose {
        Purpose::Switchover => Verb::Switchover,
        Purpose::Failover => Verb::Failover,
        Purpose::Switchback => Verb::Switchback,
    };
    let order =
        Order { verb, scenario: ScenarioName(args.name), options, consent: Consent::NotNeeded, purpose: "plan" };
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
