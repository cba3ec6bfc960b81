//! When many names go at once, and what that leads to.

use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most dangerous event is not a crash but a deletion that is replicated faithfully. When more than the given part
/// of a root's names goes within the given time, replication halts before that leaves the host, until a person
/// approves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MassChange {
    /// Whether replication halts. Otherwise whatever goes is removed on the replicas.
    #[schemars(example = true)]
    pub halt: bool,
    /// Part of the names of a root, in percent, that may go within the time.
    #[schemars(range(min = 1, max = 99), extend("x-unit" = "percent"), example = 30)]
    pub removed_percent: u8,
    /// Names that may go within the time, however small the root is.
    #[schemars(extend("x-unit" = "names"), example = 1000)]
    pub removed_min: u32,
    /// Time within which removals are counted together.
    #[schemars(example = &"10m")]
    pub within: Period,
}

/// The longest `within`, which is how long removals are remembered.
pub const WITHIN_MAX: Duration = Duration::from_secs(24 * 3600);

impl Default for MassChange {
    fn default() -> Self {
        Self { halt: true, removed_percent: 30, removed_min: 1000, within: Period::from_secs(600) }
    }
}

impl MassChange {
    /// Whether `removed` of `of` names is too much to go unasked.
    pub fn is_passed_by(&self, removed: u64, of: u64) -> bool {
        let share_of_all = u128::from(of) * u128::from(self.removed_percent);
        self.halt && removed > u64::from(self.removed_min) && u128::from(removed) * 100 > share_of_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_the_part_and_the_number_have_to_be_passed() {
        let usual = MassChange::default();
        let passed = |removed, of| usual.is_passed_by(removed, of);
        assert!(!passed(1000, 1000), "a small tree may go as a whole, as far as this is concerned");
        assert!(passed(1001, 1001) && passed(1001, 3336) && !passed(1001, 3337));
        assert!(passed(300_001, 1_000_000) && !passed(300_000, 1_000_000));
        assert!(passed(u64::MAX, u64::MAX));
        let all = MassChange { removed_percent: 100, ..usual.clone() };
        assert!(!all.is_passed_by(u64::MAX, u64::MAX), "all of it is not more than all of it");
        assert!(!MassChange { halt: false, ..usual }.is_passed_by(5000, 5000));
    }
}
