//! What stops an apply although the manifests are right.

use super::{compare::Compared, remove};
use crate::{http::Refusal, hub::Hub, reconcile::Board};
use model::{Object, ScenarioName};
use wire::api::ApplyRequest;

/// Refuses what would take away a member that holds a role or takes part in a run.
pub fn ensure_applicable(hub: &Hub, board: &Board, compared: &Compared) -> Result<(), Refusal> {
    let mut reasons = Vec::new();
    for (written, stored) in &compared.objects {
        let Object::Scenario(meta, new) = &written.object else { continue };
        let name = ScenarioName::from(meta.name.as_str());
        let checked = match (stored, board.scenarios.get(&name), board.former.get(&name)) {
            (Some(Object::Scenario(_, old)), Some(entry), _) => {
                // A run goes by the settings it has pinned; those are what its members are taken from.
                let old = entry.run.as_ref().map_or(old, |run| &run.spec);
                engine::may_apply(old, new, &entry.stored.ledger, entry.run.is_some())
            }
            // One that was deleted comes back with its roles as they were.
            (None, _, Some(former)) => engine::may_apply(&former.spec, new, &former.stored.ledger, false)
                .map_err(|reason| format!("{reason} since before it was deleted; apply it under another name")),
            _ => Ok(()),
        };
        if let Err(reason) = checked {
            reasons.push(format!("{name}: {reason}"));
        }
    }
    if !reasons.is_empty() {
        let refusal = Refusal::refused("this apply would disturb a role or a run; nothing was applied");
        return Err(reasons.into_iter().fold(refusal, Refusal::fact));
    }
    remove::ensure_removable(hub, board, &compared.removed)
}

/// Refuses to give up protected data that was not named.
pub fn ensure_accepted(compared: &Compared, accepted: &[String]) -> Result<(), Refusal> {
    let given_up = compared.result.changes.iter().flat_map(|change| change.gives_up());
    let mut missing: Vec<&str> = given_up.filter(|item| !accepted.iter().any(|known| known == item)).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let mut refusal = Refusal::refused("this apply gives up protected copies; nothing was applied");
    for name in missing {
        refusal = refusal.fact(format!("{name} would be given up")).help(format!("accept it: --allow-destroy {name}"));
    }
    Err(refusal)
}

/// Refuses to take away what nobody can say belongs to the set, or everything at once because a directory was empty.
pub fn ensure_prunable(request: &ApplyRequest) -> Result<Option<&str>, Refusal> {
    if !request.prune {
        return Ok(None);
    }
    let project = request.origin.as_ref().and_then(|origin| origin.project.as_deref());
    let refusal = || {
        Refusal::malformed("--prune takes away what the same project applied before, and this set is of none")
            .help("run it on one directory inside a git repository, or say which project it is: --project NAME")
    };
    project.map(Some).ok_or_else(refusal)
}

/// Refuses a set of nothing that would take everything away.
pub fn ensure_not_emptied(request: &ApplyRequest, project: Option<&str>, compared: &Compared) -> Result<(), Refusal> {
    let empty = compared.objects.is_empty() && compared.same.is_empty();
    let accepted = request.allow_empty.as_deref() == project;
    let Some(project) = project.filter(|_| empty && !accepted && !compared.removed.is_empty()) else { return Ok(()) };
    let refusal =
        Refusal::refused("the set holds no object at all: everything of its project would go; nothing was applied");
    let named = |object: &Object| format!("{}/{} would go", object.kind(), object.name());
    let refusal = compared.removed.iter().map(named).fold(refusal, Refusal::fact);
    Err(refusal.help(format!("look at the directory first; if that is meant: --allow-empty {project}")))
}
