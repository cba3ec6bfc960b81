//! The specs of the kinds people write.

use crate::{
    elements::{
        mass_change::MassChange,
        monitoring::Monitoring,
        redirection::Redirection,
        replication::Replication,
        roots::{ReplicaRoot, Root},
        services::Services,
        spool::Spool,
        switchover::Switchover,
        synchronization::Synchronization,
    },
    names::{HostName, MemberName},
};
use serde::{Deserialize, Serialize};

/// Port on which an agent listens for replication when `replicationAddress` names none.
pub const REPLICATION_PORT: u16 = 25001;

/// One server with an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostSpec {
    /// Address, or address and port, at which other agents reach this one. Never moved by a redirection.
    #[schemars(example = &"10.20.0.10")]
    pub replication_address: String,
}

impl HostSpec {
    /// `replicationAddress` with its port, the default one when none is written.
    pub fn replication_endpoint(&self) -> String {
        let text = &self.replication_address;
        let bare_ipv6 = text.matches(':').count() > 1 && !text.contains(']');
        let has_port = !bare_ipv6 && text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        match (has_port, bare_ipv6) {
            (true, _) => text.clone(),
            (false, true) => format!("[{text}]:{REPLICATION_PORT}"),
            (false, false) => format!("{text}:{REPLICATION_PORT}"),
        }
    }
}

/// What is protected, from where to where, and how clients follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"Postfix and Dovecot, Frankfurt to Dublin")]
    pub description: Option<String>,
    /// The home of the active role.
    #[schemars(example = serde_json::json!({"host": "mx1", "roots": [{"name": "mailboxes", "path": "/srv/vmail"}]}))]
    pub primary: Primary,
    /// The stand-ins.
    #[schemars(
        length(min = 1),
        example = serde_json::json!([{"name": "dublin", "host": "mx2", "roots": [{"name": "mailboxes", "path": "/srv/vmail"}]}])
    )]
    pub replicas: Vec<Replica>,
    /// How changes are carried to the replicas, and what of them.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"bandwidth": [{"limit": "50Mbit/s"}]}))]
    pub replication: Replication,
    /// How the two sides are made equal.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"orphans": "quarantine"}))]
    pub synchronization: Synchronization,
    /// When so much goes at once that a person is asked first.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"removedPercent": 30, "within": "10m"}))]
    pub mass_change: MassChange,
    /// How the active host is found to be well.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"interval": "30s"}))]
    pub monitoring: Monitoring,
    /// What runs on the active host only.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"commands": []}))]
    pub services: Services,
    /// How clients follow, in the order in which it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!([{"name": "forwarder", "script": {"command": ["forward"]}}]))]
    pub redirection: Vec<Redirection>,
    /// When and under which conditions the work moves.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"trigger": "manual"}))]
    pub switchover: Switchover,
}

/// The home of the active role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Primary {
    /// Name of a Host.
    #[schemars(example = &"mx1")]
    pub host: HostName,
    /// The directory trees that are replicated.
    #[schemars(length(min = 1), example = serde_json::json!([{"name": "mailboxes", "path": "/srv/vmail"}]))]
    pub roots: Vec<Root>,
    /// Where changes wait while this host is the source.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"maxSize": "40GiB"}))]
    pub spool: Spool,
}

/// A stand-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replica {
    /// Name of the replica, unique in the scenario.
    #[schemars(example = &"dublin")]
    pub name: MemberName,
    /// Name of a Host.
    #[schemars(example = &"mx2")]
    pub host: HostName,
    /// The directory trees, matched to the primary's by name.
    #[schemars(length(min = 1), example = serde_json::json!([{"name": "mailboxes", "path": "/srv/vmail"}]))]
    pub roots: Vec<ReplicaRoot>,
    /// Where changes wait while this host is the source.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"maxSize": "40GiB"}))]
    pub spool: Spool,
}

impl ScenarioSpec {
    /// All members in manifest order: the primary first.
    pub fn members(&self) -> impl Iterator<Item = (MemberName, &HostName)> {
        let primary = std::iter::once((MemberName::primary(), &self.primary.host));
        primary.chain(self.replicas.iter().map(|replica| (replica.name.clone(), &replica.host)))
    }

    pub fn host_of(&self, member: &MemberName) -> Option<&HostName> {
        self.members().find(|(name, _)| name == member).map(|(_, host)| host)
    }

    pub fn replica(&self, member: &MemberName) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.name == *member)
    }

    /// The roots as `member` sees them: its own paths and losses, with the primary's excludes. Roots it lacks are left out.
    pub fn roots_of(&self, member: &MemberName) -> Vec<Root> {
        let Some(replica) = self.replica(member) else {
            return if member.is_primary() { self.primary.roots.clone() } else { Vec::new() };
        };
        let at_replica = |root: &Root| {
            let own = replica.roots.iter().find(|own| own.name == root.name)?;
            Some(Root { path: own.path.clone(), lossy: own.lossy.clone(), ..root.clone() })
        };
        self.primary.roots.iter().filter_map(at_replica).collect()
    }

    pub fn spool_of(&self, member: &MemberName) -> Spool {
        self.replica(member).map_or(&self.primary.spool, |replica| &replica.spool).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_gets_the_default_port() {
        let endpoint = |text: &str| HostSpec { replication_address: text.to_owned() }.replication_endpoint();
        assert_eq!(endpoint("10.0.0.1"), "10.0.0.1:25001");
        assert_eq!(endpoint("10.0.0.1:7"), "10.0.0.1:7");
        assert_eq!(endpoint("mx1.example"), "mx1.example:25001");
        assert_eq!(endpoint("2001:db8::1"), "[2001:db8::1]:25001");
        assert_eq!(endpoint("[2001:db8::1]:9"), "[2001:db8::1]:9");
    }
}
