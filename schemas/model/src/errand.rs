//! One-shot orders. The order's id is `run/step/attempt`; a repeat is the same id and is answered from the agent's record.

use crate::{
    mark::Mark,
    names::{MemberName, PointName, RootName},
    units::Period,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identifies one attempt at one step of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrandId(pub String);

/// What the path of a step ends with while it is taken back.
pub const UNDO: &str = ".undo";

impl ErrandId {
    pub fn new(run: &str, step: &str, attempt: u32) -> Self {
        Self(format!("{run}/{step}/{attempt}"))
    }

    /// Run and step, the same for every attempt; taking the step back is another.
    pub fn step(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(step, _)| step)
    }

    /// Run and step, the same for every attempt at the step and at taking it back.
    pub fn stem(&self) -> &str {
        self.step().strip_suffix(UNDO).unwrap_or(self.step())
    }
}

impl fmt::Display for ErrandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Who is to do what once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Errand {
    pub member: MemberName,
    pub work: Work,
}

/// What is to be done once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Take a barrier: answer with the mark that holds everything written before now.
    Barrier,
    /// Send clients to `active_host`: run `check`; if it does not exit 0 run `command`, then `check` again.
    Redirect { point: PointName, active_host: String, command: Vec<String>, check: Vec<String>, timeout: Period },
    /// Run every monitoring check once; succeeds when all pass.
    Checks,
    /// Run these monitoring checks once; succeeds when all pass.
    SomeChecks { names: Vec<String> },
    /// Run a script for a step of a plan: when `check` exits 0 it is done already, else run `command`, then `check` again.
    Run { step: String, active_host: String, command: Vec<String>, check: Vec<String>, timeout: Period },
    /// Copy until equal from a full comparison, on every outgoing stream.
    Synchronize,
    /// Compare both sides fully, in one root or in all, and change nothing.
    Compare { root: Option<RootName> },
    /// Write a new identity for a root that was halted.
    AdoptRoot { root: RootName },
    /// Let the removals go that `digest` stands for and that the root is halted by.
    ApproveRemoval { root: RootName, digest: String },
}

/// How an errand stands, as its agent remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrandOutcome {
    /// Begun, with a word on how far it is.
    Running {
        progress: String,
    },
    Done(ErrandResult),
    Failed {
        message: String,
    },
    /// Begun before the agent stopped, and nobody knows how it ended.
    Interrupted {
        message: String,
    },
}

/// What an errand found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrandResult {
    /// One line for people.
    pub message: String,
    /// The position a barrier reached.
    pub mark: Option<Mark>,
    /// What a comparison found.
    pub comparison: Option<Comparison>,
    /// Hash of the script that ran, blake3 in hexadecimal.
    pub script: Option<String>,
}

/// Most differences a comparison lists; the rest is counted.
pub const DIFFERENCES_LISTED_MAX: usize = 1000;

/// A full comparison of both sides of the streams of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Comparison {
    pub entries: u64,
    pub bytes: u64,
    pub differences: u64,
    /// The first `DIFFERENCES_LISTED_MAX` of them, in path order.
    pub listed: Vec<Difference>,
    /// What could not be read on either side; a comparison with any is not complete.
    pub unreadable: u64,
}

/// One path that is not the same on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Difference {
    pub target: MemberName,
    pub root: RootName,
    /// Path below the root, escaped where it is not printable text.
    pub path: String,
    /// What differs, such as `only at the source`, `content`, `mode 0644 != 0600`.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_and_every_undo_of_a_step_has_the_same_stem() {
        let stem = |step: &str, attempt| ErrandId::new("r-1", step, attempt).stem().to_owned();
        assert_eq!([stem("3", 1), stem("3", 12), stem("3.undo", 1)], ["r-1/3", "r-1/3", "r-1/3"]);
        assert_eq!([stem("4.db.2", 1), stem("4.db.2.undo", 1)], ["r-1/4.db.2", "r-1/4.db.2"]);
        assert_ne!(stem("3", 1), stem("33", 1));
    }
}
