//! Whose divergence is over.

use crate::{
    compose::upstream,
    settings::{Observed, Settings},
};
use model::{HostName, Ledger, MemberName, agent_status::TargetState};

/// Members that hold what the active has now, so that nothing of theirs has to be set aside any more.
///
/// What differed was set aside when they began to follow this lineage. The home primary keeps a divergence that was
/// not drained until it is promoted: a person has yet to say what becomes of it.
pub(super) fn settled(settings: &Settings<'_>, ledger: &Ledger, observed: &Observed) -> Vec<MemberName> {
    let Some(active) = ledger.active().and_then(|active| settings.place(active)) else { return Vec::new() };
    let Some(source) = observed.fresh(settings.scenario, &active.host).and_then(|report| report.source.as_ref()) else {
        return Vec::new();
    };
    let current = |host: &HostName| {
        let target = observed.fresh(settings.scenario, host)?.target.as_ref()?;
        let same = target.lineage.as_deref() == Some(source.lineage.as_str()) && target.source == active.member;
        (same && target.state == TargetState::Synced).then_some(())
    };
    let over = |member: &MemberName| {
        let divergence = ledger.members.get(member)?.divergence?;
        let kept = member.is_primary() && !divergence.drained;
        (!kept && upstream(ledger, member) == Some(&active.member)).then_some(())
    };
    let places = settings.places().into_iter();
    let found = places.filter(|place| over(&place.member).is_some() && current(&place.host).is_some());
    found.map(|place| place.member).collect()
}
