//! `standin describe`: everything about one thing, conditions first.

use super::run::run_id;
use crate::{
    client::{escape, query},
    context::Context,
    exit::{Exit, Failure, Outcome},
    show,
};
use model::view::{EventView, RunView};
use wire::api::{List, StoredHost, StoredPlan, StoredScenario};

/// Show everything about one scenario, host, plan or run: conditions first, reasons in words
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin describe scenario mail
  standin describe host mx2 --events 20
  standin describe plan mail-switchover
  standin describe run r-7q4k")]
pub struct Describe {
    /// scenario (sc), host, plan or run
    #[arg(value_enum, hide_possible_values = true)]
    kind: Kind,
    name: String,
    /// How many events are shown
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1000))]
    events: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    #[value(aliases = ["scenarios", "sc"])]
    Scenario,
    #[value(alias = "hosts")]
    Host,
    #[value(aliases = ["plans", "recoveryplan", "recoveryplans"])]
    Plan,
    #[value(alias = "runs")]
    Run,
}

pub async fn run(cx: &mut Context, args: Describe) -> Outcome {
    let name = escape(&args.name);
    let lines = match args.kind {
        Kind::Scenario => {
            let item: StoredScenario = cx.client.get(&format!("/v1/scenarios/{name}")).await?;
            let events = last_events(cx, Some(&args.name), args.events, |_| true).await?;
            show::describe::scenario(&item, &events, &cx.clock, cx.style)
        }
        Kind::Host => {
            let item: StoredHost = cx.client.get(&format!("/v1/hosts/{name}")).await?;
            let scenarios: List<StoredScenario> = cx.client.get("/v1/scenarios").await?;
            let about = |event: &EventView| event.host.as_ref().is_some_and(|host| host.0 == args.name);
            let events = last_events(cx, None, args.events, about).await?;
            show::describe::host(&item, &scenarios.items, &events, &cx.clock, cx.style)
        }
        Kind::Plan => {
            let item: StoredPlan = cx.client.get(&format!("/v1/plans/{name}")).await?;
            let scenarios: List<StoredScenario> = cx.client.get("/v1/scenarios").await?;
            show::recovery_plan::lines(&item, &scenarios.items, cx.style)
        }
        Kind::Run => {
            let id = run_id(&args.name).map_err(|error| Failure::new(Exit::Malformed, error))?;
            let item: RunView = cx.client.get(&format!("/v1/runs/{id}")).await?;
            show::describe::run(&item, &cx.clock, cx.style)
        }
    };
    cx.page(&lines);
    Ok(Exit::Done)
}

/// The last `limit` events that are wanted, the oldest first.
async fn last_events(
    cx: &Context,
    scenario: Option<&str>,
    limit: u32,
    wanted: impl Fn(&EventView) -> bool,
) -> Outcome<Vec<EventView>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let asked = limit.to_string();
    let asked = scenario.map(|_| asked.as_str());
    let list: List<EventView> =
        cx.client.get(&format!("/v1/events{}", query(&[("scenario", scenario), ("limit", asked)]))).await?;
    let mut events: Vec<EventView> = list.items.into_iter().filter(wanted).collect();
    events.sort_by_key(|event| event.id);
    Ok(events.split_off(events.len().saturating_sub(limit as usize)))
}
