//! `standin apply`: shows what changes, asks, and stores all of it or nothing.

use super::{TextOrJson, diff};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, composed},
    order::{change, period},
    output::machine,
    prompt, settle, show,
};
use manifest::Set;
use model::{Kind, ScenarioName, units::Period};
use wire::api::{ApplyRequest, ApplyResult, Effect};

/// Make manifests the settings in force: shows the differences and asks first
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin apply -f scenarios/
  standin apply --overlay production
  standin apply -f mail.yaml --yes --wait
  standin apply --dry-run
  standin apply --allow-destroy scenario/mail/root/archive")]
pub struct Apply {
    #[command(flatten)]
    sources: Sources,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Check and show everything, store nothing
    #[arg(long, conflicts_with_all = ["yes", "wait"])]
    dry_run: bool,
    /// Removal of replicated data that is accepted, such as scenario/mail/root/archive; may be repeated
    #[arg(long, value_name = "KIND/NAME/WHAT")]
    allow_destroy: Vec<String>,
    /// Wait until every scenario of the set is protected
    #[arg(long)]
    wait: bool,
    /// Longest time to wait, such as 10m
    #[arg(long, value_name = "TIME", value_parser = period, requires = "wait")]
    timeout: Option<Period>,
    /// text or json
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    output: TextOrJson,
}

pub async fn run(cx: &mut Context, args: Apply) -> Outcome {
    let loaded = args.sources.load()?;
    let reads_stdin = loaded.files.iter().any(|(path, _)| path == "-");
    cx.asks &= !reads_stdin;
    let set = diff::check(cx, &loaded).await?;
    let files = composed(&loaded, &set);
    let mut request = ApplyRequest { files, allow_destroy: args.allow_destroy.clone(), ..ApplyRequest::default() };
    let found = diff::ask(cx, request.clone()).await?;
    if args.output == TextOrJson::Text {
        cx.out.lines(&show::diff::lines(&found, cx.style));
        cx.out.line("");
    }
    if found.changes.is_empty() || args.dry_run {
        if args.output == TextOrJson::Json {
            machine::json(&mut cx.out, &found)?;
        }
        if args.dry_run {
            // Guards of the controller are asked too: what they refuse is refused here.
            request.dry_run = true;
            request.expect = Some(found.digest.clone());
            change::<ApplyResult>(cx, "/v1/apply", &request).await?;
            cx.hint("dry run: nothing was stored");
        }
        return wait(cx, &args, &set, &found).await;
    }
    confirm(cx, &args, &found).await?;
    request.expect = Some(found.digest.clone());
    let done: ApplyResult = change(cx, "/v1/apply", &request).await.map_err(stale)?;
    match args.output {
        TextOrJson::Text => cx.out.lines(&show::diff::applied(&done, cx.style)),
        TextOrJson::Json => machine::json(&mut cx.out, &done)?,
    }
    wait(cx, &args, &set, &done).await
}

/// Whoever named what is destroyed has said more than yes.
async fn confirm(cx: &Context, args: &Apply, found: &ApplyResult) -> Outcome<()> {
    let destroys = show::diff::count(found, Effect::Destroys) > 0;
    let destroyed = found.changes.iter().find(|change| change.fields.iter().any(|f| f.effect == Effect::Destroys));
    match destroyed.filter(|_| destroys && !args.yes && cx.asks) {
        Some(change) => {
            let purpose = "destroy what is marked so and apply";
            prompt::type_name(cx, None, &change.name, purpose).await
        }
        None => prompt::agree(cx, args.yes, "Apply?").await,
    }
}

/// What was shown is what is applied; when it cannot be, the way on is to look again.
fn stale(failure: Failure) -> Failure {
    let helped = failure.obstacles.iter().any(|obstacle| !obstacle.help.is_empty());
    if failure.exit == Exit::Conflict && !helped { failure.help("standin diff") } else { failure }
}

async fn wait(cx: &mut Context, args: &Apply, set: &Set, result: &ApplyResult) -> Outcome {
    if !args.wait {
        return Ok(Exit::Done);
    }
    let changed = result.changes.iter().filter(|change| change.kind == Kind::Scenario);
    let mut wanted: Vec<settle::Wanted> = changed
        .map(|change| settle::Wanted { name: ScenarioName(change.name.clone()), generation: change.generation })
        .collect();
    if result.changes.is_empty() {
        let scenarios = set.objects.iter().filter(|located| located.object.kind() == Kind::Scenario);
        let wanted_as_is = |name: &str| settle::Wanted { name: ScenarioName(name.to_owned()), generation: 0 };
        wanted.extend(scenarios.map(|located| wanted_as_is(located.object.name())));
    }
    settle::wait(cx, wanted, args.timeout.map(|period| period.0)).await
}
