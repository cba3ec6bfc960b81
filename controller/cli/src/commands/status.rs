//! `standin status`: one screen over everything.

use super::TextOrJson;
use crate::{
    board::Board,
    client::{Change, Feed},
    context::Context,
    exit::{Exit, Outcome},
    follow::interrupts,
    output::machine,
    show::lists,
};
use wire::api::List;

/// One screen over everything; exit 1 if any scenario is not ok
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin status
  standin status mail || echo look at it
  standin status -w                          the screen again whenever it changes")]
pub struct Status {
    /// Only this scenario
    name: Option<String>,
    /// Print it again, below, whenever more than an amount changes; Ctrl-C ends with the code of the last one
    #[arg(short, long)]
    watch: bool,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

pub async fn run(cx: &mut Context, args: Status) -> Outcome {
    let mut board = Board::ask(cx, args.name.as_deref(), args.output == TextOrJson::Json).await?;
    if args.watch {
        watch(cx, &args, &mut board).await?;
    } else {
        print(cx, &args, &board)?;
    }
    Ok(if board.fine() { Exit::Done } else { Exit::No })
}

fn print(cx: &mut Context, args: &Status, board: &Board) -> Outcome<()> {
    let scenarios = &board.scenarios.items;
    match args.output {
        TextOrJson::Json if args.watch => return machine::json_line(&mut cx.out, &List::new(scenarios.clone())),
        TextOrJson::Json => return machine::json(&mut cx.out, &List::new(scenarios.clone())),
        TextOrJson::Text if args.watch => cx.out.line(&cx.clock.full(cx.clock.now())),
        TextOrJson::Text => {}
    }
    cx.out.lines(&board.lines(&cx.clock, cx.style));
    cx.hint(&lists::summary(scenarios));
    Ok(())
}

async fn watch(cx: &mut Context, args: &Status, board: &mut Board) -> Outcome<()> {
    let mut shown = board.essence();
    let mut scenarios = board.scenarios.feed(cx);
    let mut runs = board.runs.as_ref().map(|runs| runs.feed(cx));
    let mut hosts = board.hosts.as_ref().map(|hosts| hosts.feed(cx));
    let mut interrupts = interrupts()?;
    print(cx, args, board)?;
    while !cx.out.closed() {
        tokio::select! {
            change = scenarios.next() => {
                if let Change::Lost(failure) = &change {
                    cx.hint(&format!("{}; waiting for it", failure.obstacles[0].message));
                }
                board.scenarios.take(cx, change).await?;
            }
            change = next(&mut runs) => if let Some(runs) = &mut board.runs {
                runs.take(cx, change).await?;
            },
            change = next(&mut hosts) => if let Some(hosts) = &mut board.hosts {
                hosts.take(cx, change).await?;
            },
            _ = interrupts.recv() => break,
        }
        let now = board.essence();
        if now != shown {
            board.look_at_follow(cx).await?;
            if args.output == TextOrJson::Text {
                cx.out.line("");
            }
            print(cx, args, board)?;
            shown = now;
        }
    }
    Ok(())
}

/// The next change, which never comes where nothing is watched.
async fn next(feed: &mut Option<Feed>) -> Change {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}
