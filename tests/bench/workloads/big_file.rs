//! The first copy of one big file.

use super::small_files::{first_copies, one_thread};
use crate::{
    contest::{Workload, scaled},
    measure::{TIME, times},
    trees,
};

const BYTES: u64 = 4 << 30;

pub const WORKLOAD: Workload = Workload {
    name: "big-file",
    title: |scale| format!("first copy of one file of {} MiB", scaled(BYTES, scale) >> 20),
    targets: &[times(TIME, 0.6, "rsync")],
    run: |ground| {
        let tree = ground.tree(|root| trees::big_file(root, "image", ground.scaled(BYTES)))?;
        ground.contest(Some(&tree), &first_copies("cp", one_thread))
    },
};
