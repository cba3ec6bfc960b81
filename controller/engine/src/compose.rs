//! Git says the settings, runs say the roles: one derived answer for each host.

use crate::settings::Settings;
use model::{
    Assignment, Direction, Epoch, ErrandId, HostName, Ledger, Member, MemberName, Role, RootName, ScenarioSpec, Stream,
    elements::{preserve::Loss, roots::Root},
    errand::Work,
};
use std::collections::{BTreeMap, BTreeSet};

/// The ledger of a scenario that was never moved: the primary is active and serves.
pub fn first_ledger(spec: &ScenarioSpec) -> Ledger {
    let primary = MemberName::primary();
    let member = |name: &MemberName| match name.is_primary() {
        true => Member { role: Role::Active, ..Member::default() },
        false => Member { upstream: Some(MemberName::primary()), ..Member::default() },
    };
    Ledger {
        revision: 1,
        epoch: Epoch(1),
        members: spec.members().map(|(name, _)| (name.clone(), member(&name))).collect(),
        serving: Some(primary.clone()),
        redirected: spec.redirection.iter().map(|point| (point.name.clone(), primary.clone())).collect(),
        lineage: [(Epoch(1), primary)].into(),
        ..Ledger::default()
    }
}

/// The member at the root of the streams: the active one or, while none is, the last that was.
pub fn head(ledger: &Ledger) -> Option<&MemberName> {
    ledger.active().or_else(|| ledger.lineage.values().next_back())
}

/// Where the changes of `member` come from. A member the ledger does not know yet follows the head.
pub fn upstream<'a>(ledger: &'a Ledger, member: &MemberName) -> Option<&'a MemberName> {
    let source = match ledger.members.get(member) {
        Some(known) if known.role == Role::Standby => known.upstream.as_ref()?,
        Some(_) => return None,
        None => head(ledger)?,
    };
    let flows = match ledger.role(source) {
        Role::Active => true,
        // Until its successor is promoted, a fenced member sends what it captured before.
        Role::Fenced => ledger.active().is_none(),
        Role::Standby => false,
    };
    (flows && source != member).then_some(source)
}

/// What each host should be.
pub fn compose(settings: &Settings<'_>, ledger: &Ledger) -> BTreeMap<HostName, Assignment> {
    settings.spec.members().map(|(member, host)| (host.clone(), assignment(settings, ledger, member))).collect()
}

fn assignment(settings: &Settings<'_>, ledger: &Ledger, member: MemberName) -> Assignment {
    let role = ledger.role(&member);
    Assignment {
        generation: settings.generation,
        ledger_revision: ledger.revision,
        epoch: ledger.epoch,
        role,
        suspended: ledger.suspended.is_some(),
        roots: in_order_of_names(settings.spec.roots_of(&member)),
        spool: settings.spec.spool_of(&member),
        replication: settings.spec.replication.clone(),
        synchronization: settings.spec.synchronization.clone(),
        mass_change: settings.spec.mass_change.clone(),
        monitoring: settings.spec.monitoring.clone(),
        services: settings.spec.services.clone(),
        serving: role == Role::Active && ledger.serving.as_ref() == Some(&member),
        streams: streams(settings, ledger, &member),
        errands: errands(ledger, &member),
        member,
    }
}

/// A root that only moved in its list is no other root: agents know roots by their place.
fn in_order_of_names(mut roots: Vec<Root>) -> Vec<Root> {
    roots.sort_by(|a, b| a.name.cmp(&b.name));
    roots
}

fn errands(ledger: &Ledger, member: &MemberName) -> BTreeMap<ErrandId, Work> {
    let own = ledger.errands.iter().filter(|(_, errand)| errand.member == *member);
    own.map(|(id, errand)| (id.clone(), errand.work.clone())).collect()
}

/// The edges at which `member` is one end, in manifest order.
fn streams(settings: &Settings<'_>, ledger: &Ledger, member: &MemberName) -> Vec<Stream> {
    if ledger.suspended.is_some() {
        return Vec::new();
    }
    let edges = settings.spec.members().filter_map(|(target, _)| Some((upstream(ledger, &target)?.clone(), target)));
    edges.filter_map(|(source, target)| stream(settings, ledger, member, source, target)).collect()
}

fn stream(
    settings: &Settings<'_>,
    ledger: &Ledger,
    member: &MemberName,
    source: MemberName,
    target: MemberName,
) -> Option<Stream> {
    let direction = match (source == *member, target == *member) {
        (true, _) => Direction::Out,
        (_, true) => Direction::In,
        _ => return None,
    };
    let peer = if direction == Direction::Out { &target } else { &source };
    let peer_host = settings.spec.host_of(peer)?;
    let target_host = settings.spec.host_of(&target)?;
    Some(Stream {
        direction,
        peer_host: peer_host.clone(),
        peer_key: settings.keys.get(peer_host).cloned(),
        address: settings.hosts.get(target_host).map(|host| host.replication_endpoint()).unwrap_or_default(),
        epoch: ledger.epoch,
        lossy: lossy(settings, &target),
        set_aside: ledger.members.get(&target).and_then(|m| m.divergence).map(|divergence| divergence.since),
        source,
        target,
    })
}

/// What the roots of a target may be without.
fn lossy(settings: &Settings<'_>, target: &MemberName) -> BTreeMap<RootName, BTreeSet<Loss>> {
    let roots = settings.spec.roots_of(target).into_iter().filter(|root| !root.lossy.is_empty());
    roots.map(|root| (root.name, root.lossy)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Toy;
    use model::elements::roots::ReplicaRoot;

    #[test]
    fn both_ends_of_a_stream_are_told_the_same() {
        let toy = Toy::three_hosts();
        let parts = compose(&toy.settings(), &toy.ledger);
        let (out, inward) = (&parts[&"mx1".into()].streams, &parts[&"mx2".into()].streams);
        assert_eq!((out.len(), inward.len()), (2, 1));
        assert_eq!(out[0].id(), inward[0].id());
        assert_eq!((&out[0].address, out[0].epoch), (&inward[0].address, inward[0].epoch));
        assert_eq!(out[0].peer_key.as_deref(), Some("key-of-mx2"));
        assert_eq!(inward[0].peer_key.as_deref(), Some("key-of-mx1"));
    }

    #[test]
    fn a_replica_the_ledger_does_not_know_follows_the_active() {
        let mut toy = Toy::three_hosts();
        toy.ledger.members.remove(&MemberName::from("oslo"));
        let parts = compose(&toy.settings(), &toy.ledger);
        assert_eq!(parts[&"mx3".into()].role, Role::Standby);
        assert_eq!(parts[&"mx3".into()].streams[0].source, MemberName::primary());
    }

    #[test]
    fn the_order_of_roots_in_the_manifest_does_not_matter() {
        let mut toy = Toy::three_hosts();
        for name in ["b", "a"] {
            let path = format!("/srv/{name}");
            toy.spec.primary.roots.push(Root { name: name.into(), path: path.clone(), ..Root::default() });
            let at_replica = |replica: &mut model::scenario::Replica| {
                replica.roots.push(ReplicaRoot { name: name.into(), path: path.clone(), ..ReplicaRoot::default() });
            };
            toy.spec.replicas.iter_mut().for_each(at_replica);
        }
        let before = compose(&toy.settings(), &toy.ledger);
        toy.spec.primary.roots.reverse();
        assert_eq!(compose(&toy.settings(), &toy.ledger), before);
    }

    #[test]
    fn a_fenced_source_sends_until_its_successor_is_promoted() {
        let mut toy = Toy::two_hosts();
        toy.ledger.members.get_mut(&MemberName::primary()).unwrap().role = Role::Fenced;
        let parts = compose(&toy.settings(), &toy.ledger);
        assert_eq!(parts[&"mx1".into()].streams.len(), 1);
        assert!(!parts[&"mx1".into()].serving, "a fenced member never serves, whatever the ledger says");
        toy.ledger.members.get_mut(&MemberName::from("dublin")).unwrap().role = Role::Active;
        assert!(compose(&toy.settings(), &toy.ledger).values().all(|part| part.streams.is_empty()));
    }

    #[test]
    fn suspended_means_no_streams_and_the_same_roles() {
        let mut toy = Toy::two_hosts();
        let before = compose(&toy.settings(), &toy.ledger);
        toy.ledger.suspended = Some(model::ledger::Suspended { reason: "disk".into(), by: "ben".into() });
        for (host, part) in compose(&toy.settings(), &toy.ledger) {
            assert!(part.suspended && part.streams.is_empty());
            assert_eq!((part.role, part.serving), (before[&host].role, before[&host].serving));
        }
    }
}
