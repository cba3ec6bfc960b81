//! The workloads: one file each, and one line here.

mod append;
mod big_file;
mod block_writes;
mod catch_up;
mod change_set;
mod idle;
mod in_place;
mod mixed_tree;
mod single_change;
mod small_files;
mod steady_changes;
mod unchanged;
mod untar;
mod validate;

use crate::contest::Workload;

/// In the order in which they run.
pub const ALL: &[Workload] = &[
    small_files::WORKLOAD,
    big_file::WORKLOAD,
    mixed_tree::WORKLOAD,
    change_set::WORKLOAD,
    catch_up::WORKLOAD,
    in_place::WORKLOAD,
    append::WORKLOAD,
    unchanged::WORKLOAD,
    steady_changes::WORKLOAD,
    untar::WORKLOAD,
    block_writes::WORKLOAD,
    idle::WORKLOAD,
    single_change::WORKLOAD,
    validate::WORKLOAD,
];

pub fn names() -> String {
    ALL.iter().map(|workload| workload.name).collect::<Vec<_>>().join(", ")
}
