//! `standin get`: lists.

use crate::{
    client::{Change, Feed, escape, query},
    context::Context,
    exit::{Exit, Failure, Outcome},
    follow::interrupts,
    listed::Listed,
    output::{Columns, Table, columns, machine},
    sorted,
};
use model::view::{EventView, RunView};
use std::collections::BTreeMap;
use wire::api::{List, StoredHost, StoredPlan, StoredScenario};

/// List scenarios, hosts, plans, runs or events
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin get scenarios
  standin get scenarios -o wide
  standin get scenarios --sort-by lag --columns name,lag,why
  standin get scenarios -o csv > scenarios.csv
  standin get sc mail -o yaml
  standin get hosts -l site=dublin -o name
  standin get scenarios -w                   a line for each change

`?` is unknown, `-` is not applicable, a number is measured.")]
pub struct Get {
    /// scenarios (sc), hosts, plans, runs or events
    #[arg(value_enum, hide_possible_values = true)]
    kind: Kind,
    /// Only this one
    name: Option<String>,
    /// table, wide, json, yaml, name or csv
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    output: Output,
    #[command(flatten)]
    columns: Columns,
    /// Only what carries this label; may be repeated
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Sort by name, state, health, lag, age or time, where the kind has it; what needs attention last
    #[arg(long, value_name = "FIELD")]
    sort_by: Option<String>,
    /// Go on with a line for each change; only the list before them is sorted
    #[arg(short, long)]
    watch: bool,
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
    #[value(alias = "events")]
    Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
    Csv,
}

impl Output {
    fn is_tabular(self) -> bool {
        matches!(self, Self::Table | Self::Wide | Self::Csv)
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "a label is written KEY=VALUE".to_owned())
}

pub async fn run(cx: &mut Context, args: Get) -> Outcome {
    let no_labels = matches!(args.kind, Kind::Run | Kind::Event);
    if no_labels && !args.labels.is_empty() {
        return Err(Failure::new(Exit::Malformed, "runs and events carry no labels"));
    }
    args.columns.check(args.output.is_tabular())?;
    match args.kind {
        Kind::Scenario => list::<StoredScenario>(cx, &args).await,
        Kind::Host => list::<StoredHost>(cx, &args).await,
        Kind::Plan => list::<StoredPlan>(cx, &args).await,
        Kind::Run => list::<RunView>(cx, &args).await,
        Kind::Event if args.name.is_some() => {
            Err(Failure::new(Exit::Malformed, "events have no names; standin events SCENARIO lists those of one"))
        }
        Kind::Event => list::<EventView>(cx, &args).await,
    }
}

async fn list<T: Listed>(cx: &mut Context, args: &Get) -> Outcome {
    let field = args.sort_by.as_deref().map(sorted::field::<T>).transpose()?;
    let mut items: Vec<T> = match &args.name {
        Some(name) => vec![cx.client.get(&format!("{}/{}", T::PATH, escape(name))).await?],
        None => cx.client.get::<List<T>>(T::PATH).await?.items,
    };
    items.retain(|item| item.labelled(&args.labels));
    if let Some(field) = field {
        items.sort_by(field.order);
    }
    let widths = print(cx, args, &items)?;
    if args.watch {
        return watch(cx, args, &items, &widths).await;
    }
    if items.is_empty() && args.output != Output::Json {
        cx.hint(&format!("no {}s", T::KIND));
    }
    Ok(Exit::Done)
}

/// Prints the list; answers the widths of the columns, so that later lines stand below them.
fn print<T: Listed>(cx: &mut Context, args: &Get, items: &[T]) -> Outcome<Vec<usize>> {
    match args.output {
        Output::Json if args.watch => items.iter().try_for_each(|item| machine::json_line(&mut cx.out, item))?,
        Output::Json => machine::json(&mut cx.out, &List::new(items.to_vec()))?,
        Output::Yaml if T::IS_MANIFEST => machine::manifests(&mut cx.out, items)?,
        Output::Yaml => machine::yaml(&mut cx.out, &List::new(items.to_vec()))?,
        Output::Name => items.iter().for_each(|item| cx.out.line(&format!("{}/{}", T::KIND, item.name()))),
        Output::Csv => cx.out.text(&columns::csv(&table(cx, args, items)?)?),
        Output::Table | Output::Wide => {
            let table = table(cx, args, items)?;
            if !items.is_empty() || args.watch {
                cx.out.lines(&table.render(cx.style));
            }
            return Ok(table.widths());
        }
    }
    Ok(Vec::new())
}

fn table<T: Listed>(cx: &Context, args: &Get, items: &[T]) -> Outcome<Table> {
    let wide = args.columns.chosen() || args.output != Output::Table;
    // Each line of csv stands alone.
    let table = match args.output {
        Output::Csv => T::table(items, wide, &cx.clock.for_machines()).repeating(T::LEFT_OUT),
        _ => T::table(items, wide, &cx.clock),
    };
    args.columns.shape(table)
}

async fn watch<T: Listed>(cx: &mut Context, args: &Get, items: &[T], widths: &[usize]) -> Outcome {
    let mut seen: BTreeMap<String, String> = items.iter().map(|item| (item.name(), item.essence())).collect();
    let mut feed = Feed::new(&cx.client, query(&[("kind", Some(T::KIND)), ("name", args.name.as_deref())]));
    let mut interrupts = interrupts()?;
    while !cx.out.closed() {
        let change = tokio::select! {
            change = feed.next() => change,
            _ = interrupts.recv() => break,
        };
        match change {
            Change::Connected => {}
            Change::Lost(failure) => cx.hint(&format!("{}; waiting for it", failure.obstacles[0].message)),
            Change::Ended(failure) => return Err(failure),
            Change::Event(event) => {
                if let Some(name) = &event.deleted {
                    seen.remove(name);
                    cx.hint(&format!("{}/{name} is gone", T::KIND));
                }
                let item = T::of(*event).filter(|item| item.labelled(&args.labels));
                let mut changed = |item: &T| seen.insert(item.name(), item.essence()) != Some(item.essence());
                if let Some(item) = item.filter(|item| changed(item)) {
                    print_change(cx, args, &item, widths)?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn print_change<T: Listed>(cx: &mut Context, args: &Get, item: &T, widths: &[usize]) -> Outcome<()> {
    match args.output {
        Output::Json => machine::json_line(&mut cx.out, item),
        Output::Yaml => {
            cx.out.line("---");
            match T::IS_MANIFEST {
                true => machine::manifests(&mut cx.out, std::slice::from_ref(item)),
                false => machine::yaml(&mut cx.out, item),
            }
        }
        Output::Name => {
            cx.out.line(&format!("{}/{}", T::KIND, item.name()));
            Ok(())
        }
        Output::Csv => {
            let one = table(cx, args, std::slice::from_ref(item))?.without_header();
            cx.out.text(&columns::csv(&one)?);
            Ok(())
        }
        Output::Table | Output::Wide => {
            let one = table(cx, args, std::slice::from_ref(item))?.without_header().at_least(widths);
            cx.out.lines(&one.render(cx.style));
            Ok(())
        }
    }
}
