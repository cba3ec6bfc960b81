//! Decides whether a source that dials us may open its stream.

use model::{Assignment, Direction, Epoch, Role, Stream};
use replication::preserve::Preserve;
use wire::{
    access::{Call, Caller, allowed},
    control::{PROTOCOL, StreamHello},
    identity::{Peer, PeerRole},
};

/// Furthest an epoch heard from a peer may be ahead of our own; a larger one is not believed.
pub const EPOCH_AHEAD_MAX: u64 = 1 << 20;

/// What this host holds about the scenario of a greeting.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// `None` when the stored spec has no such scenario.
    pub assignment: Option<&'a Assignment>,
    /// The highest epoch stored.
    pub epoch: Epoch,
    pub confirmed: bool,
}

/// The answer to a greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept(Box<Stream>),
    Refuse {
        reason: String,
        /// Told to the peer. An agent of this installation may know it: all it can do with it is fence itself.
        epoch: Epoch,
        /// Set when a listed peer is ahead of us while we believe to be active: we fence ourselves.
        fence: Option<Epoch>,
    },
}

/// Compares a greeting with this host's own spec. Everything has to match: protocol, scenario, both members,
/// direction, the peer's host and key, and the epoch.
pub fn judge(hello: &StreamHello, peer: &Peer, held: Held<'_>) -> Verdict {
    let told = if peer.role == PeerRole::Agent { held.epoch } else { Epoch::default() };
    match find(hello, peer, held) {
        Ok(stream) => Verdict::Accept(Box::new(stream.clone())),
        Err(reason) => Verdict::Refuse { reason, epoch: told, fence: fence(hello, peer, held) },
    }
}

fn find<'a>(hello: &StreamHello, peer: &Peer, held: Held<'a>) -> Result<&'a Stream, String> {
    if hello.protocol != PROTOCOL {
        return Err(format!("protocol {} is not spoken here, {PROTOCOL} is", hello.protocol));
    }
    let assignment = held.assignment.ok_or("this host has no part in that scenario")?;
    let no_stream = || format!("this host takes no stream {}>{}", hello.source, hello.target);
    let same = |s: &&Stream| {
        s.direction == Direction::In
            && s.source == hello.source
            && s.target == hello.target
            && hello.target == assignment.member
    };
    let stream = assignment.streams.iter().find(same).ok_or_else(no_stream)?;
    if !allowed(Caller::of(Some(peer), &stream.peer_host), Call::Stream) {
        return Err(format!("only the agent of {} may open this stream", stream.peer_host));
    }
    if stream.peer_key.as_deref() != Some(peer.key.as_str()) {
        return Err(format!("this is not the key that {} joined with", stream.peer_host));
    }
    if !held.confirmed {
        return Err("this host rests until its controller has confirmed its role".to_owned());
    }
    if hello.epoch != held.epoch || stream.epoch != held.epoch || assignment.epoch != held.epoch {
        return Err(format!("epoch {} is not the one here, {}", hello.epoch, held.epoch));
    }
    let (theirs, ours) = (Preserve::of(&hello.replication), Preserve::of(&assignment.replication));
    if theirs != ours {
        return Err("the two ends are not told the same of what is preserved; one has not taken it up yet".to_owned());
    }
    Ok(stream)
}

fn fence(hello: &StreamHello, peer: &Peer, held: Held<'_>) -> Option<Epoch> {
    let assignment = held.assignment?;
    let listed = |s: &Stream| peer.is_agent(&s.peer_host) && s.peer_key.as_deref() == Some(peer.key.as_str());
    let ahead = hello.epoch > held.epoch && hello.epoch.0 - held.epoch.0 <= EPOCH_AHEAD_MAX;
    (assignment.role == Role::Active && ahead && assignment.streams.iter().any(listed)).then_some(hello.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::elements::{preserve::Aspect, replication::Replication};
    use std::collections::BTreeMap;

    fn peer() -> Peer {
        Peer { role: PeerRole::Agent, host: Some("mx1".into()), key: "k1".to_owned() }
    }

    fn hello() -> StreamHello {
        StreamHello {
            protocol: PROTOCOL,
            scenario: "mail".into(),
            source: "primary".into(),
            target: "dublin".into(),
            epoch: Epoch(5),
            replication: Replication::default(),
            features: Vec::new(),
        }
    }

    fn assignment() -> Assignment {
        let stream = Stream {
            direction: Direction::In,
            source: "primary".into(),
            target: "dublin".into(),
            peer_host: "mx1".into(),
            peer_key: Some("k1".to_owned()),
            address: "127.0.0.1:1".to_owned(),
            epoch: Epoch(5),
            set_aside: None,
            lossy: BTreeMap::new(),
        };
        Assignment { member: "dublin".into(), epoch: Epoch(5), streams: vec![stream], ..Assignment::default() }
    }

    fn verdict(hello: &StreamHello, peer: &Peer, assignment: Option<&Assignment>) -> Verdict {
        judge(hello, peer, Held { assignment, epoch: Epoch(5), confirmed: true })
    }

    fn refused(what: &str, verdict: Verdict) {
        assert!(matches!(verdict, Verdict::Refuse { fence: None, .. }), "{what}: {verdict:?}");
    }

    #[test]
    fn a_greeting_that_matches_is_accepted() {
        let assignment = assignment();
        let accepted = Verdict::Accept(Box::new(assignment.streams[0].clone()));
        assert_eq!(verdict(&hello(), &peer(), Some(&assignment)), accepted);
    }

    #[test]
    fn each_field_of_the_greeting_alone_makes_it_refused() {
        let given = assignment();
        let bare = Replication { preserve: [Aspect::Ownership].into(), ..Replication::default() };
        let wrong: [(&str, StreamHello); 6] = [
            ("what is preserved", StreamHello { replication: bare, ..hello() }),
            ("protocol", StreamHello { protocol: PROTOCOL + 1, ..hello() }),
            ("source", StreamHello { source: "galway".into(), ..hello() }),
            ("target", StreamHello { target: "galway".into(), ..hello() }),
            ("older epoch", StreamHello { epoch: Epoch(4), ..hello() }),
            ("newer epoch", StreamHello { epoch: Epoch(6), ..hello() }),
        ];
        for (what, hello) in wrong {
            refused(what, verdict(&hello, &peer(), Some(&given)));
        }
        refused("scenario", verdict(&hello(), &peer(), None));
    }

    #[test]
    fn each_property_of_the_peer_alone_makes_it_refused() {
        let given = assignment();
        let wrong: [(&str, Peer); 4] = [
            ("key", Peer { key: "k2".to_owned(), ..peer() }),
            ("no key", Peer { key: String::new(), ..peer() }),
            ("host", Peer { host: Some("mx3".into()), ..peer() }),
            ("role", Peer { role: PeerRole::Controller, host: None, ..peer() }),
        ];
        for (what, peer) in wrong {
            refused(what, verdict(&hello(), &peer, Some(&given)));
        }
    }

    #[test]
    fn each_field_of_our_own_spec_alone_makes_it_refused() {
        type Change = fn(&mut Assignment);
        let wrong: [(&str, Change); 8] = [
            ("what is preserved", |a| a.replication.preserve.clear()),
            ("direction", |a| a.streams[0].direction = Direction::Out),
            ("source", |a| a.streams[0].source = "galway".into()),
            ("member", |a| a.member = "galway".into()),
            ("peer host", |a| a.streams[0].peer_host = "mx3".into()),
            ("peer has not joined", |a| a.streams[0].peer_key = None),
            ("stream epoch", |a| a.streams[0].epoch = Epoch(4)),
            ("epoch", |a| a.epoch = Epoch(4)),
        ];
        for (what, change) in wrong {
            let mut given = assignment();
            change(&mut given);
            refused(what, verdict(&hello(), &peer(), Some(&given)));
        }
        let given = assignment();
        refused(
            "unconfirmed",
            judge(&hello(), &peer(), Held { assignment: Some(&given), epoch: Epoch(5), confirmed: false }),
        );
        refused(
            "fenced",
            judge(&hello(), &peer(), Held { assignment: Some(&given), epoch: Epoch(6), confirmed: true }),
        );
    }

    #[test]
    fn only_agents_are_told_the_epoch() {
        let old = StreamHello { epoch: Epoch(4), ..hello() };
        let told = |peer: &Peer| match verdict(&old, peer, Some(&assignment())) {
            Verdict::Refuse { epoch, .. } => epoch,
            Verdict::Accept(_) => panic!("accepted"),
        };
        assert_eq!(told(&peer()), Epoch(5));
        assert_eq!(told(&Peer { role: PeerRole::Controller, host: None, ..peer() }), Epoch(0));
    }

    #[test]
    fn a_listed_peer_that_is_ahead_fences_an_active_host_and_nobody_else() {
        let ahead = |epoch| StreamHello { epoch: Epoch(epoch), ..hello() };
        let mut active = assignment();
        active.role = Role::Active;
        active.streams[0].direction = Direction::Out;
        let fenced = |hello: &StreamHello, peer: &Peer| match verdict(hello, peer, Some(&active)) {
            Verdict::Refuse { fence, .. } => fence,
            Verdict::Accept(_) => panic!("accepted"),
        };
        assert_eq!(fenced(&ahead(6), &peer()), Some(Epoch(6)));
        assert_eq!(fenced(&ahead(5), &peer()), None);
        assert_eq!(fenced(&ahead(u64::MAX), &peer()), None);
        assert_eq!(fenced(&ahead(6), &Peer { key: "k2".to_owned(), ..peer() }), None);
        assert_eq!(fenced(&ahead(6), &Peer { host: Some("mx3".into()), ..peer() }), None);
    }
}
