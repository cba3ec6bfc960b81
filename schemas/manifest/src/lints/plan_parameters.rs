//! A parameter that is not there, is not used, or cannot be what it is used for.

use super::{Item, Lint, World};
use crate::{escape::quoted, finding::Finding, suggest};
use model::{
    RecoveryPlanSpec,
    recovery_plan::{Parameter, ParameterKind},
};
use std::collections::BTreeSet;

pub const LINT: Lint = Lint { code: "DR0232", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    for (item, plan) in world.plans() {
        let used = uses(item, plan, findings);
        for (n, parameter) in plan.parameters.iter().enumerate() {
            findings.extend(declared(item, n, parameter, &used));
        }
    }
}

/// Looks at each use; answers the names that are used.
fn uses<'a>(item: &Item, plan: &'a RecoveryPlanSpec, findings: &mut Vec<Finding>) -> BTreeSet<&'a str> {
    let mut used = BTreeSet::new();
    for (n, step) in plan.steps.iter().enumerate() {
        for (field, value, kinds) in step.values() {
            let Some(name) = value.parameter() else { continue };
            used.insert(name);
            let place = item.place(format!("/spec/steps/{n}{field}/fromParameter"));
            match plan.parameters.iter().position(|parameter| parameter.name == name) {
                None => {
                    let Some(finding) = place.error(LINT.code, format!("no parameter named {}", quoted(name))) else {
                        continue;
                    };
                    let known = plan.parameters.iter().map(|parameter| parameter.name.as_str());
                    findings.push(match (suggest::closest(name, known), place.span()) {
                        (Some(meant), Some(span)) => {
                            finding.label(format!("did you mean `{meant}`?")).fix(false, span, meant)
                        }
                        _ => finding.label("not among the `parameters` of this plan"),
                    });
                }
                Some(at) if !kinds.contains(&plan.parameters[at].kind) => {
                    let kind = plan.parameters[at].kind.as_str();
                    let finding = place.error(LINT.code, format!("{} is a {kind} parameter", quoted(name)));
                    let declared = item.place(format!("/spec/parameters/{at}/type"));
                    let wanted: Vec<&str> = kinds.iter().map(|kind| ParameterKind::as_str(*kind)).collect();
                    let label = format!("needs one of type {}", suggest::list(&wanted, "or"));
                    findings.extend(finding.map(|f| declared.as_context(f.label(label), "declared here")));
                }
                Some(_) => {}
            }
        }
    }
    used
}

fn declared(item: &Item, n: usize, parameter: &Parameter, used: &BTreeSet<&str>) -> Option<Finding> {
    let at = |field: &str| item.place(format!("/spec/parameters/{n}/{field}"));
    let name = quoted(&parameter.name);
    if !used.contains(parameter.name.as_str()) {
        let finding = at("name").error(LINT.code, format!("the parameter {name} is not used"))?;
        return Some(finding.label("no step has a value from it"));
    }
    match (parameter.required, &parameter.default) {
        (true, Some(_)) => {
            let finding = at("default").error(LINT.code, format!("the default of {name} is never used"))?;
            Some(at("required").as_context(finding.label("keep one of the two"), "it has to be given"))
        }
        (false, None) => {
            let finding = at("name").error(LINT.code, format!("{name} may be left out and has no default"))?;
            Some(finding.label("needs `required: true` or a `default`"))
        }
        _ => None,
    }
}
