//! Facts that are not in git: who is active, at which epoch, where clients point. Runs are its only writer.

use crate::{
    errand::{Errand, ErrandId},
    mark::Epoch,
    names::{MemberName, PointName},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The live role of a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Accepts writes and is the source of every stream.
    Active,
    /// Accepts no writes but those of its stream.
    #[default]
    Standby,
    /// Was active and may not take writes any more; nothing replicates to it.
    Fenced,
}

/// What the ledger knows of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Member {
    pub role: Role,
    /// Where its changes come from; the edges of all members are the streams.
    pub upstream: Option<MemberName>,
    /// Set when it stopped being active, until it is promoted again: what differs there is set aside, never overwritten.
    pub divergence: Option<Divergence>,
}

/// How a member stopped being active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Divergence {
    /// The epoch that ended its activity.
    pub since: Epoch,
    /// Whether everything it had captured was proven to be at its successor (a switchover) or not (a failover).
    pub drained: bool,
    /// Whether it was told to follow its successor since: what it holds may be of different times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub followed: bool,
}

/// Why it is safe to believe that the old active accepts no more writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceProof {
    /// Its own agent said so, at this epoch.
    Agent(Epoch),
    /// A person said so.
    Operator { name: String, text: String },
}

/// Roles and everything else that a run may change, for one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// Rises with every change that is published.
    pub revision: u64,
    pub epoch: Epoch,
    pub members: BTreeMap<MemberName, Member>,
    /// Whether the home primary receives changes while another member is active.
    pub reverse: bool,
    /// Where the services should run; `None`: nowhere.
    pub serving: Option<MemberName>,
    /// Which member each redirection point sends clients to.
    pub redirected: BTreeMap<PointName, MemberName>,
    pub suspended: Option<Suspended>,
    /// Proofs by the epoch at which the member was fenced.
    pub proofs: BTreeMap<Epoch, (MemberName, FenceProof)>,
    /// Which member became active at which epoch.
    pub lineage: BTreeMap<Epoch, MemberName>,
    /// One-shot orders and the member that carries each out.
    pub errands: BTreeMap<ErrandId, Errand>,
}

/// Why nothing is replicated for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspended {
    pub reason: String,
    pub by: String,
}

impl Ledger {
    /// The member that accepts writes, if any does.
    pub fn active(&self) -> Option<&MemberName> {
        self.members.iter().find(|(_, member)| member.role == Role::Active).map(|(name, _)| name)
    }

    pub fn role(&self, member: &MemberName) -> Role {
        self.members.get(member).map_or(Role::Standby, |m| m.role)
    }
}
