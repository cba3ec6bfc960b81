//! `standin events`: what happened.

use super::run::run_id;
use crate::{
    client::{Change, Feed, query},
    context::Context,
    exit::{Exit, Outcome},
    follow::interrupts,
    order::period,
    output::{Columns, columns, machine},
    show::lists,
};
use model::{units::Period, view::EventView};
use wire::api::List;

/// List what happened
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin events
  standin events mail --since 2h --severity warning
  standin events --run r-7q4k
  standin events --type agentsilent
  standin events -w -o json                 an object a line")]
pub struct Events {
    /// Only events of this scenario
    name: Option<String>,
    /// Only what happened in this time, such as 2h
    #[arg(long, value_name = "TIME", value_parser = period)]
    since: Option<Period>,
    /// This severity or a higher one: info, warning, error
    #[arg(long, value_name = "SEVERITY", value_parser = lists::SEVERITIES, hide_possible_values = true)]
    severity: Option<String>,
    /// Only events of this kind, such as RunStarted; upper or lower case
    #[arg(long = "type", value_name = "TYPE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    kind: Option<String>,
    /// Only events of this run
    #[arg(long, value_name = "ID", value_parser = run_id)]
    run: Option<String>,
    /// Go on with a line for each new event
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    columns: Columns,
    /// table, json or csv
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Table,
    Json,
    Csv,
}

impl Events {
    /// The controller filters too; a watch is filtered here only.
    fn wants(&self, event: &EventView) -> bool {
        let rank = |severity: &str| lists::SEVERITIES.iter().position(|known| *known == severity).unwrap_or(0);
        let severe = self.severity.as_deref().is_none_or(|least| rank(&event.severity) >= rank(least));
        let of_kind = self.kind.as_deref().is_none_or(|kind| event.kind.eq_ignore_ascii_case(kind));
        let of_run = self.run.as_deref().is_none_or(|run| event.run.as_ref().is_some_and(|id| id.0 == run));
        let of_scenario = self.name.as_deref().is_none_or(|name| event.scenario.as_ref().is_some_and(|s| s.0 == name));
        severe && of_kind && of_run && of_scenario
    }
}

pub async fn run(cx: &mut Context, args: Events) -> Outcome {
    args.columns.check(args.output != Output::Json)?;
    let since = args.since.map(|period| cx.clock.now().0.saturating_sub(period.0.as_millis() as u64).to_string());
    let events = list(cx, &args, since.as_deref()).await?;
    let mut last = events.last().map_or(0, |event| event.id);
    let clock = if args.output == Output::Csv { cx.clock.for_machines() } else { cx.clock.clone() };
    let table = args.columns.shape(lists::events(&events, &clock))?;
    match args.output {
        Output::Json if args.watch => events.iter().try_for_each(|event| machine::json_line(&mut cx.out, event))?,
        Output::Json => machine::json(&mut cx.out, &List::new(events))?,
        Output::Csv => cx.out.text(&columns::csv(&table)?),
        Output::Table if table.is_empty() && !args.watch => cx.hint("no events"),
        Output::Table => cx.out.lines(&table.render(cx.style)),
    }
    if !args.watch {
        return Ok(Exit::Done);
    }
    let widths = table.widths();
    let mut feed = Feed::new(&cx.client, query(&[("kind", Some("event")), ("name", args.name.as_deref())]));
    let mut interrupts = interrupts()?;
    while !cx.out.closed() {
        let change = tokio::select! {
            change = feed.next() => change,
            _ = interrupts.recv() => break,
        };
        let fresh = match change {
            // What happened between two connections.
            Change::Connected => list(cx, &args, since.as_deref()).await?,
            Change::Event(event) => event.event.into_iter().filter(|event| args.wants(event)).collect(),
            Change::Lost(failure) => {
                cx.hint(&format!("{}; waiting for it", failure.obstacles[0].message));
                Vec::new()
            }
            Change::Ended(failure) => return Err(failure),
        };
        for event in fresh.iter().filter(|event| event.id > last) {
            let one = args.columns.shape(lists::events(std::slice::from_ref(event), &clock))?.without_header();
            match args.output {
                Output::Json => machine::json_line(&mut cx.out, event)?,
                Output::Csv => cx.out.text(&columns::csv(&one)?),
                Output::Table => cx.out.lines(&one.at_least(&widths).render(cx.style)),
            }
        }
        last = fresh.iter().map(|event| event.id).fold(last, u64::max);
    }
    Ok(Exit::Done)
}

/// The oldest first.
async fn list(cx: &Context, args: &Events, since: Option<&str>) -> Outcome<Vec<EventView>> {
    let (name, kind, run) = (args.name.as_deref(), args.kind.as_deref(), args.run.as_deref());
    let filter = query(&[("scenario", name), ("since", since), ("kind", kind), ("run", run)]);
    let list: List<EventView> = cx.client.get(&format!("/v1/events{filter}")).await?;
    let mut events: Vec<EventView> = list.items.into_iter().filter(|event| args.wants(event)).collect();
    events.sort_by_key(|event| event.id);
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        events: Events,
    }

    #[test]
    fn a_type_is_the_whole_kind_in_any_case() {
        let wants = |args: &[&str], kind: &str| {
            let line = Line::try_parse_from([&["events"], args].concat()).unwrap();
            line.events.wants(&EventView { kind: kind.into(), severity: "warning".into(), ..EventView::default() })
        };
        assert!(wants(&["--type", "agentSILENT"], "AgentSilent"));
        assert!(!wants(&["--type", "Agent"], "AgentSilent"), "a part is not the kind");
        assert!(!wants(&["--type", "AgentSilent"], "RunStarted"));
        assert!(!wants(&["--type", "AgentSilent", "--severity", "error"], "AgentSilent"), "both have to hold");
        assert!(wants(&[], "RunStarted"));
    }
}
