//! Who may call what: one table, and what it does not allow is refused.

use crate::identity::{Peer, PeerRole};
use model::HostName;

/// Everything one program can ask of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A host without a certificate shows its token.
    Join,
    /// An agent opens its session.
    Hello,
    /// An agent reports what it sees.
    Status,
    /// The source of a stream opens it at the target.
    Stream,
    /// The API's lists and watches.
    Read,
    /// Applies and runs.
    Change,
    /// Tokens: who belongs to this installation.
    Admin,
}

impl Call {
    pub const ALL: [Call; 7] =
        [Call::Join, Call::Hello, Call::Status, Call::Stream, Call::Read, Call::Change, Call::Admin];
}

/// Who calls, seen from the one who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// No certificate was shown.
    Nobody,
    /// The agent of the very host the call is about.
    Agent,
    /// An agent of some other host.
    OtherAgent,
    Controller,
    /// A local user on the controller's own socket who is root, the daemon's user or in its group.
    Operator,
}

impl Caller {
    pub const ALL: [Caller; 5] =
        [Caller::Nobody, Caller::Agent, Caller::OtherAgent, Caller::Controller, Caller::Operator];

    /// Places a network peer. `host` is the one the call is about: for `Hello` and `Status` the one it names,
    /// for `Stream` the `peer_host` of the stream in the receiver's own spec.
    pub fn of(peer: Option<&Peer>, host: &HostName) -> Self {
        match peer {
            None => Caller::Nobody,
            Some(peer) if peer.role == PeerRole::Controller => Caller::Controller,
            Some(peer) if peer.is_agent(host) => Caller::Agent,
            Some(_) => Caller::OtherAgent,
        }
    }
}

/// The table. A pair that is not in it is refused. A host that joins anew has to drop its old certificate first:
/// `Join` is for those who have none.
const ALLOWED: &[(Call, Caller)] = &[
    (Call::Join, Caller::Nobody),
    (Call::Hello, Caller::Agent),
    (Call::Status, Caller::Agent),
    (Call::Stream, Caller::Agent),
    (Call::Read, Caller::Operator),
    (Call::Change, Caller::Operator),
    (Call::Admin, Caller::Operator),
];

/// Tells whether the caller may make the call.
pub fn allowed(caller: Caller, call: Call) -> bool {
    ALLOWED.contains(&(call, caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out on purpose, in the order of `Caller::ALL`: a change of the table has to be made twice.
    fn expected(call: Call) -> [bool; 5] {
        match call {
            //             nobody agent  other  controller operator
            Call::Join => [true, false, false, false, false],
            Call::Hello => [false, true, false, false, false],
            Call::Status => [false, true, false, false, false],
            Call::Stream => [false, true, false, false, false],
            Call::Read => [false, false, false, false, true],
            Call::Change => [false, false, false, false, true],
            Call::Admin => [false, false, false, false, true],
        }
    }

    #[test]
    fn every_caller_and_every_call_is_decided() {
        for call in Call::ALL {
            for (caller, expected) in Caller::ALL.into_iter().zip(expected(call)) {
                assert_eq!(allowed(caller, call), expected, "{caller:?} {call:?}");
            }
        }
        assert!(ALLOWED.iter().all(|(call, caller)| Call::ALL.contains(call) && Caller::ALL.contains(caller)));
    }

    #[test]
    fn peers_are_placed_by_role_and_host() {
        let (mx1, mx2) = (HostName::from("mx1"), HostName::from("mx2"));
        let agent = Peer { role: PeerRole::Agent, host: Some(mx1.clone()), key: String::new() };
        let controller = Peer { role: PeerRole::Controller, host: None, key: String::new() };
        assert_eq!(Caller::of(None, &mx1), Caller::Nobody);
        assert_eq!(Caller::of(Some(&agent), &mx1), Caller::Agent);
        assert_eq!(Caller::of(Some(&agent), &mx2), Caller::OtherAgent);
        assert_eq!(Caller::of(Some(&controller), &mx1), Caller::Controller);
    }
}
