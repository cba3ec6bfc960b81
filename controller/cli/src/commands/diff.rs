//! `standin diff`: what an apply would change, and what that leads to.

use super::TextOrJson;
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, composed, look, pairs},
    output::{machine, stream::say},
    show,
};
use manifest::{Loaded, Set, Surroundings, render};
use model::HostName;
use wire::api::{ApplyRequest, ApplyResult, List, StoredHost};

/// Show what an apply would change and what each change leads to
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin diff -f scenarios/           exit 0: nothing to do, 1: changes
  standin diff --overlay production
  standin diff -o json --exit-zero

The effect of each change: live, restart (replication starts anew), resync (data is copied), DESTROYS.")]
pub struct Diff {
    #[command(flatten)]
    sources: Sources,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
    /// Exit 0 where there are changes; other failures stay failures
    #[arg(long)]
    exit_zero: bool,
}

pub async fn run(cx: &mut Context, args: &Diff) -> Outcome {
    let loaded = args.sources.load()?;
    let set = check(cx, &loaded).await?;
    let files = composed(&loaded, &set);
    let result = ask(cx, ApplyRequest { files, ..ApplyRequest::default() }).await?;
    match args.output {
        TextOrJson::Json => machine::json(&mut cx.out, &result)?,
        TextOrJson::Text => cx.out.lines(&show::diff::lines(&result, cx.style)),
    }
    Ok(if result.changes.is_empty() || args.exit_zero { Exit::Done } else { Exit::No })
}

/// Asks what would change. Nothing is changed by asking, even when the answer is lost.
pub async fn ask(cx: &Context, request: ApplyRequest) -> Outcome<ApplyResult> {
    cx.client.post("/v1/diff", &request).await.map_err(|failure| match failure.exit {
        Exit::Pending => Failure { exit: Exit::NoAnswer, ..failure }.fact("nothing was changed"),
        _ => failure,
    })
}

/// Shows every mistake as `validate` does, with the Hosts that the controller knows; a set with errors is not sent.
pub async fn check(cx: &mut Context, loaded: &Loaded) -> Outcome<Set> {
    let hosts: List<StoredHost> = cx.client.get("/v1/hosts").await?;
    let known_hosts = hosts.items.into_iter().map(|host| HostName(host.metadata.name)).collect();
    let named = pairs(loaded);
    let set = look(loaded, &Surroundings { known_hosts });
    if !set.findings.is_empty() {
        say(render::render_full(&set.findings, named, cx.talk.color, cx.talk.ascii).trim_end());
    }
    if !set.has_errors() {
        return Ok(set);
    }
    let failure = Failure::new(Exit::No, "the manifests have errors, nothing was changed");
    Err(failure.fact(render::summary(&set).lines().next().unwrap_or_default()))
}
