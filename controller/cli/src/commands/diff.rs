//! `standin diff`: what an apply would change, and what that leads to.

use crate::{
    context::Context,
    exit::{Exit, Failure, Outcome},
    files::{Sources, composed, look, pairs},
    origin,
    output::{machine, stream::say},
    show::{
        self,
        diff::{Compared, machine as as_machine},
    },
    states::{Repository, State},
};
use manifest::{
    Loaded, Set, Surroundings,
    diff::{Sided, between},
    render,
};
use model::{HostName, PlanName, ScenarioName};
use std::path::{Path, PathBuf};
use wire::api::{
    ApplyRequest, ApplyResult, DIFF_SCHEMA, List, ObjectName, PLAN_SCHEMA, PlanFile, StoredHost, StoredPlan,
    StoredScenario,
};

/// Show what an apply would change and what each change leads to
#[derive(Debug, clap::Args)]
#[command(before_help = "Examples:
  standin diff -f scenarios/                 exit 0: nothing to do, 1: changes
  standin diff --overlay production
  standin diff --out plan.json               and later: standin apply plan.json
  standin diff --base main --format md       between two git states, without a controller

The effect of each change: live, restart (replication starts anew), resync (data is copied), DESTROYS.")]
pub struct Diff {
    #[command(flatten)]
    pub sources: Sources,
    #[command(flatten)]
    pruning: Pruning,
    /// Compare with this branch, tag or commit instead of asking the controller
    #[arg(long, value_name = "REF", allow_hyphen_values = true)]
    base: Option<String>,
    /// Compare that with this one instead of the working tree
    #[arg(long, value_name = "REF", requires = "base", allow_hyphen_values = true)]
    head: Option<String>,
    /// Save a plan of this: `standin apply FILE` accepts it once, while nothing it rests on has moved
    #[arg(long, value_name = "FILE", conflicts_with = "base")]
    out: Option<PathBuf>,
    /// Only what the changes lead to
    #[arg(long)]
    effect_only: bool,
    /// text, md (a comment on a pull request) or json
    #[arg(short = 'o', long, alias = "output", value_enum, default_value = "text", hide_possible_values = true)]
    format: Format,
    /// Exit 0 where there are changes; other failures stay failures
    #[arg(long)]
    exit_zero: bool,
}

/// What may go that is not in the set, the same for `diff` and `apply`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Pruning {
    /// Take away what the same project applied before and that is not in the files any more
    #[arg(long)]
    pub prune: bool,
    /// The project, where it is not the directory in its git repository
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// With --prune: this project is meant to have no object left
    #[arg(long, value_name = "PROJECT", requires = "prune")]
    pub allow_empty: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Md,
    Json,
}

pub async fn run(cx: &mut Context, args: &Diff) -> Outcome {
    if args.effect_only && args.format == Format::Json {
        return Err(Failure::new(
            Exit::Malformed,
            "--effect-only is for text and md; the JSON has an effect for each field",
        ));
    }
    let (result, labels) = match &args.base {
        Some(base) => offline(cx, args, base)?,
        None => (stored(cx, args).await?, None),
    };
    let between = labels.as_ref().map(|(base, head)| (base.as_str(), head.as_str()));
    let compared = Compared { result: &result, between, effect_only: args.effect_only };
    match args.format {
        Format::Json => machine::json(&mut cx.out, &as_machine(&compared)?)?,
        Format::Md => cx.out.lines(&show::markdown::lines(&compared)),
        Format::Text => cx.out.lines(&show::diff::lines(&compared, cx.style)),
    }
    Ok(if result.changes.is_empty() || args.exit_zero { Exit::Done } else { Exit::No })
}

async fn stored(cx: &mut Context, args: &Diff) -> Outcome<ApplyResult> {
    let loaded = read(&args.sources, &args.pruning)?;
    let set = check(cx, &loaded, Exit::Malformed).await?;
    let files = composed(&loaded, &set);
    let origin = origin::of(&args.sources, &files, args.pruning.project.as_deref());
    let request = ApplyRequest {
        files,
        prune: args.pruning.prune,
        allow_empty: args.pruning.allow_empty.clone(),
        origin,
        make_plan: args.out.is_some(),
        ..ApplyRequest::default()
    };
    let mut result = ask(cx, request.clone()).await.map_err(|failure| match failure.exit {
        // 1 says that there are differences, and nothing else.
        Exit::No => Failure { exit: Exit::Malformed, ..failure },
        _ => failure,
    })?;
    if let Some((path, plan)) = args.out.as_ref().zip(result.plan.take()) {
        let ApplyRequest { files, prune, allow_empty, origin, .. } = request;
        let file = PlanFile { schema: PLAN_SCHEMA.to_owned(), plan, files, prune, allow_empty, origin };
        save(path, &file)?;
        cx.hint(&format!("saved; to apply just this: standin apply {}", path.display()));
    }
    Ok(result)
}

/// Reads the files. A directory with no manifest left is a set only where that is said to be meant.
pub fn read(sources: &Sources, pruning: &Pruning) -> Outcome<Loaded> {
    let directories = sources.given().iter().all(|given| Path::new(given).is_dir());
    match sources.load() {
        Err(failure) if pruning.allow_empty.is_some() && directories => {
            let nothing = failure.obstacles.iter().all(|obstacle| obstacle.message.starts_with("no manifest found"));
            if nothing { Ok(Loaded::default()) } else { Err(failure) }
        }
        other => other,
    }
}

/// Writes a plan beside its place and moves it there: nobody reads half of one. Only another plan is replaced.
fn save(path: &Path, plan: &PlanFile) -> Outcome<()> {
    if let Ok(before) = std::fs::read_to_string(path)
        && !before.contains(PLAN_SCHEMA)
    {
        let failure = Failure::new(Exit::Malformed, format!("{} is there already and is no plan", path.display()));
        return Err(failure.fact("nothing was written").help("name another file: --out plan.json"));
    }
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Malformed, format!("{}: the plan cannot be saved: {error}", path.display()))
    };
    let text = format!("{:#}\n", machine::value(plan)?);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error)).map(drop)
}

/// Two states of the repository, read with the same code, without a controller.
fn offline(cx: &Context, args: &Diff, base: &str) -> Outcome<(ApplyResult, Option<(String, String)>)> {
    if args.pruning.allow_empty.is_some() || args.pruning.project.is_some() {
        return Err(Failure::new(
            Exit::Malformed,
            "--project and --allow-empty are for the controller, not for --base",
        ));
    }
    let repository = Repository::of(&args.sources)?;
    let before = repository.base(base)?;
    let after = match &args.head {
        Some(head) => repository.head(head)?,
        None => repository.working_tree(&args.sources)?,
    };
    if before.loaded.files.is_empty() && after.loaded.files.is_empty() {
        let failure = Failure::new(
            Exit::Malformed,
            format!("no manifest found, neither at {} nor in {}", before.label, after.label),
        );
        return Err(failure.help("name a file or a directory with *.yaml or *.yml files: -f PATH"));
    }
    if repository.is_behind(base, args.head.as_deref().unwrap_or("HEAD")) {
        cx.hint(&format!(
            "note: {base} has commits that are missing here; they are shown as taken back. To compare with the common \
             ancestor: --base $(git merge-base {base} {})",
            args.head.as_deref().unwrap_or("HEAD")
        ));
    }
    if let Some(overlay) = &before.without {
        say(&format!("warning: {} has no overlay {overlay}; it is compared as it is without one", before.label));
    }
    let old = whole(cx, &before, Exit::Done)?;
    let new = whole(cx, &after, Exit::Malformed)?;
    let result = compared(&(old, &before), &(new, &after), args.pruning.prune);
    Ok((result, Some((before.label, after.label))))
}

/// Reads a state. What is wrong in it is shown, and ends the command unless `exit` is 0: what is compared with may
/// be the very mistake that is mended.
fn whole(cx: &Context, state: &State, exit: Exit) -> Outcome<Set> {
    let named = pairs(&state.loaded);
    let set = look(&state.loaded, &Surroundings::default());
    if !set.has_errors() {
        return Ok(set);
    }
    say(render::render_full(&set.findings, named, cx.talk.color, cx.talk.ascii).trim_end());
    let message = format!("the manifests in {} have errors", state.label);
    if exit == Exit::Done {
        say(&format!("warning: {message}; what is wrong there is compared as if it were missing"));
        return Ok(set);
    }
    Err(Failure::new(exit, message).fact(render::summary(&set).lines().next().unwrap_or_default()))
}

fn compared(before: &(Set, &State), after: &(Set, &State), prune: bool) -> ApplyResult {
    fn sides<'a>((set, state): &'a (Set, &State)) -> Vec<Sided<'a>> {
        let file = |at: usize| state.loaded.files.get(at).map_or("", |(path, _)| path.as_str());
        set.objects.iter().map(|located| Sided { object: &located.object, file: file(located.file) }).collect()
    }
    let (changes, unchanged) = between(&sides(before), &sides(after), prune);
    let named = |side: &Sided<'_>| ObjectName { kind: side.object.kind(), name: side.object.name().to_owned() };
    ApplyResult {
        schema: DIFF_SCHEMA.to_owned(),
        changes,
        unchanged: unchanged.len(),
        unchanged_objects: unchanged.iter().map(named).collect(),
        ..ApplyResult::default()
    }
}

/// Asks what would change. Nothing is changed by asking, even when the answer is lost.
pub async fn ask(cx: &Context, request: ApplyRequest) -> Outcome<ApplyResult> {
    cx.client.post("/v1/diff", &request).await.map_err(|failure| match failure.exit {
        Exit::Pending => Failure { exit: Exit::NoAnswer, ..failure }.fact("nothing was changed"),
        _ => failure,
    })
}

/// Reads a set beside what the controller stores. Scenarios and plans are asked for only when the set misses some.
async fn read_beside_stored(cx: &Context, loaded: &Loaded) -> Outcome<Set> {
    let hosts: List<StoredHost> = cx.client.get("/v1/hosts").await?;
    let known_hosts = hosts.items.into_iter().map(|host| HostName(host.metadata.name)).collect();
    let mut surroundings = Surroundings { known_hosts, ..Surroundings::default() };
    let set = look(loaded, &surroundings);
    if !set.findings.iter().any(|finding| finding.code == "DR0230") {
        return Ok(set);
    }
    let scenarios: List<StoredScenario> = cx.client.get("/v1/scenarios").await?;
    let plans: List<StoredPlan> = cx.client.get("/v1/plans").await?;
    surroundings.known_scenarios = scenarios.items.into_iter().map(|item| ScenarioName(item.metadata.name)).collect();
    surroundings.known_plans = plans.items.into_iter().map(|item| PlanName(item.metadata.name)).collect();
    Ok(look(loaded, &surroundings))
}

/// Shows every mistake as `validate` does, with what the controller knows; a set with errors is not sent.
pub async fn check(cx: &mut Context, loaded: &Loaded, exit: Exit) -> Outcome<Set> {
    let named = pairs(loaded);
    let set = read_beside_stored(cx, loaded).await?;
    if !set.findings.is_empty() {
        say(render::render_full(&set.findings, named, cx.talk.color, cx.talk.ascii).trim_end());
    }
    if !set.has_errors() {
        return Ok(set);
    }
    let failure = Failure::new(exit, "the manifests have errors, nothing was changed");
    Err(failure.fact(render::summary(&set).lines().next().unwrap_or_default()))
}
