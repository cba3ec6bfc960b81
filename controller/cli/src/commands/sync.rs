//! `standin sync`: compare both sides in full, and copy until they are equal or only tell.

use crate::{
    client::escape,
    context::Context,
    exit::{Exit, Failure, Outcome},
    follow::{RunOutput, quietly},
    order::{Consent, Following, Order},
    output::machine,
    show,
};
use model::{
    RootName, ScenarioName,
    view::{RunState, Verb},
};
use wire::api::{RunOptions, StoredScenario};

/// Compare both sides in full and copy what differs; --compare-only changes nothing
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin sync mail
  standin sync mail --compare-only             exit 0: equal, 1: different
  standin sync mail --compare-only --root mailboxes
  standin sync mail --compare-only -o json")]
pub struct Sync {
    /// Scenario
    name: String,
    /// Compare content and all metadata, list the differences, change nothing
    #[arg(long)]
    compare_only: bool,
    /// Only this root
    #[arg(long, requires = "compare_only")]
    root: Option<String>,
    /// Do not ask
    #[arg(long, short, conflicts_with = "compare_only")]
    yes: bool,
    #[command(flatten)]
    following: Following,
}

pub async fn run(cx: &mut Context, args: Sync) -> Outcome {
    let (verb, consent) = match args.compare_only {
        true => (Verb::Compare, Consent::NotNeeded),
        false => (Verb::Synchronize, Consent::Yes(args.yes)),
    };
    let order = Order {
        verb,
        scenario: ScenarioName(args.name),
        options: RunOptions { root: args.root.clone().map(RootName), ..RunOptions::default() },
        consent,
        purpose: "compare and copy",
    };
    let following = args.following;
    if args.compare_only && following.wait && following.output != RunOutput::Jsonl {
        compare(cx, &order, &following).await
    } else {
        order.carry_out(cx, &following).await
    }
}

async fn compare(cx: &mut Context, order: &Order, following: &Following) -> Outcome {
    let name = order.scenario.as_str();
    let scenario: StoredScenario = cx.client.get(&format!("/v1/scenarios/{}", escape(name))).await?;
    let run = order.start(cx, following).await?;
    if cx.asks {
        cx.hint(&format!("comparing {name} in run {}; Ctrl-C detaches", run.id));
    }
    let run = quietly(cx, run, following.timeout.map(|period| period.0)).await?;
    if following.output == RunOutput::Json {
        machine::json(&mut cx.out, &run)?;
    }
    let comparison = run.comparison.as_ref().filter(|_| run.state == RunState::Done);
    let Some(comparison) = comparison else {
        let why = run.why.clone().unwrap_or_else(|| "it ended without a result".to_owned());
        let failure = Failure::new(Exit::Failed, format!("the comparison of {name} failed")).fact(why);
        return Err(failure.help(format!("standin run show {}", run.id)));
    };
    if following.output == RunOutput::Text {
        let roots = if order.options.root.is_some() { 1 } else { scenario.spec.primary.roots.len() };
        cx.out.lines(&show::comparison::lines(comparison, roots, cx.style));
    }
    Ok(if show::comparison::equal(comparison) { Exit::Done } else { Exit::No })
}
