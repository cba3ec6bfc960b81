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
        if let Some(reason) = busy_with(&member, ledger, run_active) {
            return Err(format!("{change}: it {reason}"));
        }
    }
    Ok(())
}

/// What a member does that ties it to its name and host.
fn busy_with(member: &MemberName, ledger: &Ledger, run_active: bool) -> Option<&'static str> {
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
    if ledger.redirected.values().any(|to| to == member) {
        return Some("still has clients");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::may_apply;
    use crate::toy::Toy;
    use model::{MemberName, Role};

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
}
