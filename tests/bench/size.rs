//! How much is measured.

use std::time::Duration;

/// The counts of a run.
pub struct Size {
    /// Files of the tree that latency is measured in, and of the first copy.
    pub files: u32,
    pub changes: u32,
    /// No more changes are begun after this time, for who needs long for each.
    pub changes_time: Duration,
    /// Changes a second beside the measured ones.
    pub load: u32,
    pub big_files: u32,
    pub big_bytes: usize,
    pub missed: u32,
    /// Scenarios that are validated; a tenth and ten times as many to see growth.
    pub manifests: u32,
}

impl Size {
    pub fn full() -> Self {
        Self {
            files: 20_000,
            changes: 1_000,
            changes_time: Duration::from_secs(15),
            load: 200,
            big_files: 8,
            big_bytes: 128 << 20,
            missed: 10_000,
            manifests: 1_000,
        }
    }

    /// To see that everything still runs.
    pub fn quick() -> Self {
        Self {
            files: 1_000,
            changes: 50,
            changes_time: Duration::from_secs(5),
            load: 200,
            big_files: 2,
            big_bytes: 16 << 20,
            missed: 500,
            manifests: 100,
        }
    }
}
