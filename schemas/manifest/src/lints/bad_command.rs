//! A command that is not the plain name of a file in the agent's scripts directory.

use super::{Item, Lint, World};
use crate::{escape::quoted, finding::Finding};
use model::RecoveryPlanSpec;

pub const LINT: Lint = Lint { code: "DR0216", check };

fn check(world: &World<'_>, findings: &mut Vec<Finding>) {
    world.plans().for_each(|(item, spec)| plan(item, spec, findings));
    for (item, spec) in world.scenarios() {
        for (n, check) in spec.monitoring.checks.iter().enumerate() {
            let command = check.exec.iter().map(|exec| exec.command.as_slice());
            findings.extend(
                command.filter_map(|c| command_at(item, format!("/spec/monitoring/checks/{n}/exec/command"), c)),
            );
        }
        for (n, service) in spec.services.commands.iter().enumerate() {
            for (field, command) in [("start", &service.start), ("stop", &service.stop), ("check", &service.check)] {
                findings.extend(command_at(item, format!("/spec/services/commands/{n}/{field}"), command));
            }
        }
        for (n, point) in spec.redirection.iter().enumerate() {
            if let Some(script) = &point.script {
                let at = format!("/spec/redirection/{n}/script");
                findings.extend(command_at(item, format!("{at}/command"), &script.command));
                let check = Some(&script.check).filter(|check| !check.is_empty());
                findings.extend(check.and_then(|check| command_at(item, format!("{at}/check"), check)));
            }
        }
    }
}

/// Words of scripts in plans; what comes from a parameter is known only when a run is started.
fn plan(item: &Item, plan: &RecoveryPlanSpec, findings: &mut Vec<Finding>) {
    for (n, step) in plan.steps.iter().enumerate() {
        let scripts = [("run", step.run.as_ref()), ("undo/run", step.undo.as_ref().map(|undo| &undo.run))];
        for (at, script) in scripts.into_iter().filter_map(|(at, script)| Some((at, script?))) {
            let lists = [("command", &script.command), ("check", &script.check)];
            for (field, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
                let pointer = format!("/spec/steps/{n}/{at}/{field}");
                match words[0].literal() {
                    Some(name) => findings.extend(command_at(item, pointer, &[name.to_owned()])),
                    None => {
                        let finding =
                            item.place(format!("{pointer}/0")).error(LINT.code, "a script named by a parameter");
                        findings.extend(finding.map(|f| f.label("only its arguments may come from parameters")));
                    }
                }
            }
        }
    }
}

fn command_at(item: &Item, pointer: String, command: &[String]) -> Option<Finding> {
    let Some(name) = command.first() else {
        let finding = item.place(pointer).error(LINT.code, "a command without a name")?;
        return Some(finding.label("needs the name of a script"));
    };
    let why = wrong(name)?;
    let place = item.place(format!("{pointer}/0"));
    let finding = place.error(LINT.code, format!("{} is not the name of a script", quoted(name)))?.label(why);
    let base = name.rsplit('/').next().filter(|base| wrong(base).is_none() && name.contains('/'));
    let finding = finding.help("scripts are named, not pathed: they lie in the agent's scripts directory on the host");
    Some(match (base, place.span()) {
        (Some(base), Some(span)) => finding.help(format!("put it there and write `{base}`")).fix(false, span, base),
        _ => finding,
    })
}

fn wrong(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        n if n.contains('/') => Some("holds `/`"),
        n if n.starts_with('.') => Some("begins with `.`"),
        n if n.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Some("holds a space; arguments are items of their own")
        }
        n if n.len() > 255 => Some("is longer than a file name can be"),
        _ => None,
    }
}
