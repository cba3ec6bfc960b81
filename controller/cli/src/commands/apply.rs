//! `standin apply`: shows what changes, asks, and stores all of it or nothing.

use super::{TextOrJson, diff};
use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, composed, together},
    order::{change, period},
    origin,
    output::machine,
    prompt, settle, show,
};
use manifest::{Loaded, Set};
use model::{Kind, ScenarioName, units::Period};
use std::{
    io::Read,
    path::{Path, PathBuf},
};
use wire::api::{ApplyRequest, ApplyResult, Effect, PLAN_SCHEMA, PlanFile};

/// Largest saved plan: all that an apply may send.
const PLAN_BYTES_MAX: u64 = 64 << 20;

/// Make manifests the settings in force: shows the differences and asks first
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin apply -f scenarios/
  standin apply --overlay production
  standin apply -f mail.yaml --yes --wait
  standin apply plan.json                    what `standin diff --out plan.json` has shown
  standin apply --prune --dry-run
  standin apply --allow-destroy scenario/mail/root/archive")]
pub struct Apply {
    /// A saved plan; accepted once, while nothing it rests on has moved
    #[arg(value_name = "PLAN", conflicts_with_all = ["file", "overlay", "prune", "project", "allow_empty"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    pub sources: Sources,
    #[command(flatten)]
    pruning: diff::Pruning,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Check and show everything, store nothing
    #[arg(long, conflicts_with_all = ["yes", "wait"])]
    dry_run: bool,
    /// What may be given up, exactly as the refusal names it; may be repeated
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
    let (request, loaded) = request(&args)?;
    let reads_stdin = loaded.files.iter().any(|(path, _)| path == "-") && args.plan.is_none();
    cx.asks &= !reads_stdin;
    let set = diff::check(cx, &loaded, Exit::No).await?;
    let mut request = ApplyRequest { allow_destroy: args.allow_destroy.clone(), ..request };
    if args.plan.is_none() {
        request.files = composed(&loaded, &set);
        request.origin = origin::of(&args.sources, &request.files, args.pruning.project.as_deref());
    }
    let found = diff::ask(cx, request.clone()).await?;
    if args.output == TextOrJson::Text {
        cx.out.lines(&show::diff::lines(&show::diff::Compared::stored(&found), cx.style));
        cx.out.line("");
    }
    request.expect = Some(found.digest.clone());
    // Guards of the controller are asked before the person is: what they refuse is refused first.
    let grave = found.changes.iter().any(|change| change.removed || !change.gives_up().is_empty());
    if args.dry_run || grave {
        let asking = ApplyRequest { dry_run: true, ..request.clone() };
        change::<ApplyResult>(cx, "/v1/apply", &asking).await?;
    }
    // A plan is used up by being applied, whatever is left to do.
    if args.dry_run || (found.changes.is_empty() && args.plan.is_none() && request.origin.is_none()) {
        if args.output == TextOrJson::Json {
            machine::json(&mut cx.out, &show::diff::machine(&show::diff::Compared::stored(&found))?)?;
        }
        if args.dry_run {
            cx.hint("dry run: nothing was stored");
        }
        return wait(cx, &args, &set, &found).await;
    }
    if !found.changes.is_empty() {
        confirm(cx, &args, &found).await?;
    }
    let done: ApplyResult = change(cx, "/v1/apply", &request).await.map_err(stale)?;
    match args.output {
        TextOrJson::Text if found.changes.is_empty() => {}
        TextOrJson::Text => cx.out.lines(&show::diff::applied(&done, cx.style)),
        TextOrJson::Json => machine::json(&mut cx.out, &show::diff::machine(&show::diff::Compared::stored(&done))?)?,
    }
    told_from(cx, &request, &done);
    wait(cx, &args, &set, &done).await
}

/// What is applied: files as they are, which are still to be composed, or as a plan has saved them.
fn request(args: &Apply) -> Outcome<(ApplyRequest, Loaded)> {
    if let Some(path) = &args.plan {
        let PlanFile { plan, files, prune, allow_empty, origin, .. } = saved(path)?;
        let loaded = together(&files);
        let request = ApplyRequest { files, prune, allow_empty, origin, plan: Some(plan), ..ApplyRequest::default() };
        return Ok((request, loaded));
    }
    let loaded = diff::read(&args.sources, &args.pruning)?;
    let (prune, allow_empty) = (args.pruning.prune, args.pruning.allow_empty.clone());
    Ok((ApplyRequest { prune, allow_empty, ..ApplyRequest::default() }, loaded))
}

/// Reads a saved plan. Whether it is genuine is for the controller to say.
fn saved(path: &Path) -> Outcome<PlanFile> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| Failure::new(Exit::Malformed, format!("{shown}: {error}"));
    let no_plan = |why: String| {
        Failure::new(Exit::Malformed, format!("{shown} is not a saved plan: {why}"))
            .help(format!("manifests are named with -f: standin apply -f {shown}"))
            .help("a plan is made with: standin diff --out plan.json")
    };
    if path.is_dir() {
        return Err(no_plan("it is a directory".to_owned()));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let read = file.take(PLAN_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| no_plan(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| no_plan(error.to_string()))?;
    let schema = value.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default();
    if schema != PLAN_SCHEMA {
        let is_plan = schema.starts_with("standin.plan/");
        return Err(match is_plan {
            true => Failure::new(Exit::Malformed, format!("{shown} is a plan of another release: {schema}"))
                .fact(format!("this one reads {PLAN_SCHEMA}"))
                .help("apply it with the release that made it, or plan again: standin diff --out plan.json"),
            false => no_plan("it does not say so in its `schema`".to_owned()),
        });
    }
    serde_json::from_value(value).map_err(|error| no_plan(error.to_string()))
}

/// Says which commit this was, where there is one.
fn told_from(cx: &Context, request: &ApplyRequest, done: &ApplyResult) {
    let Some(origin) = request.origin.as_ref().filter(|_| !done.changes.is_empty()) else { return };
    let Some(commit) = &origin.commit else { return };
    let state = if origin.local_changes { "+ local changes" } else { "(clean)" };
    cx.hint(&format!("Applied from commit {} {state}.", commit.get(..7).unwrap_or(commit)));
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
    let changed = result.changes.iter().filter(|change| change.kind == Kind::Scenario && !change.removed);
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
