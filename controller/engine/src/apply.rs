//! What an apply may not take away while roles rest on it.

use model::{Ledger, MemberName, Role, ScenarioSpec};

/// Tells whether the new settings may replace the old ones: a member that holds a role other than idle standby, or
/// takes part in a run, is neither removed nor renamed nor moved to another host.
///
/// **Errors** with the reason in words.
pub fn may_apply(old: &ScenarioSpec, new: &ScenarioSpec, ledger: &Ledger, run_active: bool) -> Result<(), String> {
    for (member, host) in old.members() {
        let change = match new.host_of(&member) {
            Some(same) if same == host => continue,
            Some(other) => format!("{member} cannot move from {host} to {other}"),
            None => format!("{member} on {host} cannot be removed or renamed"),
        };
        if let Some(reason) = busy_with(&member, old, ledger, run_active) {
            return Err(format!("{change}: it {reason}"));
        }
    }
    Ok(())
}

/// What a member does that ties it to its name and host. Where a point that is gone sent clients is nobody's business.
fn busy_with(member: &MemberName, spec: &ScenarioSpec, ledger: &Ledger, run_active: bool) -> Option<&'static str> {
    let known = ledger.members.get(member);
    if run_active {
        return Some("takes part in a run");
    }
    match ledger.role(member) {
        Role::Active => return Some("is active"),
        Role::Fenced => return Some("is fenced and may hold changes that nobody else has"),
        Role::Standby => {}
    }
    if known.and_then(|known| known.divergence).is_some_and(|divergence| !divergence.drained) {
        return Some("holds changes that were set aside");
    }
    let mut points = spec.redirection.iter().map(|point| &point.name);
    if points.any(|point| ledger.redirected.get(point) == Some(member)) {
        return Some("still has clients");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::may_apply;
    use crate::toy::Toy;
    use model::{MemberName, Role, ScenarioSpec};

    #[test]
    fn an_idle_standby_may_go_and_nobody_else() {
        let toy = Toy::three_hosts();
        let mut new = toy.spec.clone();
        new.replicas.retain(|replica| replica.name.as_str() != "oslo");
        assert_eq!(may_apply(&toy.spec, &new, &toy.ledger, false), Ok(()));
        assert!(may_apply(&toy.spec, &new, &toy.ledger, true).unwrap_err().contains("takes part in a run"));
        let mut moved = toy.spec.clone();
        moved.primary.host = "mx9".into();
        assert!(may_apply(&toy.spec, &moved, &toy.ledger, false).unwrap_err().contains("is active"));
        let mut ledger = toy.ledger.clone();
        ledger.members.get_mut(&MemberName::from("oslo")).unwrap().role = Role::Fenced;
        assert!(may_apply(&toy.spec, &new, &ledger, false).is_err());
    }

    #[test]
    fn clients_of_a_point_that_is_gone_hold_nobody() {
        let mut toy = Toy::three_hosts();
        toy.ledger.redirected.insert("forwarder".into(), "oslo".into());
        let without_oslo = |spec: &ScenarioSpec| {
            let mut new = spec.clone();
            new.replicas.retain(|replica| replica.name.as_str() != "oslo");
            new
        };
        assert!(may_apply(&toy.spec, &without_oslo(&toy.spec), &toy.ledger, false).unwrap_err().contains("clients"));
        toy.spec.redirection.clear();
        assert_eq!(may_apply(&toy.spec, &without_oslo(&toy.spec), &toy.ledger, false), Ok(()));
    }
}
