//! A RecoveryPlan before it is composed: whether it is for this, and what its parameters are.

use super::draft::Draft;
use crate::{settings::Recipe, text};
use model::{
    MemberName, RecoveryPlanSpec,
    plan_rules::missteps,
    recovery_plan::{Action, Given, Parameter, ParameterKind, Purpose},
};
use std::collections::BTreeMap;

/// The words that stand for a host by its role.
const ROLES: [&str; 3] = ["primary", "active", "target"];

/// A plan that may be composed.
pub(super) struct Ready {
    pub spec: RecoveryPlanSpec,
    /// Values of the parameters.
    pub values: BTreeMap<String, String>,
}

/// Takes up the plan that is to be followed, if one is, with every reason why it cannot be.
pub(super) fn prepare(draft: &mut Draft<'_>, purpose: Purpose) -> Option<Ready> {
    let options = draft.options;
    let Recipe { source, spec } = options.plan.as_ref()?;
    let (name, scenario) = (&source.name, draft.settings.scenario);
    if spec.scenario != *scenario {
        draft.block(format!("plan {name} is for {}, not for {scenario}", spec.scenario));
    }
    if spec.purpose != purpose {
        draft.block(format!("plan {name} is for a {}, not for a {purpose}", spec.purpose));
    }
    for misstep in missteps(spec, Some(draft.settings.spec)).into_iter().filter(|misstep| !misstep.warning) {
        let place = place(spec, &misstep.pointer);
        draft.block(format!("plan {name} cannot be run: {}", misstep.message)).facts =
            vec![format!("{place}: {}", misstep.label)];
    }
    let values = values(draft, spec);
    let ready = Ready { spec: spec.clone(), values };
    target(draft, &ready);
    Some(ready)
}

/// `/steps/3/setActive` as `step make-active, setActive`.
fn place(spec: &RecoveryPlanSpec, pointer: &str) -> String {
    let mut parts = pointer.split('/').skip(1);
    let step = parts.next().filter(|part| *part == "steps").and_then(|_| parts.next()?.parse::<usize>().ok());
    match step.and_then(|index| spec.steps.get(index)) {
        Some(step) => format!("step {}, {}", step.name, parts.collect::<Vec<_>>().join(".")),
        None => pointer.trim_start_matches('/').to_owned(),
    }
}

/// The value of each parameter: given, or by default.
fn values(draft: &mut Draft<'_>, spec: &RecoveryPlanSpec) -> BTreeMap<String, String> {
    let given = &draft.options.parameters;
    let known: Vec<&str> = spec.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
        let list = if known.is_empty() { "none".to_owned() } else { text::list(&known) };
        draft.block(format!("the plan has no parameter {name}")).facts = vec![format!("its parameters: {list}")];
    }
    let mut values = BTreeMap::new();
    for parameter in &spec.parameters {
        match given.get(&parameter.name).or(parameter.default.as_ref()) {
            Some(value) => {
                fits(draft, parameter, value);
                values.insert(parameter.name.clone(), value.clone());
            }
            None => {
                let about = parameter.description.clone();
                let blocker = draft.block(format!("the parameter {} is not given", parameter.name));
                blocker.facts = about.into_iter().collect();
                blocker.help = vec![format!("--set {}={}", parameter.name, parameter.kind.as_str().to_uppercase())];
            }
        }
    }
    values
}

/// A parameter that stands for a host or replica names one that there is.
fn fits(draft: &mut Draft<'_>, parameter: &Parameter, value: &str) {
    let places = draft.settings.places();
    let known: Vec<String> = match parameter.kind {
        ParameterKind::Text => return,
        ParameterKind::Host if ROLES.contains(&value) => return,
        ParameterKind::Replica if value == "target" => return,
        ParameterKind::Host => places.iter().map(|place| place.host.to_string()).collect(),
        ParameterKind::Replica => {
            let replicas = places.iter().filter(|place| !place.member.is_primary());
            replicas.map(|place| place.member.to_string()).collect()
        }
    };
    if !known.iter().any(|known| known == value) {
        let (scenario, kind) = (draft.settings.scenario, parameter.kind.as_str());
        draft.block(format!("{}={value}: {scenario} has no {kind} {value}", parameter.name)).facts =
            vec![format!("{kind}s: {}", text::list(&known))];
    }
}

/// The replica that the plan moves the work to, unless the person says which.
fn target(draft: &mut Draft<'_>, ready: &Ready) {
    let moved = ready.spec.steps.iter().find_map(|step| match step.action() {
        Some(Action::SetActive(to)) => to.replica.as_ref(),
        _ => None,
    });
    let Some(wanted) = moved.and_then(|given: &Given| given.value(&ready.values)).filter(|name| *name != "target")
    else {
        return;
    };
    let wanted = MemberName::from(wanted);
    match &draft.options.to {
        Some(to) if *to != wanted => {
            draft.block(format!("--to {to} is not where this plan goes")).facts =
                vec![format!("its setActive names {wanted}")];
        }
        _ => draft.to = Some(wanted),
    }
}
