//! How much data a change concerns, as far as the active host has counted it. What is not known stays so.

use crate::{reconcile::Board, state::Seen};
use model::{
    HostName, Kind, ScenarioName,
    agent_status::RootStatus,
    change::{ObjectChange, Stake},
};
use std::collections::BTreeMap;

/// Fills in files and bytes of whatever is copied or given up.
pub fn fill(board: &Board, seen: &BTreeMap<HostName, Seen>, changes: &mut [ObjectChange]) {
    for change in changes.iter_mut().filter(|change| change.kind == Kind::Scenario) {
        let Some(roots) = counted(board, seen, &ScenarioName::from(change.name.as_str())) else { continue };
        // What an exclude matches is known to nobody before it is carried out.
        let stakes = change.fields.iter_mut().filter(|field| !field.path.ends_with(".exclude"));
        stakes.filter_map(|field| field.stake.as_mut()).for_each(|stake| measure(stake, roots));
    }
}

/// What the active host says of its roots now.
fn counted<'a>(board: &Board, seen: &'a BTreeMap<HostName, Seen>, name: &ScenarioName) -> Option<&'a [RootStatus]> {
    let entry = board.scenarios.get(name)?;
    let host = entry.in_force().1.host_of(entry.stored.ledger.active()?)?;
    let seen = seen.get(host).filter(|seen| seen.connected)?;
    Some(&seen.status.scenarios.get(name)?.roots)
}

fn measure(stake: &mut Stake, counted: &[RootStatus]) {
    let of = |amount: fn(&RootStatus) -> Option<u64>| -> Option<u64> {
        let each = stake.roots.iter().map(|name| counted.iter().find(|root| root.name == *name).and_then(amount));
        each.sum::<Option<u64>>().filter(|_| !stake.roots.is_empty())
    };
    (stake.files, stake.bytes) = (of(|root| root.files), of(|root| root.bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_nobody_has_counted_makes_the_whole_unknown() {
        let root = |name: &str, bytes| RootStatus { name: name.into(), bytes, files: Some(1), ..RootStatus::default() };
        let mut stake = Stake { roots: vec!["a".into(), "b".into()], ..Stake::default() };
        measure(&mut stake, &[root("a", Some(5)), root("b", Some(7))]);
        assert_eq!((stake.files, stake.bytes), (Some(2), Some(12)));
        measure(&mut stake, &[root("a", Some(5)), root("b", None)]);
        assert_eq!((stake.files, stake.bytes), (Some(2), None));
        measure(&mut stake, &[root("a", Some(5))]);
        assert_eq!((stake.files, stake.bytes), (None, None), "never 0");
    }
}
