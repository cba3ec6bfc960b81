//! What stops an apply although the manifests are right.

use super::compare::Compared;
use crate::{http::Refusal, reconcile::Board};
use model::{Kind, Object, ScenarioName};
use wire::api::{Effect, ObjectChange};

/// Refuses what would take away a member that holds a role or takes part in a run.
pub fn ensure_applicable(board: &Board, compared: &Compared) -> Result<(), Refusal> {
    let mut reasons = Vec::new();
    for (new, stored) in &compared.objects {
        let (Object::Scenario(meta, new), Some(Object::Scenario(_, old))) = (new, stored) else { continue };
        let name = ScenarioName::from(meta.name.as_str());
        let Some(entry) = board.scenarios.get(&name) else { continue };
        // A run goes by the settings it has pinned; those are what its members are taken from.
        let old = entry.run.as_ref().map_or(old, |run| &run.spec);
        if let Err(reason) = engine::may_apply(old, new, &entry.stored.ledger, entry.run.is_some()) {
            reasons.push(format!("{name}: {reason}"));
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let refusal = Refusal::refused("this apply would disturb a role or a run; nothing was applied");
    Err(reasons.into_iter().fold(refusal, Refusal::fact))
}

/// Refuses to give up replicated data that was not named.
pub fn ensure_accepted(compared: &Compared, accepted: &[String]) -> Result<(), Refusal> {
    let given_up = compared.result.changes.iter().flat_map(given_up);
    let missing: Vec<String> = given_up.filter(|name| !accepted.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut refusal = Refusal::refused("this apply gives up protected copies; nothing was applied");
    for name in &missing {
        refusal = refusal.fact(format!("{name} would be given up")).help(format!("accept it: --allow-destroy {name}"));
    }
    Err(refusal)
}

/// What a change gives up, as `--allow-destroy` names it.
fn given_up(change: &ObjectChange) -> impl Iterator<Item = String> + '_ {
    let destroying = change.fields.iter().filter(|field| field.effect == Effect::Destroys);
    destroying.map(move |field| {
        let kind = match change.kind {
            Kind::Host => "host",
            Kind::Scenario => "scenario",
            Kind::RecoveryPlan => "plan",
        };
        format!("{kind}/{}/{}", change.name, part(&field.path))
    })
}

/// `spec.replicas[-dublin]` as `replica/dublin`, `spec.replicas[dublin].roots[-archive]` as `root/archive`.
fn part(path: &str) -> String {
    let removed = path.rsplit_once("[-").and_then(|(list, rest)| Some((list, rest.strip_suffix(']')?)));
    match removed {
        Some((list, name)) if list.ends_with("replicas") => format!("replica/{name}"),
        Some((list, name)) if list.ends_with("roots") => format!("root/{name}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn what_is_given_up_has_a_short_name() {
        assert_eq!(part("spec.replicas[-dublin]"), "replica/dublin");
        assert_eq!(part("spec.replicas[dublin].roots[-archive]"), "root/archive");
        assert_eq!(part("spec.primary.roots[-archive]"), "root/archive");
        assert_eq!(part("spec.something"), "spec.something");
    }
}
