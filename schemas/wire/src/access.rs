//! Who may call what: one table, and what it does not allow is refused.

use crate::identity::{Peer, PeerRole};
use model::{HostName, view::Verb};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything one program can ask of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A host without a certificate shows its token.
    Join,
    /// An agent opens its session.
    Hello,
    /// An agent reports what it sees.
    Status,
    /// An agent asks for the next certificate of its key.
    Renew,
    /// The source of a stream opens it at the target.
    Stream,
    /// The API's lists and watches, and what only computes: differences and plans.
    Read,
    /// Runs: started, taken up again, aborted.
    Operate,
    /// Settings, and what makes a wrong root the right one.
    Change,
    /// Tokens: who belongs to this installation.
    Admin,
}

impl Call {
    pub const ALL: [Call; 9] = [
        Call::Join,
        Call::Hello,
        Call::Status,
        Call::Renew,
        Call::Stream,
        Call::Read,
        Call::Operate,
        Call::Change,
        Call::Admin,
    ];

    /// The smallest role that may make the call; `None` when it is for programs only.
    pub fn role_needed(self) -> Option<Role> {
        Role::ALL.into_iter().find(|role| allowed(role.caller(), self))
    }
}

/// What starting a run of this kind is. A root that is adopted is a setting that stands outside of git, and what an
/// approval lets go is gone.
pub fn call_of_verb(verb: Verb) -> Call {
    match verb {
        Verb::AdoptRoot | Verb::Approve => Call::Change,
        _ => Call::Operate,
    }
}

/// What a person may do; each may do what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Reads, compares, plans.
    Viewer,
    /// Also starts, resumes and aborts runs.
    Operator,
    /// Also applies, adopts roots, approves removals and makes tokens.
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }

    /// How the table knows a person of this role.
    pub fn caller(self) -> Caller {
        match self {
            Role::Viewer => Caller::Viewer,
            Role::Operator => Caller::Operator,
            Role::Admin => Caller::Admin,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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
    /// A person with a token of this role.
    Viewer,
    /// A person with a token of this role.
    Operator,
    /// A person with a token of this role; or a local user on the controller's own socket who is root, the daemon's
    /// user or in its group.
    Admin,
}

impl Caller {
    pub const ALL: [Caller; 7] = [
        Caller::Nobody,
        Caller::Agent,
        Caller::OtherAgent,
        Caller::Controller,
        Caller::Viewer,
        Caller::Operator,
        Caller::Admin,
    ];

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
    (Call::Renew, Caller::Agent),
    (Call::Stream, Caller::Agent),
    (Call::Read, Caller::Viewer),
    (Call::Read, Caller::Operator),
    (Call::Read, Caller::Admin),
    (Call::Operate, Caller::Operator),
    (Call::Operate, Caller::Admin),
    (Call::Change, Caller::Admin),
    (Call::Admin, Caller::Admin),
];

/// Tells whether the caller may make the call.
pub fn allowed(caller: Caller, call: Call) -> bool {
    ALLOWED.contains(&(call, caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out on purpose, in the order of `Caller::ALL`: a change of the table has to be made twice.
    fn expected(call: Call) -> [bool; 7] {
        match call {
            //                nobody agent  other  controller viewer operator admin
            Call::Join => [true, false, false, false, false, false, false],
            Call::Hello => [false, true, false, false, false, false, false],
            Call::Status => [false, true, false, false, false, false, false],
            Call::Renew => [false, true, false, false, false, false, false],
            Call::Stream => [false, true, false, false, false, false, false],
            Call::Read => [false, false, false, false, true, true, true],
            Call::Operate => [false, false, false, false, false, true, true],
            Call::Change => [false, false, false, false, false, false, true],
            Call::Admin => [false, false, false, false, false, false, true],
        }
    }

    #[test]
    fn a_greater_role_may_do_what_a_smaller_one_may() {
        for call in Call::ALL {
            let may: Vec<bool> = Role::ALL.map(|role| allowed(role.caller(), call)).to_vec();
            assert!(may.is_sorted(), "{call:?}: {may:?}");
            assert_eq!(call.role_needed(), Role::ALL.into_iter().zip(may).find(|(_, may)| *may).map(|(role, _)| role));
        }
        assert_eq!(Call::Join.role_needed(), None);
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
