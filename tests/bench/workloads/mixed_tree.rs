//! The first copy of what a web and mail server holds.

use super::small_files::{first_copies, one_thread};
use crate::{
    contest::{Workload, scaled},
    measure::{TIME, times},
    trees,
};

/// About 3 GB.
const FILES: u64 = 20_000;

pub const WORKLOAD: Workload = Workload {
    name: "mixed-tree",
    title: |scale| format!("first copy of {} files of web and mail, 150 KB in the middle", scaled(FILES, scale)),
    targets: &[times(TIME, 0.7, "rsync")],
    run: |ground| {
        let tree = ground.tree(|root| trees::mixed_files(root, ground.scaled(FILES)))?;
        ground.contest(Some(&tree), &first_copies("cp", one_thread))
    },
};
