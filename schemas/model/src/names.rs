//! Names: one type for each thing that has one, so that a host cannot be passed where a member is meant.

use serde::{Deserialize, Serialize};

/// Longest name of an object, as in DNS labels.
pub const NAME_LENGTH_MAX: usize = 63;

/// Words that stand for a role and therefore cannot name a host or a replica.
pub const RESERVED_NAMES: [&str; 3] = ["primary", "active", "target"];

/// Tells whether `text` has the shape every object name must have: `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`.
pub fn is_name(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    bytes.len() <= NAME_LENGTH_MAX
        && alphanumeric(*first)
        && alphanumeric(*last)
        && bytes.iter().all(|b| alphanumeric(*b) || *b == b'-')
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )*};
}

names! {
    /// Name of a machine with an agent.
    HostName,
    /// Name of a scenario.
    ScenarioName,
    /// Name of one side of a scenario: `primary`, or the name of a replica.
    MemberName,
    /// Name of a replicated directory tree; the two sides are matched by it.
    RootName,
    /// Name of one way in which clients are redirected.
    PointName,
    /// Name of a RecoveryPlan.
    PlanName,
    /// Identifier of a run, such as `r-7q4k`.
    RunId,
}

impl MemberName {
    /// The member that is at home in the active role.
    pub fn primary() -> Self {
        Self("primary".to_owned())
    }

    pub fn is_primary(&self) -> bool {
        self.0 == "primary"
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "mx1", "a-b", &"a".repeat(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
