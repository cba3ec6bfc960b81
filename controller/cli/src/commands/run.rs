//! `standin run`: runs that are going on, waiting or over.

use super::TextOrJson;
use crate::{
    client::{escape, query},
    context::Context,
    exit::{Exit, Outcome},
    order::{Following, change},
    output::{machine, stream::say},
    prompt, show,
};
use model::view::RunView;
use wire::api::{AbortRequest, List, ResumeRequest};

/// List, show and follow runs; take a paused one up again or stop one
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(before_help = "Examples:
  standin run list
  standin run attach r-7q4k
  standin run resume r-7q4k                             repeats the step that failed, or shows what is asked
  standin run resume r-7q4k --step 1                    says yes to what step 1 asks
  standin run resume r-7q4k --skip 5 --reason TEXT      goes on without step 5
  standin run abort r-7q4k                              takes everything back, before the point of no return
  standin run abort r-7q4k --as-it-is --reason TEXT     ends it where it stands, after that point")]
pub struct Run {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List runs, newest first
    List {
        /// Only runs of this scenario
        scenario: Option<String>,
        /// text or json
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
        output: TextOrJson,
    },
    /// Show one run and its steps
    Show {
        /// Run, such as r-7q4k
        #[arg(value_parser = run_id)]
        id: String,
        /// text or json
        #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
        output: TextOrJson,
    },
    /// Follow a run to its end
    Attach {
        /// Run, such as r-7q4k
        #[arg(value_parser = run_id)]
        id: String,
        #[command(flatten)]
        following: Following,
    },
    /// Take up a paused run again: repeats the step that failed or leaves one out; says yes where a person is asked
    Resume {
        /// Run, such as r-7q4k
        #[arg(value_parser = run_id)]
        id: String,
        /// The step that waits, by its number; refused when another one waits by now. Says yes to what it asks
        #[arg(long, value_name = "STEP", conflicts_with = "skip")]
        step: Option<String>,
        /// Step to leave out, by its number
        #[arg(long, value_name = "STEP", requires = "reason")]
        skip: Option<String>,
        /// Why; kept with the run
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        following: Following,
    },
    /// Stop a run: takes its steps back before the point of no return; after it, only --as-it-is ends a run
    Abort {
        /// Run, such as r-7q4k
        #[arg(value_parser = run_id)]
        id: String,
        /// End it where it stands, past its point of no return: nothing is taken back, services may rest, and another
        /// run, such as a failover, goes on from there
        #[arg(long, requires = "reason")]
        as_it_is: bool,
        /// Why; kept with the run
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        following: Following,
    },
}

/// Accepts `run/r-7q4k` too, which is how lists of names show it.
pub fn run_id(text: &str) -> Result<String, String> {
    let id = text.strip_prefix("run/").unwrap_or(text);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || !id.chars().all(plain) {
        return Err("a run's id looks like r-7q4k; standin run list shows them".to_owned());
    }
    Ok(id.to_owned())
}

pub async fn run(cx: &mut Context, args: Run) -> Outcome {
    match args.action {
        Action::List { scenario, output } => list(cx, scenario.as_deref(), output).await,
        Action::Show { id, output } => show(cx, &id, output).await,
        Action::Attach { id, following } => {
            following.check()?;
            let run: RunView = cx.client.get(&path(&id)).await?;
            following.show(cx, run).await
        }
        Action::Resume { id, step, skip, reason, following } => {
            following.check()?;
            let step = if step.is_none() && skip.is_none() { answered(cx, &id).await? } else { step };
            let request = ResumeRequest { step, skip, reason };
            let run: RunView = change(cx, &format!("{}/resume", path(&id)), &request).await?;
            following.show(cx, run).await
        }
        Action::Abort { id, as_it_is, reason, following } => {
            following.check()?;
            let request = AbortRequest { as_it_is, reason };
            let run: RunView = change(cx, &format!("{}/abort", path(&id)), &request).await?;
            following.show(cx, run).await
        }
    }
}

/// Shows what the run asks and has the person say yes to it; answers the step. `None` where nothing is asked.
async fn answered(cx: &mut Context, id: &str) -> Outcome<Option<String>> {
    let run: RunView = cx.client.get(&path(id)).await?;
    let (Some(question), Some(step)) = (&run.question, &run.waiting_step) else { return Ok(None) };
    say(&format!("Step {step} of run {id} asks: {}", question.replace('\n', " ")));
    prompt::agree_unless(cx, &format!("--step {step}"), "Yes?").await?;
    Ok(run.waiting_step)
}

fn path(id: &str) -> String {
    format!("/v1/runs/{}", escape(id))
}

async fn list(cx: &mut Context, scenario: Option<&str>, output: TextOrJson) -> Outcome {
    let path = format!("/v1/runs{}", query(&[("scenario", scenario)]));
    let mut list: List<RunView> = cx.client.get(&path).await?;
    list.items.sort_by_key(|run| std::cmp::Reverse(run.started));
    match output {
        TextOrJson::Json => machine::json(&mut cx.out, &list)?,
        TextOrJson::Text => cx.out.lines(&show::lists::runs(&list.items, &cx.clock).render(cx.style)),
    }
    Ok(Exit::Done)
}

async fn show(cx: &mut Context, id: &str, output: TextOrJson) -> Outcome {
    let run: RunView = cx.client.get(&path(id)).await?;
    match output {
        TextOrJson::Json => machine::json(&mut cx.out, &run)?,
        TextOrJson::Text => cx.out.lines(&show::describe::run(&run, &cx.clock, cx.style)),
    }
    Ok(Exit::Done)
}
