//! `standin status`: one screen over everything.

use super::TextOrJson;
use crate::{
    client::escape,
    context::Context,
    exit::{Exit, Outcome},
    output::machine,
    show::lists,
};
use model::view::{Health, RunState, RunView};
use wire::api::{List, StoredHost, StoredScenario};

/// One screen over everything; exit 1 if any scenario is not ok
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin status
  standin status mail || echo look at it")]
pub struct Status {
    /// Only this scenario
    name: Option<String>,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

pub async fn run(cx: &mut Context, args: Status) -> Outcome {
    let scenarios: Vec<StoredScenario> = match &args.name {
        Some(name) => vec![cx.client.get(&format!("/v1/scenarios/{}", escape(name))).await?],
        None => cx.client.get::<List<_>>("/v1/scenarios").await?.items,
    };
    match args.output {
        TextOrJson::Json => machine::json(&mut cx.out, &List::new(scenarios.clone()))?,
        TextOrJson::Text => text(cx, &scenarios, args.name.is_none()).await?,
    }
    let fine = scenarios.iter().all(|scenario| scenario.status.health == Health::Ok);
    Ok(if fine { Exit::Done } else { Exit::No })
}

async fn text(cx: &mut Context, scenarios: &[StoredScenario], everything: bool) -> Outcome<()> {
    if !scenarios.is_empty() {
        cx.out.lines(&lists::scenarios(scenarios, false).render(cx.style));
    }
    let runs: List<RunView> = cx.client.get("/v1/runs").await?;
    let shown = |run: &RunView| scenarios.iter().any(|scenario| scenario.metadata.name == run.scenario.0);
    let open: Vec<RunView> = runs
        .items
        .into_iter()
        .filter(|run| matches!(run.state, RunState::Running | RunState::Paused) && shown(run))
        .collect();
    if !open.is_empty() {
        cx.out.line("");
        cx.out.lines(&lists::runs(&open, &cx.clock).render(cx.style));
    }
    if everything {
        let hosts: List<StoredHost> = cx.client.get("/v1/hosts").await?;
        let missing: Vec<StoredHost> = hosts.items.into_iter().filter(|host| !host.status.connected).collect();
        if !missing.is_empty() {
            cx.out.line("");
            cx.out.lines(&lists::hosts(&missing, false, &cx.clock).render(cx.style));
        }
    }
    cx.hint(&lists::summary(scenarios));
    Ok(())
}
