//! Which RecoveryPlan a run follows.

use crate::{
    http::Refusal,
    reconcile::{Board, Entry},
};
use engine::{Options, Plan, Recipe};
use model::{
    PlanName,
    recovery_plan::{BUILT_IN, Purpose},
    view::{PlanSource, Verb},
};
use wire::api::{PlanManifest, RunRequest};

/// What a verb that can follow a plan is for.
fn purpose(verb: Verb) -> Option<Purpose> {
    match verb {
        Verb::Switchover => Some(Purpose::Switchover),
        Verb::Switchback => Some(Purpose::Switchback),
        _ => None,
    }
}

/// The plan that is asked for or, for a switchover, the one the scenario names; `None` for the built-in plan.
///
/// **Errors** when it is not there, or parameters are given that it does not have.
pub fn plan(board: &Board, entry: &Entry, request: &RunRequest) -> Result<Option<Recipe>, Refusal> {
    let (asked, verb) = (request.options.plan.as_ref(), request.verb);
    let own = entry.spec.switchover.plan.as_ref().filter(|_| verb == Verb::Switchover);
    let name = asked.or(own).filter(|name| name.as_str() != BUILT_IN);
    if name.is_some() && purpose(verb).is_none() {
        return Err(Refusal::malformed(format!("a {} follows no plan", verb.as_str())));
    }
    let recipe = name.map(|name| recipe(board, request, name)).transpose()?;
    let spec = recipe.as_ref().map(|recipe| &recipe.spec);
    let known: Vec<&str> = spec.iter().flat_map(|spec| &spec.parameters).map(|p| p.name.as_str()).collect();
    let mut given = request.options.parameters.keys();
    if let Some(stranger) = given.find(|name| !known.contains(&name.as_str())) {
        let what = recipe
            .as_ref()
            .map_or_else(|| "the built-in plan".to_owned(), |recipe| format!("plan {}", recipe.source.name));
        let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message = format!("{what} has no parameter {}", stranger.escape_debug());
        return Err(Refusal::malformed(message).fact(format!("its parameters: {list}")));
    }
    Ok(recipe)
}

fn recipe(board: &Board, request: &RunRequest, name: &PlanName) -> Result<Recipe, Refusal> {
    let Some((metadata, spec)) = board.plans.get(name) else {
        let scenario = &request.scenario;
        let fitting = board
            .plans
            .iter()
            .filter(|(_, (_, spec))| spec.scenario == *scenario && Some(spec.purpose) == purpose(request.verb));
        let names: Vec<&str> = fitting.map(|(name, _)| name.as_str()).collect();
        let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let refusal = Refusal::malformed(format!("there is no plan {}", name.as_str().escape_debug()));
        let verb = request.verb.as_str();
        return Err(refusal
            .fact(format!("plans for a {verb} of {scenario}: {list}"))
            .help(format!("--plan {BUILT_IN} follows the built-in plan")));
    };
    let source = PlanSource { name: name.clone(), generation: metadata.generation.unwrap_or(1) };
    Ok(Recipe { source, spec: spec.clone() })
}

/// Refuses to start another plan than the one that was shown.
pub fn ensure_plan(request: &RunRequest, plan: &Plan) -> Result<(), Refusal> {
    // Without a revision nothing was shown, so there is nothing to hold it to.
    if request.expect_revision.is_none() || request.expect_plan == plan.source {
        return Ok(());
    }
    let said = |source: &Option<PlanSource>| match source {
        Some(source) => format!("{}, generation {}", source.name, source.generation),
        None => "the built-in plan".to_owned(),
    };
    let (name, verb) = (&request.scenario, request.verb.as_str());
    Err(Refusal::conflict("the plan has changed since it was shown")
        .fact(format!("shown was {}; followed would be {} now", said(&request.expect_plan), said(&plan.source)))
        .help(format!("look again: standin plan show {name} --for {verb}")))
}

/// The plan that would be followed, as people write it.
pub fn as_manifest(entry: &Entry, request: &RunRequest, options: Options) -> Result<PlanManifest, Refusal> {
    if let Some(recipe) = options.plan {
        return Ok(PlanManifest { name: recipe.source.name, spec: recipe.spec });
    }
    let Some(purpose) = purpose(request.verb) else {
        let message = format!("a {} is not written as a manifest", request.verb.as_str());
        return Err(Refusal::malformed(message).fact("its steps depend on who is still alive"));
    };
    let (_, spec) = entry.in_force();
    let spec = engine::plan::builtin(purpose, &request.scenario, spec, !options.skip_drain);
    Ok(PlanManifest { name: PlanName::new(format!("{}-{purpose}", request.scenario)), spec })
}
